//! Did you mean?

use super::value::quoted;

/// The candidate that `word` was probably meant to be, if one is near enough.
///
/// Near is one typing error (a letter too many, too few, wrong, or swapped with the next) for
/// every three letters of `word`, at least one. Upper and lower case count as the same. The first
/// of equally near candidates wins.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let letters = word.chars().count();
    let bound = (letters / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= bound && *distance < letters)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean …?` if a candidate is near, else all of them after `otherwise`, else nothing.
pub fn hint<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    otherwise: &str,
) -> Option<String> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    if let Some(near) = suggest(word, candidates.iter().copied()) {
        return Some(format!("did you mean {}?", quoted(near)));
    }
    if candidates.is_empty() {
        return None;
    }
    Some(format!("{otherwise} {}", list(candidates)))
}

/// The words in backticks, with commas.
pub(super) fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::suggest;

    #[test]
    fn the_nearest_candidate_is_suggested() {
        assert_eq!(suggest("timeuot", ["name", "timeout", "timeouts"]), Some("timeout"));
        assert_eq!(suggest("ordres", ["users", "orders"]), Some("orders"));
        assert_eq!(suggest("GateWay", ["gateway"]), Some("gateway"));
    }

    #[test]
    fn a_far_candidate_is_not() {
        assert_eq!(suggest("path", ["host"]), None);
        assert_eq!(suggest("x", ["name"]), None);
        assert_eq!(suggest("x", ["y"]), None);
        assert_eq!(suggest("", ["name"]), None);
        assert_eq!(suggest("name", []), None);
    }
}

//! What can be read off a regex without running it.

/// The whole segments that every match of an anchored pattern begins with, without a final slash:
/// `/api/v1` for `^(?:/api/v1/[0-9]+)$`, the empty text if nothing can be said.
///
/// Errs on the side of saying less. Flags are respected because they stand in the pattern.
pub(super) fn literal_segments(pattern: &str) -> String {
    let Some(body) = body(pattern) else {
        return String::new();
    };
    let mut literal = literal_start(body);
    literal.truncate(literal.rfind('/').unwrap_or(0));
    literal
}

/// A pattern without its anchors and the group around it; none if it does not begin at the start
/// of the text or has alternatives.
fn body(pattern: &str) -> Option<&str> {
    let anchored = pattern.strip_prefix('^').or_else(|| pattern.strip_prefix(r"\A"))?;
    let body = match anchored.strip_prefix("(?:") {
        Some(group) => {
            let (inner, after) = split_group(group)?;
            matches!(after, "" | "$" | r"\z").then_some(inner)?
        }
        None => anchored,
    };
    let body = body.strip_prefix('^').unwrap_or(body);
    (!has_flags(body) && !has_alternatives(body)).then_some(body)
}

/// Splits at the parenthesis that closes a group whose opening one has been taken.
fn split_group(pattern: &str) -> Option<(&str, &str)> {
    let (end, _) = meta(pattern).find(|(_, (depth, token))| *depth == 0 && *token == ')')?;
    Some((pattern.get(..end)?, pattern.get(end + 1..)?))
}

fn has_alternatives(pattern: &str) -> bool {
    meta(pattern).any(|(_, (depth, token))| depth <= 0 && token == '|')
}

/// The parentheses and bars that have a meaning, each with its place and the number of groups open
/// before it.
fn meta(pattern: &str) -> impl Iterator<Item = (usize, (i32, char))> {
    let mut before = ' ';
    let mut escaped = false;
    let mut classes = 0_u32;
    let mut depth = 0;
    pattern.char_indices().filter_map(move |(at, token)| {
        if std::mem::take(&mut escaped) {
            before = ' ';
            return None;
        }
        // A class may begin with a literal `]`, and may hold classes.
        let first_of_class = classes > 0 && matches!(before, '[' | '^');
        let open = depth;
        match token {
            '\\' => escaped = true,
            '[' => classes += 1,
            ']' if !first_of_class => classes = classes.saturating_sub(1),
            '(' if classes == 0 => depth += 1,
            ')' if classes == 0 => depth -= 1,
            _ => {}
        }
        // `^` is the start of a class only right after its bracket.
        before = if token == '^' && before != '[' { ' ' } else { token };
        (classes == 0 && matches!(token, '(' | ')' | '|')).then_some((at, (open, token)))
    })
}

/// Whether a group sets flags, which may change what all other characters mean.
fn has_flags(pattern: &str) -> bool {
    pattern.split("(?").skip(1).any(|group| !group.starts_with([':', '<', 'P']))
}

/// The characters at the start that stand for themselves, each exactly once.
fn literal_start(pattern: &str) -> String {
    let mut literal = String::new();
    let mut chars = pattern.chars().peekable();
    while let Some(token) = chars.next() {
        let character = match token {
            '\\' => match chars.next() {
                Some(escaped) if escaped.is_ascii_punctuation() => escaped,
                _ => break,
            },
            '.' | '[' | ']' | '(' | ')' | '{' | '}' | '*' | '+' | '?' | '^' | '$' | '|' => break,
            other => other,
        };
        if matches!(chars.peek(), Some('*' | '?' | '+' | '{')) {
            break;
        }
        literal.push(character);
    }
    literal
}

#[cfg(test)]
mod tests {
    use super::literal_segments;

    #[track_caller]
    fn check(pattern: &str, expected: &str) {
        regex::Regex::new(pattern).expect(pattern);
        assert_eq!(literal_segments(pattern), expected, "{pattern}");
    }

    #[test]
    fn segments_before_the_first_variable_part_are_found() {
        check("^(?:/api/v1/[0-9]+)$", "/api/v1");
        check(r"^/api/v1/\d+$", "/api/v1");
        check(r"\A(?:/a\.b/c\-d/.*)\z", "/a.b/c-d");
        check("^(?:^/api/x.*$)$", "/api");
        check("^(?:/a/(b|c)/d)$", "/a");
        check("^(?:/a/[|(]/d)$", "/a");
        check("^(?:/a/[][(]]/(?<id>x|y))$", "/a");
        check("^(?:/api/v1)$", "/api");
    }

    #[test]
    fn nothing_is_said_about_what_varies() {
        check("/api/v1/.*", "");
        check("^(?:/a/b|/c/d)$", "");
        check("^(?:/a/b)?/c/d$", "");
        check("^(?:/a/b/)|/c$", "");
        check("^(?i:/a/b/c)$", "");
        check("^(?:(?i)/a/b/c)$", "");
        check("^(?:/a/b/?c)$", "/a");
        check("^(?:/a/b/*c/d)$", "/a");
        check("^(?:/a/b/{0,2}c/d)$", "/a");
        check(r"^(?:/a/\w/c)$", "/a");
        check("^/a/b[]((]|/c", "");
        check("^(?:/a/b[^](]*)?/c(x)$", "");
        check("^(?:/a/b(?x) # (\n)?|/c$", "");
        check(r"^(?:/a\x2Fb/c)$", "");
    }
}

//! Braces in paths: patterns that capture, and templates that use what was captured.

use super::path;
use super::suggest;
use super::value::{Value, quoted};
use super::{Captures, Part, PathMatcher, Pattern, Segment, Template};

/// A path with `{name}` for whole segments, and `{name+}` for all that is left.
pub(super) fn pattern(value: &Value<'_>, encoded_slash: bool) -> Option<Pattern> {
    let text = value.text()?;
    let mut segments: Vec<Segment> = Vec::new();
    let mut sample = String::new();
    if !text.value.contains('{') {
        let finding = value.finding("a pattern has at least one parameter, such as `{id}`");
        return value.refuse(finding.hint("a path without parameters is `exact` or a `prefix`"));
    }
    for part in text.value.strip_prefix('/').unwrap_or(&text.value).split('/') {
        if matches!(segments.last(), Some(Segment::Rest(_))) {
            let finding = value.finding("`{name+}` stands for the rest of the path");
            return value.refuse(finding.label("nothing can stand behind it"));
        }
        let segment = segment(value, part)?;
        sample.push('/');
        match &segment {
            Segment::Literal(text) => sample.push_str(text),
            Segment::Parameter(name) | Segment::Rest(name) => {
                if segments.iter().any(|other| is_called(other, name)) {
                    let message = format!("two parameters are called {}", quoted(name));
                    return value.refuse(value.finding(message));
                }
                sample.push('x');
            }
        }
        segments.push(segment);
    }
    if !text.value.starts_with('/') {
        sample.remove(0);
    }
    path::check(value, &sample, encoded_slash)?;
    Some(Pattern::new(segments))
}

fn is_called(segment: &Segment, wanted: &str) -> bool {
    match segment {
        Segment::Literal(_) => false,
        Segment::Parameter(name) | Segment::Rest(name) => name == wanted,
    }
}

fn segment(value: &Value<'_>, part: &str) -> Option<Segment> {
    if !part.contains(['{', '}']) {
        return Some(Segment::Literal(part.to_owned()));
    }
    let inner = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let (name, is_rest) = match inner.map(|inner| (inner, inner.strip_suffix('+'))) {
        Some((_, Some(name))) => (name, true),
        Some((name, None)) => (name, false),
        None => {
            let finding = value.finding("a parameter is a whole segment, such as `/{id}/`");
            return value.refuse(finding.hint("a `regex` can capture parts of a segment"));
        }
    };
    if !is_name(name) {
        let finding = value.finding(format!("{} cannot be the name of a parameter", quoted(name)));
        return value.refuse(finding.hint("letters, digits and `_`, beginning with a letter"));
    }
    let name = name.to_owned();
    Some(if is_rest { Segment::Rest(name) } else { Segment::Parameter(name) })
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A path that replaces another.
pub(super) enum Replacement {
    /// Without braces.
    Plain(String),
    /// With braces.
    Template(Template),
}

/// Reads a path that may be a template; `matched` is the route's condition for the path.
pub(super) fn read(
    value: &Value<'_>,
    matched: Option<&PathMatcher>,
    encoded_slash: bool,
) -> Option<Replacement> {
    let text = value.text()?;
    if !text.value.contains(['{', '}']) {
        return path::read(value, encoded_slash).map(Replacement::Plain);
    }
    let captures = match matched? {
        PathMatcher::Pattern(pattern) => Captures::Pattern(pattern.clone()),
        PathMatcher::Regex(regex) => Captures::Regex(regex.clone()),
        PathMatcher::Exact(_) | PathMatcher::Prefix(_) | PathMatcher::Start { .. } => {
            let finding = value.finding("the route's path captures nothing");
            let hint = "match a pattern such as `path = { pattern = \"/users/{id}\" }`, or a \
                        `regex` with groups";
            return value.refuse(finding.hint(hint));
        }
    };
    let (mut parts, mut sample) = (Vec::new(), String::new());
    let mut left = text.value.as_ref();
    while let Some((before, after)) = left.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else { return unpaired(value) };
        parts.push(Part::Literal(before.to_owned()));
        parts.push(Part::Value(index(value, &captures, name)?));
        sample.push_str(before);
        sample.push('x');
        left = behind;
    }
    parts.push(Part::Literal(left.to_owned()));
    sample.push_str(left);
    if sample.contains('}') {
        return unpaired(value);
    }
    parts.retain(|part| !matches!(part, Part::Literal(text) if text.is_empty()));
    path::check(value, &sample, encoded_slash)?;
    let written = value.quoted().unwrap_or_default().trim_matches('`').to_owned();
    Some(Replacement::Template(Template::new(written, parts, captures)))
}

fn unpaired<T>(value: &Value<'_>) -> Option<T> {
    let finding = value.finding("a brace has no other one");
    value.refuse(finding.hint("write `%7B` and `%7D` for braces themselves"))
}

/// The index of a parameter, or the number of a group.
fn index(value: &Value<'_>, captures: &Captures, name: &str) -> Option<usize> {
    let (found, names): (Option<usize>, Vec<String>) = match captures {
        Captures::Pattern(pattern) => (
            pattern.names().position(|known| known == name),
            pattern.names().map(str::to_owned).collect(),
        ),
        Captures::Regex(regex) => {
            let number = name.parse().ok().filter(|number| *number < regex.captures_len());
            let named = || regex.capture_names().position(|known| known == Some(name));
            let numbered = regex.capture_names().enumerate().skip(1);
            let all = numbered.map(|(number, name)| name.map_or(number.to_string(), str::to_owned));
            (number.or_else(named), all.collect())
        }
    };
    found.or_else(|| {
        let finding = value.finding(format!("the route's path captures no {}", quoted(name)));
        let names = names.iter().map(String::as_str);
        value.refuse(finding.maybe_hint(suggest::hint(name, names, "it captures")))
    })
}

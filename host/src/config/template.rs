//! Braces: patterns that capture, and templates that use what was captured.

use super::path;
use super::suggest;
use super::value::{Value, quoted};
use super::{Captures, HostMatcher, Matcher, Part, PathMatcher, Pattern, Segment, Template};

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

/// A text that may have places for what was captured.
pub(super) enum Words {
    /// Without a place; doubled braces are single ones.
    Plain(String),
    /// With places.
    Template(Template),
}

/// Reads a text that is no path: `{name}` is what the route's path has captured, `{*}` what the star
/// of its host stands for, and `{{` and `}}` are braces. `matcher` is the route's match, if it could
/// be read.
pub(super) fn words(value: &Value<'_>, matcher: Option<&Matcher>) -> Option<Words> {
    let text = value.text()?;
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut left = text.value.as_ref();
    while let Some(at) = left.find(['{', '}']) {
        let (before, behind) = left.split_at(at);
        literal.push_str(before);
        if let Some(after) = behind.strip_prefix("{{") {
            literal.push('{');
            left = after;
        } else if let Some(after) = behind.strip_prefix("}}") {
            literal.push('}');
            left = after;
        } else {
            let named = behind.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            let Some((name, after)) = named else {
                let finding = value.finding("a brace has no other one");
                return value.refuse(finding.hint("write `{{` and `}}` for braces themselves"));
            };
            parts.push(Part::Literal(std::mem::take(&mut literal)));
            parts.push(place(value, name, matcher?)?);
            left = after;
        }
    }
    literal.push_str(left);
    if parts.is_empty() {
        return Some(Words::Plain(literal));
    }
    parts.push(Part::Literal(literal));
    parts.retain(|part| !matches!(part, Part::Literal(text) if text.is_empty()));
    let matcher = matcher?;
    let captures = match &matcher.path {
        PathMatcher::Pattern(pattern) => Captures::Pattern(pattern.clone()),
        PathMatcher::Regex(regex) => Captures::Regex(regex.clone()),
        PathMatcher::Exact(_) | PathMatcher::Prefix(_) | PathMatcher::Start { .. } => {
            Captures::Nothing
        }
    };
    let written = text.value.into_owned();
    Some(Words::Template(Template::new(written, parts, captures).below(suffixes(matcher))))
}

/// One place of a text.
fn place(value: &Value<'_>, name: &str, matcher: &Matcher) -> Option<Part> {
    if name == "*" {
        let has_star = |host: &HostMatcher| matches!(host, HostMatcher::Suffix(_));
        if !matcher.hosts.is_empty() && matcher.hosts.iter().all(has_star) {
            return Some(Part::Star);
        }
        let finding = value.finding("`{*}` needs a star in each host of the route");
        return value.refuse(finding.hint("match a host such as `host = \"*.example.com\"`"));
    }
    let captures = match &matcher.path {
        PathMatcher::Pattern(pattern) => Captures::Pattern(pattern.clone()),
        PathMatcher::Regex(regex) => Captures::Regex(regex.clone()),
        PathMatcher::Exact(_) | PathMatcher::Prefix(_) | PathMatcher::Start { .. } => {
            let message = format!("the route's path captures no {}", quoted(name));
            let hint = "match a pattern such as `path = { pattern = \"/users/{id}\" }`, or write \
                        `{{` and `}}` for braces themselves";
            return value.refuse(value.finding(message).hint(hint));
        }
    };
    match find(&captures, name) {
        Ok(index) => Some(Part::Value(index)),
        Err(names) => {
            let finding = value.finding(format!("the route's path captures no {}", quoted(name)));
            let names = names.iter().map(String::as_str);
            let braces = "write `{{` and `}}` for braces themselves";
            let hint = match suggest::hint(name, names, "it captures") {
                Some(hint) if hint.starts_with("did") => hint,
                Some(hint) => format!("{hint}; {braces}"),
                None => braces.to_owned(),
            };
            value.refuse(finding.hint(hint))
        }
    }
}

/// What stands behind the stars of the route's hosts.
fn suffixes(matcher: &Matcher) -> Vec<String> {
    let suffix = |host: &HostMatcher| match host {
        HostMatcher::Suffix(suffix) => Some(suffix.clone()),
        HostMatcher::Exact(_) => None,
    };
    matcher.hosts.iter().filter_map(suffix).collect()
}

/// The index of a parameter, or the number of a group.
fn index(value: &Value<'_>, captures: &Captures, name: &str) -> Option<usize> {
    match find(captures, name) {
        Ok(index) => Some(index),
        Err(names) => {
            let finding = value.finding(format!("the route's path captures no {}", quoted(name)));
            let names = names.iter().map(String::as_str);
            value.refuse(finding.maybe_hint(suggest::hint(name, names, "it captures")))
        }
    }
}

/// The same; the error is what there is.
fn find(captures: &Captures, name: &str) -> Result<usize, Vec<String>> {
    let (found, names): (Option<usize>, Vec<String>) = match captures {
        Captures::Nothing => (None, Vec::new()),
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
    found.ok_or(names)
}

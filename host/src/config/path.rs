//! Paths of routes, which must already be in canonical form.
//!
//! Requests are brought into that form before they are matched, so a path that is not in it would
//! never match.

use super::value::Value;

/// What is wrong with a path, and the way out.
type Fault = (&'static str, Option<String>);

/// Encoded characters that mean something else to each server.
const AMBIGUOUS: [&str; 2] = ["2F", "5C"];

/// Encoded or not.
const CONTROL: Fault = ("it has a control character, which no request may have", None);

/// A canonical path. `encoded_slash` is whether `%2F` and `%5C` may be in it.
pub(super) fn read(value: &Value<'_>, encoded_slash: bool) -> Option<String> {
    let text = value.text()?;
    let shown = if text.literal().is_some() { Some } else { |_| None };
    match fault(&text.value, shown, encoded_slash) {
        None => Some(text.value.into_owned()),
        Some((reason, hint)) => {
            let finding = value.finding(format!("{} is not a path: {reason}", text.quoted()));
            value.refuse(finding.maybe_hint(hint))
        }
    }
}

/// A canonical path without a final slash, unless it is all there is.
pub(super) fn prefix(value: &Value<'_>, encoded_slash: bool) -> Option<String> {
    let path = read(value, encoded_slash)?;
    Some(match path.strip_suffix('/') {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => path,
    })
}

/// The rest of `path` behind `prefix`, if that ends where a segment ends.
pub(super) fn behind<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(prefix)?;
    (prefix == "/" || rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// Whether `sample` is a canonical path, which stands for what the value says.
pub(super) fn check(value: &Value<'_>, sample: &str, encoded_slash: bool) -> Option<()> {
    let Some((reason, hint)) = fault(sample, |_| None, encoded_slash) else { return Some(()) };
    let finding = value.finding(format!("{} is not a path: {reason}", value.text()?.quoted()));
    value.refuse(finding.maybe_hint(hint))
}

/// What is `shown` of a hint with a path in it: nothing if the path is not in the file as it is.
fn fault(path: &str, shown: fn(String) -> Option<String>, encoded_slash: bool) -> Option<Fault> {
    if !path.starts_with('/') {
        return Some(("it must begin with `/`", shown(format!("write `/{path}`"))));
    }
    if path.contains(['?', '#']) {
        let hint = "conditions for the query go into `match.query`";
        return Some(("it has a query or fragment", Some(hint.to_owned())));
    }
    if let Some(stem) = path.strip_suffix("/*").or_else(|| path.strip_suffix("/**")) {
        let stem = if stem.is_empty() { "/" } else { stem };
        let hint = format!("a prefix takes all paths below it: `path = \"{stem}\"`");
        return Some(("it ends in a star", shown(hint)));
    }
    if path.contains("//") {
        return Some(("it has an empty segment", None));
    }
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Some(("it has a dot segment", Some("write the path it leads to".to_owned())));
    }
    if path.contains(char::is_control) {
        return Some(CONTROL);
    }
    if path.contains(['{', '}']) {
        let hint = "named parameters stand in `path = { pattern = \"/users/{id}\" }`, and a brace \
                    itself is `%7B` or `%7D`";
        return Some(("it has a brace", Some(hint.to_owned())));
    }
    escapes(path, encoded_slash).or_else(|| {
        let stray = path.chars().find(|character| !plain(*character) && *character != '%')?;
        let mut bytes = [0; 4];
        let encoded: String =
            stray.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")).collect();
        let hint = format!("write `{encoded}` in place of `{stray}`");
        Some(("it has a character that must be percent-encoded", shown(hint)))
    })
}

/// What RFC 3986 section 3.3 allows in a path.
fn plain(character: char) -> bool {
    unreserved(character) || "!$&'()*+,;=:@/".contains(character)
}

/// RFC 3986 section 2.3.
fn unreserved(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-._~".contains(character)
}

fn escapes(path: &str, encoded_slash: bool) -> Option<Fault> {
    path.split('%').skip(1).find_map(|rest| {
        let digits = rest.get(..2).filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
            let hint = "write `%25` for the percent sign itself";
            return Some(("`%` must be followed by two hexadecimal digits", Some(hint.to_owned())));
        };
        let digits = digits.unwrap_or_default();
        if digits.bytes().any(|byte| byte.is_ascii_lowercase()) {
            let hint = format!("write `%{}`", digits.to_ascii_uppercase());
            return Some(("a percent-encoding must be in upper case", Some(hint)));
        }
        if unreserved(char::from(byte)) {
            let hint = format!("write `{}` in place of `%{digits}`", char::from(byte));
            return Some(("it encodes a character that needs no encoding", Some(hint)));
        }
        if byte.is_ascii_control() {
            return Some(CONTROL);
        }
        if AMBIGUOUS.contains(&digits) && !encoded_slash {
            let hint =
                "such requests are refused, unless the route has `allow_encoded_slash = true`";
            return Some(("it has an encoded slash", Some(hint.to_owned())));
        }
        None
    })
}

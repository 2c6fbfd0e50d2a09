//! One text for a path: the router, the plugins and the upstream all see the same.

mod class;
mod error;
mod escape;

use std::borrow::Cow;

use class::{Class, class, is_unreserved};
pub use error::PathError;
pub(super) use escape::hex;
use escape::{check_utf8_length, escape, is_settled_escape, push_escape};

/// A path in its canonical form.
///
/// It begins with `/`. Dot segments are resolved (RFC 3986 section 5.2.4), unreserved characters
/// stand for themselves, every other escape is upper-case, and what a path may not hold plainly
/// (RFC 3986 section 3.3) is percent-encoded. Empty segments stay: `/a//b` is not `/a/b`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical<'a> {
    /// Borrowed if the client's text was canonical already.
    pub path: Cow<'a, str>,
    /// Whether the client's text held `%2F` or `%5C`, which some servers take for a separator and
    /// some do not.
    pub ambiguous: bool,
}

impl Canonical<'_> {
    /// Refuses a path that the matched route may not get.
    ///
    /// # Errors
    ///
    /// [`PathError::EncodedSlash`] for an ambiguous path unless the route allows encoded slashes.
    pub fn check(&self, allow_encoded_slash: bool) -> Result<(), PathError> {
        if self.ambiguous && !allow_encoded_slash {
            return Err(PathError::EncodedSlash);
        }
        Ok(())
    }
}

/// Gives the canonical form of a path as it was received, without its query.
///
/// Escapes that are not valid UTF-8 together, such as `%FF`, stay as they are: they name the same
/// bytes to everyone.
///
/// # Errors
///
/// See [`PathError`]; all of them are answered with 400.
pub fn canonical(raw: &str) -> Result<Canonical<'_>, PathError> {
    if is_plain(raw.as_bytes()) {
        return Ok(Canonical { path: Cow::Borrowed(raw), ambiguous: false });
    }
    let Some(relative) = raw.strip_prefix('/') else {
        return Err(PathError::NotAbsolute);
    };
    let (path, ambiguous) = rebuild(relative)?;
    let path = if path == raw { Cow::Borrowed(raw) } else { Cow::Owned(path) };
    Ok(Canonical { path, ambiguous })
}

/// Gives what follows a prefix of whole segments: nothing, or a text that begins with `/`.
///
/// `/users` is a prefix of `/users`, `/users/` and `/users/1`, not of `/usersx`. A final slash of
/// the prefix says nothing, so `/` is a prefix of every path.
#[must_use]
pub fn below<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// One pass over the usual path: nothing to resolve, to decode, to encode or to refuse.
fn is_plain(raw: &[u8]) -> bool {
    let Some((b'/', mut rest)) = raw.split_first() else {
        return false;
    };
    let mut before = b'/';
    while let Some((&byte, after)) = rest.split_first() {
        match class(byte) {
            Class::Plain | Class::Slash => rest = after,
            Class::Dot if before == b'/' && starts_with_dot_segment(rest) => return false,
            Class::Dot => rest = after,
            Class::Percent => match after {
                [high, low, after @ ..] if is_settled_escape(*high, *low) => rest = after,
                _ => return false,
            },
            Class::Encode | Class::Refuse => return false,
        }
        before = byte;
    }
    true
}

/// Whether a segment starts like `.` or `..`, ended by anything that somebody takes for an end.
fn starts_with_dot_segment(rest: &[u8]) -> bool {
    let rest = rest.strip_prefix(b".").unwrap_or(rest);
    let rest = rest.strip_prefix(b".").unwrap_or(rest);
    matches!(rest.first(), None | Some(b'/' | b';' | b'%'))
}

/// Writes the canonical path segment by segment; the second value is [`Canonical::ambiguous`].
fn rebuild(relative: &str) -> Result<(String, bool), PathError> {
    let mut path = String::with_capacity(relative.len() + 16);
    path.push('/');
    let mut ambiguous = false;
    let mut segments = relative.split('/').peekable();
    while let Some(segment) = segments.next() {
        let start = path.len();
        let separators = push_segment(&mut path, segment)?;
        ambiguous |= separators;
        match dots(path.get(start..).unwrap_or_default(), separators)? {
            Dots::None => {
                if segments.peek().is_some() {
                    path.push('/');
                }
            }
            Dots::Same => path.truncate(start),
            Dots::Up => {
                path.truncate(start);
                path.pop();
                let parent = path.rfind('/').ok_or(PathError::AboveRoot)?;
                path.truncate(parent + 1);
            }
        }
    }
    Ok((path, ambiguous))
}

/// What a finished segment does to the path.
enum Dots {
    None,
    Same,
    Up,
}

fn dots(segment: &str, separators: bool) -> Result<Dots, PathError> {
    match segment {
        "." => return Ok(Dots::Same),
        ".." => return Ok(Dots::Up),
        _ => {}
    }
    let hides = |part: &str| matches!(part.split(';').next(), Some("." | ".."));
    let hidden = if separators {
        segment.split("%2F").flat_map(|part| part.split("%5C")).any(hides)
    } else {
        hides(segment)
    };
    if hidden { Err(PathError::HiddenDotSegment) } else { Ok(Dots::None) }
}

/// Appends one segment with its escapes normalised; whether it holds an encoded separator.
fn push_segment(path: &mut String, segment: &str) -> Result<bool, PathError> {
    let mut separators = false;
    let mut rest = segment.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match class(byte) {
            Class::Plain | Class::Dot | Class::Slash => path.push(char::from(byte)),
            Class::Encode => push_escape(path, byte),
            Class::Refuse => return Err(PathError::InvalidCharacter),
            Class::Percent => {
                let value = escape(&mut rest)?;
                check_utf8_length(value, rest)?;
                match value {
                    0..=31 | 127 => return Err(PathError::EncodedControl),
                    _ if is_unreserved(value) => path.push(char::from(value)),
                    _ => push_escape(path, value),
                }
                separators |= matches!(value, b'/' | b'\\');
            }
        }
    }
    Ok(separators)
}

#[cfg(test)]
mod tests;

//! One text for a path: the router, the plugins and the upstream all see the same.

use std::borrow::Cow;
use std::fmt;

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

/// Why a path has no canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathError {
    /// It does not begin with `/`.
    NotAbsolute,
    /// A control character, a backslash, `?` or `#`.
    InvalidCharacter,
    /// A percent sign without two hexadecimal digits.
    InvalidEscape,
    /// A control character as an escape, such as `%00` or `%0A`.
    EncodedControl,
    /// An overlong UTF-8 form, such as `%C0%AF` for a slash.
    Overlong,
    /// More `..` than there are segments.
    AboveRoot,
    /// A dot segment beside `;` or an encoded separator, as in `/a/..;/b` or `/a/..%2Fb`: servers
    /// that strip or decode those would leave the segment that was matched.
    HiddenDotSegment,
    /// `%2F` or `%5C` on a route that does not allow them.
    EncodedSlash,
}

impl PathError {
    /// The text for the client's 400.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotAbsolute => "the path does not begin with a slash",
            Self::InvalidCharacter => "the path holds a character that no path may hold",
            Self::InvalidEscape => "the path holds an invalid percent-encoding",
            Self::EncodedControl => "the path holds an encoded control character",
            Self::Overlong => "the path holds an overlong utf-8 encoding",
            Self::AboveRoot => "the path leads above its root",
            Self::HiddenDotSegment => "the path hides a dot segment",
            Self::EncodedSlash => "the path holds an encoded slash or backslash",
        }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for PathError {}

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

/// What a byte of a path is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// `pchar` of RFC 3986 section 3.3 without `.` and `%`.
    Plain,
    /// A full stop.
    Dot,
    /// A slash.
    Slash,
    /// The start of an escape.
    Percent,
    /// May stand in a path as an escape only.
    Encode,
    /// May not stand in a path at all.
    Refuse,
}

const fn classify(byte: u8) -> Class {
    match byte {
        b'.' => Class::Dot,
        b'/' => Class::Slash,
        b'%' => Class::Percent,
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' => Class::Plain,
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => Class::Plain,
        b':' | b'@' => Class::Plain,
        0..=31 | 127 | b'\\' | b'?' | b'#' => Class::Refuse,
        _ => Class::Encode,
    }
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Refuse; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(
            clippy::indexing_slicing,
            clippy::cast_possible_truncation,
            reason = "evaluated by the compiler; the loop ends at 255"
        )]
        {
            classes[byte] = classify(byte as u8);
        }
        byte += 1;
    }
    classes
};

fn class(byte: u8) -> Class {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(Class::Refuse)
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

/// Whether an escape is in its canonical form whatever stands around it.
fn is_settled_escape(high: u8, low: u8) -> bool {
    if high.is_ascii_lowercase() || low.is_ascii_lowercase() {
        return false;
    }
    match hex(high, low) {
        Some(0..=31 | 127 | b'/' | b'\\' | 0xC0 | 0xC1 | 0xE0 | 0xF0) | None => false,
        Some(value) => !is_unreserved(value),
    }
}

/// RFC 3986 section 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

pub(super) fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    Some(digit(high)? << 4 | digit(low)?)
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

/// Takes the two digits after a percent sign.
fn escape(rest: &mut &[u8]) -> Result<u8, PathError> {
    let [high, low, after @ ..] = *rest else {
        return Err(PathError::InvalidEscape);
    };
    *rest = after;
    hex(*high, *low).ok_or(PathError::InvalidEscape)
}

/// Refuses an escape that begins a longer UTF-8 form than its character needs (RFC 3629
/// section 3): careless decoders read such forms as ASCII.
fn check_utf8_length(value: u8, mut rest: &[u8]) -> Result<(), PathError> {
    let overlong = match value {
        0xC0 | 0xC1 => true,
        0xE0 | 0xF0 => {
            let next = match rest.split_first() {
                Some((b'%', after)) => {
                    rest = after;
                    Some(escape(&mut rest)?)
                }
                _ => None,
            };
            matches!((value, next), (0xE0, Some(0x80..=0x9F)) | (0xF0, Some(0x80..=0x8F)))
        }
        _ => false,
    };
    if overlong { Err(PathError::Overlong) } else { Ok(()) }
}

fn push_escape(path: &mut String, value: u8) {
    let digit = |nibble: u8| {
        char::from_digit(u32::from(nibble), 16).expect("a nibble is below 16").to_ascii_uppercase()
    };
    path.push('%');
    path.push(digit(value >> 4));
    path.push(digit(value & 15));
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{PathError, below, canonical};

    #[track_caller]
    fn check(raw: &str, expected: &str) {
        let canonical = canonical(raw).expect(raw);
        assert_eq!((canonical.path.as_ref(), canonical.ambiguous), (expected, false), "{raw}");
    }

    #[track_caller]
    fn refused(raw: &str, error: PathError) {
        assert_eq!(canonical(raw), Err(error), "{raw}");
    }

    #[test]
    fn a_canonical_path_is_borrowed() {
        for raw in [
            "/",
            "/users/1",
            "/a//b/",
            "/a/.well-known/...",
            "/a.b/c..",
            "/%20%FF%E2%82%AC",
            "/!$&'()*+,;=:@-_~",
            "/a/..b",
            "/a;v=1/b",
        ] {
            let canonical = canonical(raw).expect(raw);
            assert!(matches!(canonical.path, Cow::Borrowed(text) if text == raw), "{raw}");
            assert!(!canonical.ambiguous, "{raw}");
        }
    }

    #[test]
    fn dot_segments_are_resolved() {
        check("/.", "/");
        check("/./", "/");
        check("/a/.", "/a/");
        check("/a/..", "/");
        check("/a/b/..", "/a/");
        check("/a/b/../", "/a/");
        check("/a/b/c/./../../g", "/a/g");
        check("/mid/content=5/../6", "/mid/6");
        check("/a//../b", "/a/b");
        check("/a/%2e%2E/b", "/b");
        check("/a/.%2e/b", "/b");
        check("/a/%2e/b", "/a/b");
    }

    #[test]
    fn leaving_the_root_is_refused() {
        refused("/..", PathError::AboveRoot);
        refused("/../a", PathError::AboveRoot);
        refused("/a/../../b", PathError::AboveRoot);
        refused("/%2e%2e/b", PathError::AboveRoot);
    }

    #[test]
    fn escapes_are_normalised() {
        check("/%41%7a%30%2D%5f%7e", "/Az0-_~");
        check("/a%3fb%2cc", "/a%3Fb%2Cc");
        check("/%252f", "/%252f");
        check("/a b\"<>^`{|}", "/a%20b%22%3C%3E%5E%60%7B%7C%7D");
        check("/é€", "/%C3%A9%E2%82%AC");
        check("/%e0%a4%85", "/%E0%A4%85");
        check("/%ff%80", "/%FF%80");
    }

    #[test]
    fn broken_escapes_and_characters_are_refused() {
        refused("/%", PathError::InvalidEscape);
        refused("/%4", PathError::InvalidEscape);
        refused("/%zz", PathError::InvalidEscape);
        refused("/%4/", PathError::InvalidEscape);
        refused("/%E0%8", PathError::InvalidEscape);
        refused("/a\\b", PathError::InvalidCharacter);
        refused("/a\tb", PathError::InvalidCharacter);
        refused("/a\u{7f}", PathError::InvalidCharacter);
        refused("/a?b", PathError::InvalidCharacter);
        refused("/a#b", PathError::InvalidCharacter);
        refused("/a%00", PathError::EncodedControl);
        refused("/a%0d%0a", PathError::EncodedControl);
        refused("/a%1F", PathError::EncodedControl);
        refused("/a%7F", PathError::EncodedControl);
        refused("", PathError::NotAbsolute);
        refused("*", PathError::NotAbsolute);
        refused("a/b", PathError::NotAbsolute);
    }

    #[test]
    fn overlong_forms_are_refused() {
        for raw in ["/%c0%af", "/%C0%AE%C0%AE/", "/%c1%9c", "/%e0%80%af", "/%f0%80%80%af", "/%C0"] {
            refused(raw, PathError::Overlong);
        }
        check("/%E0", "/%E0");
        check("/%F0%90%80%80", "/%F0%90%80%80");
    }

    #[test]
    fn an_encoded_slash_is_kept_and_left_to_the_route() {
        for (raw, expected) in [("/a%2fb", "/a%2Fb"), ("/a%5cb%2F", "/a%5Cb%2F")] {
            let canonical = canonical(raw).expect(raw);
            assert_eq!((canonical.path.as_ref(), canonical.ambiguous), (expected, true));
            assert_eq!(canonical.check(true), Ok(()));
            assert_eq!(canonical.check(false), Err(PathError::EncodedSlash));
        }
        assert_eq!(canonical("/a").expect("plain").check(false), Ok(()));
    }

    #[test]
    fn a_dot_segment_cannot_hide_from_a_server_that_reads_more_separators() {
        for raw in
            ["/a/..;/b", "/a/.;x=1/b", "/a/..%2fb", "/a/x%2F..", "/%2e%2e%5cb", "/a/x%5C..;y%2fz"]
        {
            refused(raw, PathError::HiddenDotSegment);
        }
    }

    #[test]
    fn the_canonical_form_is_its_own_canonical_form() {
        let mut random = fastrand::Rng::with_seed(7);
        let pieces =
            ["/", "a", ".", "..", "%2e", "%2F", "%c3%a9", "%", "%5c", ";", " ", "é", "%E0", "%80"];
        for _ in 0..20_000 {
            let mut raw = String::from("/");
            for _ in 0..random.usize(0..8) {
                raw.push_str(pieces[random.usize(..pieces.len())]);
            }
            if let Ok(once) = canonical(&raw) {
                let twice = canonical(&once.path).expect("canonical paths are accepted");
                assert_eq!(twice.path, once.path, "{raw}");
                assert!(once.ambiguous || !twice.ambiguous, "{raw}");
                assert!(matches!(twice.path, Cow::Borrowed(_)), "{raw}");
            }
        }
    }

    #[test]
    fn a_prefix_matches_whole_segments_only() {
        assert_eq!(below("/users", "/users"), Some(""));
        assert_eq!(below("/users/", "/users"), Some("/"));
        assert_eq!(below("/users/1", "/users"), Some("/1"));
        assert_eq!(below("/users/1", "/users/"), Some("/1"));
        assert_eq!(below("/usersx", "/users"), None);
        assert_eq!(below("/user", "/users"), None);
        assert_eq!(below("/anything", "/"), Some("/anything"));
    }
}

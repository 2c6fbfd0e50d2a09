//! What is wrong with a path.

use std::fmt;

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

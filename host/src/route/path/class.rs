//! What the bytes of a path are (RFC 3986).

/// What a byte of a path is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
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

pub(super) fn class(byte: u8) -> Class {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(Class::Refuse)
}

/// RFC 3986 section 2.3.
pub(super) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

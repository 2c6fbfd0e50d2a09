//! Percent-encoding (RFC 3986 section 2.1).

use super::PathError;
use super::class::is_unreserved;

/// Whether an escape is in its canonical form whatever stands around it.
pub(super) fn is_settled_escape(high: u8, low: u8) -> bool {
    if high.is_ascii_lowercase() || low.is_ascii_lowercase() {
        return false;
    }
    match hex(high, low) {
        Some(0..=31 | 127 | b'/' | b'\\' | 0xC0 | 0xC1 | 0xE0 | 0xF0) | None => false,
        Some(value) => !is_unreserved(value),
    }
}

pub(in crate::route) fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    Some(digit(high)? << 4 | digit(low)?)
}

/// Takes the two digits after a percent sign.
pub(super) fn escape(rest: &mut &[u8]) -> Result<u8, PathError> {
    let [high, low, after @ ..] = *rest else {
        return Err(PathError::InvalidEscape);
    };
    *rest = after;
    hex(*high, *low).ok_or(PathError::InvalidEscape)
}

/// Refuses an escape that begins a longer UTF-8 form than its character needs (RFC 3629
/// section 3): careless decoders read such forms as ASCII.
pub(super) fn check_utf8_length(value: u8, mut rest: &[u8]) -> Result<(), PathError> {
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

pub(super) fn push_escape(path: &mut String, value: u8) {
    let digit = |nibble: u8| {
        char::from_digit(u32::from(nibble), 16).expect("a nibble is below 16").to_ascii_uppercase()
    };
    path.push('%');
    path.push(digit(value >> 4));
    path.push(digit(value & 15));
}

//! Values as JSON and as text.

use std::io::Write as _;

use crate::time;
use crate::value::Value;

/// Bytes of a value that a line shows; what is longer is cut, and an ellipsis says so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut(pub(crate) usize);

/// Appends the value as JSON; an absent one as null.
pub(crate) fn json(line: &mut Vec<u8>, value: &Value<'_>, cut: Cut) {
    match value {
        Value::Absent => line.extend_from_slice(b"null"),
        Value::Text(text) => json_string(line, text.as_bytes(), cut),
        Value::Bytes(bytes) => json_string(line, bytes, cut),
        // JSON has no word for infinity.
        Value::Decimal(number) if !number.is_finite() => line.extend_from_slice(b"null"),
        Value::Time(_) | Value::TimeLocal(_) => {
            line.push(b'"');
            plain(line, value);
            line.push(b'"');
        }
        _ => plain(line, value),
    }
}

/// Appends the value as nginx does: an absent one as a hyphen; quotation marks, backslashes, and
/// all but visible ASCII as `\xHH`, so that nothing in a value can end its field or the line.
pub(crate) fn text(line: &mut Vec<u8>, value: &Value<'_>, cut: Cut) {
    match value {
        Value::Absent => line.push(b'-'),
        Value::Text(text) => escaped_text(line, text.as_bytes(), cut),
        Value::Bytes(bytes) => escaped_text(line, bytes, cut),
        _ => plain(line, value),
    }
}

/// Appends what needs no escaping in any format.
fn plain(line: &mut Vec<u8>, value: &Value<'_>) {
    let written = match value {
        Value::Number(number) => {
            time::digits(line, *number, 1);
            Ok(())
        }
        Value::Micros(us) => {
            time::digits(line, us / 1_000, 1);
            line.push(b'.');
            time::digits(line, us % 1_000, 3);
            Ok(())
        }
        Value::Time(unix_ms) => {
            time::rfc3339(line, *unix_ms);
            Ok(())
        }
        Value::TimeLocal(unix_ms) => {
            time::local(line, *unix_ms);
            Ok(())
        }
        Value::Signed(number) => write!(line, "{number}"),
        Value::Decimal(number) => write!(line, "{number}"),
        Value::Truth(truth) => write!(line, "{truth}"),
        Value::Absent | Value::Text(_) | Value::Bytes(_) => Ok(()),
    };
    written.expect("memory takes every text");
}

/// Appends a JSON string (RFC 8259 section 7). What is not UTF-8 becomes U+FFFD.
pub(crate) fn json_string(line: &mut Vec<u8>, bytes: &[u8], cut: Cut) {
    let (bytes, rest) = shortened(bytes, cut);
    line.push(b'"');
    for chunk in bytes.utf8_chunks() {
        json_escaped(line, chunk.valid().as_bytes());
        if !chunk.invalid().is_empty() {
            line.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    if rest {
        line.extend_from_slice("…".as_bytes());
    }
    line.push(b'"');
}

fn json_escaped(line: &mut Vec<u8>, text: &[u8]) {
    let special = |byte: &u8| matches!(byte, 0..=0x1f | b'"' | b'\\' | 0x7f);
    for part in text.split_inclusive(special) {
        let Some((last, before)) = part.split_last().filter(|(last, _)| special(last)) else {
            line.extend_from_slice(part);
            continue;
        };
        line.extend_from_slice(before);
        match last {
            b'"' => line.extend_from_slice(b"\\\""),
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\t' => line.extend_from_slice(b"\\t"),
            other => {
                line.extend_from_slice(b"\\u00");
                hexadecimal(line, *other, b"0123456789abcdef");
            }
        }
    }
}

fn escaped_text(line: &mut Vec<u8>, bytes: &[u8], cut: Cut) {
    let (bytes, rest) = shortened(bytes, cut);
    for byte in bytes {
        match byte {
            b'"' | b'\\' | 0..=0x1f | 0x7f.. => {
                line.extend_from_slice(b"\\x");
                hexadecimal(line, *byte, b"0123456789ABCDEF");
            }
            _ => line.push(*byte),
        }
    }
    if rest {
        line.extend_from_slice(b"...");
    }
}

fn hexadecimal(line: &mut Vec<u8>, byte: u8, digits: &[u8; 16]) {
    for half in [byte >> 4, byte & 0xf] {
        line.extend(digits.get(usize::from(half)));
    }
}

/// At most so many bytes, cut before a character if it is UTF-8; whether something was cut.
fn shortened(bytes: &[u8], Cut(most): Cut) -> (&[u8], bool) {
    let Some(mut kept) = bytes.get(..most).filter(|kept| kept.len() < bytes.len()) else {
        return (bytes, false);
    };
    let continues = |byte: Option<&u8>| byte.is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000);
    for _ in 0..3 {
        if !continues(bytes.get(kept.len())) {
            break;
        }
        kept = kept.split_last().map_or(kept, |(_, before)| before);
    }
    (kept, true)
}

#[cfg(test)]
mod tests {
    use super::{Cut, json, text};
    use crate::value::Value;

    const WHOLE: Cut = Cut(usize::MAX);

    fn json_of(value: &Value<'_>, cut: Cut) -> String {
        let mut line = Vec::new();
        json(&mut line, value, cut);
        String::from_utf8(line).unwrap()
    }

    fn text_of(value: &Value<'_>, cut: Cut) -> String {
        let mut line = Vec::new();
        text(&mut line, value, cut);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_json_string_escapes_what_would_end_it_or_the_line() {
        let value = Value::Text("a\"b\\c\nd\re\tf\u{0}g\u{1b}h\u{7f}ü€".into());
        let json = json_of(&value, WHOLE);
        assert_eq!(json, r#""a\"b\\c\nd\re\tf\u0000g\u001bh\u007fü€""#);
        let read: String = serde_json::from_str(&json).unwrap();
        assert_eq!(Value::text(read), value);
    }

    #[test]
    fn every_byte_gives_a_json_string_that_can_be_read() {
        let all: Vec<u8> = (0..=255).collect();
        let read: String = serde_json::from_str(&json_of(&Value::Bytes(all), WHOLE)).unwrap();
        assert!(read.starts_with("\0\u{1}") && read.ends_with('\u{fffd}'));
    }

    #[test]
    fn what_is_not_utf_8_is_replaced_and_the_rest_kept() {
        assert_eq!(
            json_of(&Value::Bytes(b"a\xffb\xc3\xbc\xe2\x82".to_vec()), WHOLE),
            "\"a\u{fffd}bü\u{fffd}\""
        );
    }

    #[test]
    fn text_is_escaped_as_nginx_does() {
        assert_eq!(
            text_of(&Value::Text("a\"b\\c\nd ü~".into()), WHOLE),
            r"a\x22b\x5Cc\x0Ad \xC3\xBC~"
        );
        assert_eq!(text_of(&Value::Bytes(vec![0x00, 0x7f, 0xff]), WHOLE), r"\x00\x7F\xFF");
        assert_eq!(text_of(&Value::Absent, WHOLE), "-");
        assert_eq!(text_of(&Value::Text("".into()), WHOLE), "");
    }

    #[test]
    fn numbers_are_shown_exactly() {
        let check = |value: Value<'_>, expected: &str| {
            assert_eq!(json_of(&value, WHOLE), expected);
            assert_eq!(text_of(&value, WHOLE), expected);
        };
        check(Value::Number(u64::MAX), "18446744073709551615");
        check(Value::Micros(0), "0.000");
        check(Value::Micros(12_345), "12.345");
        check(Value::Micros(2_000_007), "2000.007");
        check(Value::Signed(-3), "-3");
        check(Value::Decimal(0.25), "0.25");
        check(Value::Truth(true), "true");
        assert_eq!(json_of(&Value::Decimal(f64::NAN), WHOLE), "null");
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        assert_eq!(json_of(&Value::Text("abcdef".into()), Cut(6)), r#""abcdef""#);
        assert_eq!(json_of(&Value::Text("abcdef".into()), Cut(3)), r#""abc…""#);
        assert_eq!(json_of(&Value::Text("ab€".into()), Cut(4)), r#""ab…""#);
        assert_eq!(text_of(&Value::Text("abcdef".into()), Cut(3)), "abc...");
    }
}

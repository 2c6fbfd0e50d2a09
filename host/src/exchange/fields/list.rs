//! Lists in field values (RFC 9110 section 5.6.1).

/// The elements of a list that are not empty, without the white space around them.
///
/// A separator inside a quoted string does not separate. A quoted string without an end takes
/// everything up to the end of the value.
pub(in crate::exchange) fn elements(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        while let Some(input) = rest {
            let (element, after) = match end(input, separator) {
                Some(end) => (input.get(..end)?, input.get(end + 1..)),
                None => (input, None),
            };
            rest = after;
            let element = element.trim_ascii();
            if !element.is_empty() {
                return Some(element);
            }
        }
        None
    })
}

/// Where the first separator outside a quoted string is.
fn end(input: &[u8], separator: u8) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    input.iter().position(|&byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => return !quoted && byte == separator,
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::elements;

    #[test]
    fn a_list_is_split_outside_quoted_strings_only() {
        for (value, expected) in [
            ("", &[][..]),
            (" , ,", &[]),
            ("a", &["a"]),
            ("a,b", &["a", "b"]),
            (" a ,,\tb\t, ", &["a", "b"]),
            (r#"a="x,y", b"#, &[r#"a="x,y""#, "b"]),
            (r#"a="x\",y", b"#, &[r#"a="x\",y""#, "b"]),
            (r#"a="x, b"#, &[r#"a="x, b"#]),
        ] {
            let found: Vec<_> =
                elements(value.as_bytes(), b',').map(|e| str::from_utf8(e).unwrap()).collect();
            assert_eq!(found, expected, "{value}");
        }
    }
}

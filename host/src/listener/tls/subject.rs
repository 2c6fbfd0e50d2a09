//! A distinguished name as text (RFC 4514).

use std::fmt::Write as _;

use x509_parser::asn1_rs::ToDer as _;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// Types that are written by name: those of RFC 4514 section 3, and two that are common in
/// certificates. Others are written as numbers, with their value in hexadecimal digits of its DER.
const TYPES: [(&str, &str); 11] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("2.5.4.5", "serialNumber"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// The most particular part first. What is not ASCII is written as `\` and hexadecimal digits of its
/// UTF-8, so that the text can stand in a field.
pub(super) fn text(name: &X509Name<'_>) -> String {
    let mut text = String::new();
    let parts: Vec<_> = name.iter_rdn().collect();
    for (index, part) in parts.into_iter().rev().enumerate() {
        if index > 0 {
            text.push(',');
        }
        for (index, attribute) in part.iter().enumerate() {
            if index > 0 {
                text.push('+');
            }
            push(&mut text, attribute);
        }
    }
    text
}

fn push(text: &mut String, attribute: &AttributeTypeAndValue<'_>) {
    let number = attribute.attr_type().to_id_string();
    let named = TYPES.iter().find(|(known, _)| *known == number);
    match (named, attribute.as_str()) {
        (Some((_, name)), Ok(value)) => {
            text.push_str(name);
            text.push('=');
            push_escaped(text, value);
        }
        (named, _) => {
            text.push_str(named.map_or(number.as_str(), |(_, name)| name));
            text.push_str("=#");
            // What was parsed can be written.
            for byte in attribute.attr_value().to_der_vec().unwrap_or_default() {
                write!(text, "{byte:02x}").expect("a string takes all that is written");
            }
        }
    }
}

/// RFC 4514 section 2.4.
fn push_escaped(text: &mut String, value: &str) {
    let last = value.len().saturating_sub(1);
    for (index, byte) in value.bytes().enumerate() {
        match byte {
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            b' ' if index == 0 || index == last => text.push_str("\\ "),
            b'#' if index == 0 => text.push_str("\\#"),
            b' '..=b'~' => text.push(char::from(byte)),
            other => write!(text, "\\{other:02X}").expect("a string takes all that is written"),
        }
    }
}

#[cfg(test)]
mod tests {
    use x509_parser::certificate::X509Certificate;
    use x509_parser::prelude::FromDer;

    use super::{push_escaped, text};

    fn escaped(value: &str) -> String {
        let mut text = String::new();
        push_escaped(&mut text, value);
        text
    }

    #[test]
    fn the_most_particular_part_comes_first() {
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        let mut name = rcgen::DistinguishedName::new();
        name.push(rcgen::DnType::CountryName, "DE");
        name.push(rcgen::DnType::OrganizationName, "Example, Inc.");
        name.push(rcgen::DnType::CommonName, "alice");
        name.push(rcgen::DnType::CustomDnType(vec![1, 2, 3]), "x");
        parameters.distinguished_name = name;
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let (_, parsed) = X509Certificate::from_der(certificate.der()).unwrap();
        assert_eq!(text(parsed.subject()), "1.2.3=#0c0178,CN=alice,O=Example\\, Inc.,C=DE");
    }

    #[test]
    fn what_would_divide_or_cannot_stand_in_a_field_is_escaped() {
        assert_eq!(escaped("a=b"), "a=b");
        assert_eq!(escaped("\"a\";b\\<c>+d"), "\\\"a\\\"\\;b\\\\\\<c\\>\\+d");
        assert_eq!(escaped(" #a "), "\\ #a\\ ");
        assert_eq!(escaped("#a"), "\\#a");
        assert_eq!(escaped("\u{fc}\r\n"), "\\C3\\BC\\0D\\0A");
    }
}

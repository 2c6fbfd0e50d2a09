//! Short texts without an allocation of their own.

use std::fmt::{self, Write};
use std::net::IpAddr;

use http::header::HeaderValue;

/// A text of up to 64 bytes on the stack: more than an address or a number needs.
pub(super) struct Short {
    bytes: [u8; 64],
    len: usize,
}

impl Short {
    const EMPTY: Self = Self { bytes: [0; 64], len: 0 };

    /// Formats an address. IPv4, the usual one, does without the machinery of `fmt`.
    pub(super) fn address(address: IpAddr) -> Self {
        let mut text = Self::EMPTY;
        let written = match address {
            IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                let last = [b, c, d];
                text.digits(a.into())
                    .and_then(|()| last.into_iter().try_for_each(|octet| text.dot_digits(octet)))
            }
            IpAddr::V6(v6) => write!(text, "{v6}"),
        };
        written.expect("an address has at most 39 characters");
        text
    }

    /// Formats a number.
    pub(super) fn number(number: u64) -> Self {
        let mut text = Self::EMPTY;
        text.digits(number).expect("a number has at most 20 digits");
        text
    }

    fn dot_digits(&mut self, octet: u8) -> fmt::Result {
        self.write_char('.')?;
        self.digits(octet.into())
    }

    fn digits(&mut self, number: u64) -> fmt::Result {
        let mut digits = [0; 20];
        let mut rest = number;
        let mut start = digits.len();
        for (index, digit) in digits.iter_mut().enumerate().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
            start = index;
            if rest == 0 {
                break;
            }
        }
        let digits = digits.get(start..).unwrap_or_default();
        self.write_bytes(digits)
    }

    fn write_bytes(&mut self, piece: &[u8]) -> fmt::Result {
        let end = self.len + piece.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(piece);
        self.len = end;
        Ok(())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The text as a field value.
    pub(super) fn value(&self) -> HeaderValue {
        HeaderValue::from_bytes(self.as_bytes()).expect("addresses and numbers are visible ASCII")
    }
}

impl Write for Short {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.write_bytes(piece.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::Short;

    #[test]
    fn addresses_read_as_the_standard_library_writes_them() {
        for text in [
            "0.0.0.0",
            "1.20.255.100",
            "255.255.255.255",
            "::",
            "2001:db8::7",
            "1111:2222:3333:4444:5555:6666:7777:8888",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(Short::address(text.parse().unwrap()).as_bytes(), text.as_bytes());
        }
    }

    #[test]
    fn numbers_have_no_leading_zero() {
        for (number, text) in [(0, "0"), (9, "9"), (10, "10"), (u64::MAX, "18446744073709551615")] {
            assert_eq!(Short::number(number).value(), text);
        }
    }
}

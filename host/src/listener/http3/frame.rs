//! Where frames begin (RFC 9114 section 7.1).

use bytes::{Buf as _, Bytes};

/// Two integers of up to eight bytes each.
const PREFIX_BYTES_MAX: usize = 16;

pub(super) const DATA: u64 = 0x0;
pub(super) const HEADERS: u64 = 0x1;

/// Of a control stream, a push, or of HTTP/2 only (RFC 9114 sections 7.2 and 11.2.1). All others are
/// extensions, which are passed over.
pub(super) const fn is_of_elsewhere(kind: u64) -> bool {
    matches!(kind, 0x2..=0x9 | 0xd)
}

/// What has come of a frame's type and length, or of a stream's type.
#[derive(Debug, Default, Clone)]
pub(super) struct Prefix {
    bytes: [u8; PREFIX_BYTES_MAX],
    length: usize,
}

impl Prefix {
    /// Whether nothing has come yet.
    pub(super) const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The bytes so far.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Takes what is needed of `chunk`, and gives type and length once they are there.
    pub(super) fn take_frame(&mut self, chunk: &mut Bytes) -> Option<(u64, u64)> {
        loop {
            if let Some((kind, used)) = integer(self.bytes())
                && let Some((length, _)) = self.bytes().get(used..).and_then(integer)
            {
                return Some((kind, length));
            }
            self.push(chunk)?;
        }
    }

    /// The same, of a stream's type.
    pub(super) fn take_type(&mut self, chunk: &mut Bytes) -> Option<u64> {
        loop {
            if let Some((kind, _)) = integer(self.bytes()) {
                return Some(kind);
            }
            self.push(chunk)?;
        }
    }

    fn push(&mut self, chunk: &mut Bytes) -> Option<()> {
        let byte = *chunk.first()?;
        *self.bytes.get_mut(self.length)? = byte;
        self.length += 1;
        chunk.advance(1);
        Some(())
    }
}

/// An integer at the beginning, and how long it is (RFC 9000 section 16).
fn integer(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let length = 1 << (first >> 6);
    let rest = bytes.get(1..length)?;
    let start = u64::from(first & 0x3f);
    Some((rest.iter().fold(start, |value, byte| value << 8 | u64::from(*byte)), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_as_long_as_their_first_bits_say() {
        // RFC 9000 appendix A.1.
        let long = b"\xc2\x19\x7c\x5e\xff\x14\xe8\x8c";
        assert_eq!(integer(long), Some((151_288_809_941_952_652, 8)));
        assert_eq!(integer(b"\x9d\x7f\x3e\x7d"), Some((494_878_333, 4)));
        assert_eq!(integer(b"\x7b\xbd"), Some((15_293, 2)));
        assert_eq!(integer(b"\x25"), Some((37, 1)));
        assert_eq!(integer(b"\x7b"), None);
        assert_eq!(integer(b""), None);
    }

    #[test]
    fn a_frame_begins_wherever_packets_end() {
        let mut prefix = Prefix::default();
        assert_eq!(prefix.take_frame(&mut Bytes::from_static(b"\x40")), None);
        assert_eq!(prefix.take_frame(&mut Bytes::from_static(b"\x01")), None);
        let mut rest = Bytes::from_static(b"\x40\x05hello");
        assert_eq!(prefix.take_frame(&mut rest), Some((HEADERS, 5)));
        assert_eq!(&rest[..], b"hello");
    }
}

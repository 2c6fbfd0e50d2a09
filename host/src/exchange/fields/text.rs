//! Short texts without an allocation of their own.

use std::fmt::{self, Write};

use http::header::HeaderValue;

/// A text of up to 64 bytes on the stack: room for an address, quoted and in brackets.
pub(super) struct Short {
    bytes: [u8; 64],
    len: usize,
}

impl Short {
    /// Formats `value`; what has more than 64 bytes is cut off.
    pub(super) fn of(value: impl fmt::Display) -> Self {
        let mut text = Self { bytes: [0; 64], len: 0 };
        // An error means that the buffer is full.
        let _full = write!(text, "{value}");
        text
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
        let end = self.len + piece.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(piece.as_bytes());
        self.len = end;
        Ok(())
    }
}

//! The line before each chunk.

use super::{Malformed, bytes};

/// Digits of a chunk's size: as many as 64 bits can need.
const DIGITS_MAX: usize = 16;

/// Extensions of one chunk, in bytes, with their semicolons.
const EXTENSION_BYTES_MAX: usize = 256;

/// Extensions of all chunks of one body, in bytes. They carry nothing that anyone uses, and many
/// small chunks with long extensions would cost more to read than they bring.
const EXTENSIONS_BYTES_MAX: usize = 8 * 1024;

/// The longest line with its end.
pub(super) const LINE_BYTES_MAX: usize = DIGITS_MAX + EXTENSION_BYTES_MAX + 2;

/// The size lines of one body.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChunkLine {
    /// Bytes of extensions so far.
    extensions: usize,
}

impl ChunkLine {
    pub(super) const fn new() -> Self {
        Self { extensions: 0 }
    }

    /// Reads a whole line (RFC 9112 section 7.1): its length, and the size that it says. None if
    /// its end has not come.
    pub(super) fn read(&mut self, input: &[u8]) -> Result<Option<(usize, u64)>, Malformed> {
        let mut size = 0_u64;
        let mut digits = 0;
        let mut rest = input;
        while let Some((digit, after)) = rest
            .split_first()
            .and_then(|(byte, after)| char::from(*byte).to_digit(16).map(|digit| (digit, after)))
        {
            digits += 1;
            if digits > DIGITS_MAX {
                return Err(Malformed::bad("a chunk size with too many digits"));
            }
            size = size << 4 | u64::from(digit);
            rest = after;
        }
        match rest {
            [] => Ok(None),
            _ if digits == 0 => Err(Malformed::bad("a chunk size that is not a number")),
            [b'\r'] => Ok(None),
            [b'\r', b'\n', ..] => Ok(Some((digits + 2, size))),
            [b';', ..] => {
                let Some(extension) = self.extension(rest)? else {
                    return Ok(None);
                };
                Ok(Some((digits + extension + 2, size)))
            }
            _ => Err(Malformed::bad("a chunk size that is not a number")),
        }
    }

    /// The length of an extension without the line end. Whatever it says is ignored.
    fn extension(&mut self, rest: &[u8]) -> Result<Option<usize>, Malformed> {
        let window = rest.get(..EXTENSION_BYTES_MAX + 2).unwrap_or(rest);
        let Some(feed) = memchr::memchr(b'\n', window) else {
            if window.len() < EXTENSION_BYTES_MAX + 2 {
                return Ok(None);
            }
            return Err(Malformed::bad("a chunk extension that is too long"));
        };
        let Some([extension @ .., b'\r']) = window.get(..feed) else {
            return Err(Malformed::bad("a line feed without a carriage return"));
        };
        if bytes::has_control(extension) {
            return Err(Malformed::bad("a control character in a chunk extension"));
        }
        self.extensions += extension.len();
        if self.extensions > EXTENSIONS_BYTES_MAX {
            return Err(Malformed::bad("too many chunk extensions"));
        }
        Ok(Some(extension.len()))
    }
}

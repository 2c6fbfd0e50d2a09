//! Field sections of clients (QPACK, RFC 9204).
//!
//! The gateway offers no dynamic table (`SETTINGS_QPACK_MAX_TABLE_CAPACITY` is 0), so each section stands
//! for itself: it refers to the static table or says what it means. It is read here, and not by h3,
//! because h3 hands on what is left when fields have replaced each other.

mod huffman;
mod table;

#[cfg(test)]
mod tests;

/// A field line costs this much more than its name and value (RFC 9114 section 4.2.2).
const FIELD_BYTES: usize = 32;

/// Lengths and indexes are far below; what is not is an attempt at an overflow.
const INTEGER_MAX: usize = 1 << 30;

/// Why a section cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread<E> {
    /// It is no QPACK, or refers to a dynamic table. Whoever sends it and the gateway have lost each other
    /// (RFC 9204 section 6).
    Undecodable,
    /// All field lines together are longer than allowed.
    TooLarge,
    /// A field is not as it should be.
    Field(E),
}

/// Hands over each field line, in order: its name and its value.
///
/// # Errors
///
/// Stops at the first thing that is wrong. `bytes_max` counts as in RFC 9114 section 4.2.2.
pub(super) fn read<E>(
    section: &[u8],
    bytes_max: usize,
    mut each: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
) -> Result<(), Unread<E>> {
    let mut input = Input(section);
    // RFC 9204 section 4.5.1: what is needed of the dynamic table is nothing. The base that follows
    // has then no meaning.
    if input.integer(8).ok_or(Unread::Undecodable)? != 0 {
        return Err(Unread::Undecodable);
    }
    input.integer(7).ok_or(Unread::Undecodable)?;
    let (mut names, mut values) = (Vec::new(), Vec::new());
    let mut bytes: usize = 0;
    while !input.0.is_empty() {
        let (name, value) = input.line(&mut names, &mut values).ok_or(Unread::Undecodable)?;
        bytes = bytes.saturating_add(name.len() + value.len() + FIELD_BYTES);
        if bytes > bytes_max {
            return Err(Unread::TooLarge);
        }
        each(name, value).map_err(Unread::Field)?;
    }
    Ok(())
}

/// What is left of a section.
struct Input<'s>(&'s [u8]);

impl<'s> Input<'s> {
    /// The next field line; none if there is none like it. What is compressed is laid out in the
    /// buffers.
    fn line<'b>(
        &mut self,
        names: &'b mut Vec<u8>,
        values: &'b mut Vec<u8>,
    ) -> Option<(&'b [u8], &'b [u8])>
    where
        's: 'b,
    {
        let first = *self.0.first()?;
        // RFC 9204 sections 4.5.2 to 4.5.6; what has `T` = 0 or begins with 000 is of the dynamic table.
        if first & 0b1100_0000 == 0b1100_0000 {
            let (name, value) = table::TABLE.get(self.integer(6)?)?;
            return Some((name.as_bytes(), value.as_bytes()));
        }
        let name = if first & 0b1101_0000 == 0b0101_0000 {
            table::TABLE.get(self.integer(4)?)?.0.as_bytes()
        } else if first & 0b1110_0000 == 0b0010_0000 {
            self.text(3, names)?
        } else {
            return None;
        };
        Some((name, self.text(7, values)?))
    }

    /// A string, whose length is in so many bits of the first byte, with a bit before them that says
    /// whether it is compressed (RFC 9204 section 4.1.2).
    fn text<'b>(&mut self, bits: u32, buffer: &'b mut Vec<u8>) -> Option<&'b [u8]>
    where
        's: 'b,
    {
        let is_compressed = (*self.0.first()? >> bits) & 1 == 1;
        let length = self.integer(bits)?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        if !is_compressed {
            return Some(text);
        }
        buffer.clear();
        huffman::decode(text, buffer)?;
        Some(buffer)
    }

    /// An integer in so many bits of the first byte, and those behind it (RFC 7541 section 5.1).
    fn integer(&mut self, bits: u32) -> Option<usize> {
        let mask = 0xff >> (8 - bits);
        let mut value = usize::from(self.byte()? & mask);
        if value < usize::from(mask) {
            return Some(value);
        }
        let mut shift = 0;
        loop {
            let byte = self.byte()?;
            value = value.checked_add(usize::from(byte & 0x7f).checked_shl(shift)?)?;
            if value > INTEGER_MAX {
                return None;
            }
            if byte & 0x80 == 0 {
                return Some(value);
            }
            shift += 7;
            // Zeros without end.
            if shift > 28 {
                return None;
            }
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }
}

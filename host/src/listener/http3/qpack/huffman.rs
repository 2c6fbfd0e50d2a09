//! The code by which strings are compressed (RFC 7541 section 5.2 and appendix B).
//!
//! It is a canonical one: codes of the same length follow each other in the order of their symbols, so that
//! their number says all.

/// How many codes there are of each length, from 0 to 30 bits.
const COUNTS: [u32; 31] = [
    0, 0, 0, 0, 0, 10, 26, 32, 6, 0, 5, 3, 2, 6, 2, 3, 0, 0, 0, 3, 8, 13, 26, 29, 12, 4, 15, 19,
    29, 0, 4,
];

/// In the order of their codes; that of the end, which no text may hold, is behind the last one.
const SYMBOLS: [u8; 256] = [
    48, 49, 50, 97, 99, 101, 105, 111, 115, 116, 32, 37, 45, 46, 47, 51, 52, 53, 54, 55, 56, 57,
    61, 65, 95, 98, 100, 102, 103, 104, 108, 109, 110, 112, 114, 117, 58, 66, 67, 68, 69, 70, 71,
    72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 89, 106, 107, 113, 118, 119,
    120, 121, 122, 38, 42, 44, 59, 88, 90, 33, 34, 40, 41, 63, 39, 43, 124, 35, 62, 0, 36, 64, 91,
    93, 126, 94, 125, 60, 96, 123, 92, 195, 208, 128, 130, 131, 162, 184, 194, 224, 226, 153, 161,
    167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230, 129, 132, 133, 134, 136, 146, 154, 156,
    160, 163, 164, 169, 170, 173, 178, 181, 185, 186, 187, 189, 190, 196, 198, 228, 232, 233, 1,
    135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166, 168, 174,
    175, 180, 182, 183, 188, 191, 197, 231, 239, 9, 142, 144, 145, 148, 159, 171, 206, 215, 225,
    236, 237, 199, 207, 234, 235, 192, 193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242,
    243, 255, 203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246, 247, 248, 250, 251, 252,
    253, 254, 2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28,
    29, 30, 31, 127, 220, 249, 10, 13, 22,
];

/// Lays the text out behind what is in `into`; none if it is not one.
pub(super) fn decode(text: &[u8], into: &mut Vec<u8>) -> Option<()> {
    let mut reading = Code::default();
    for byte in text {
        for bit in (0..8).rev() {
            if reading.push(u32::from((byte >> bit) & 1))? {
                into.push(*SYMBOLS.get(reading.symbol)?);
                reading = Code::default();
            }
        }
    }
    reading.is_padding().then_some(())
}

/// What is read of one code.
#[derive(Default)]
struct Code {
    code: u32,
    length: usize,
    /// The first code of this length, if all shorter ones are lengthened to it.
    first: u32,
    /// Symbols whose codes are shorter.
    shorter: usize,
    /// Once it is whole.
    symbol: usize,
}

impl Code {
    /// Takes a bit, and says whether the code is whole; none if there is no code like it.
    fn push(&mut self, bit: u32) -> Option<bool> {
        self.code = (self.code << 1) | bit;
        self.length += 1;
        self.first <<= 1;
        let count = *COUNTS.get(self.length)?;
        let offset = self.code.checked_sub(self.first)?;
        if offset < count {
            self.symbol = self.shorter + usize::try_from(offset).ok()?;
            return Some(true);
        }
        self.first += count;
        self.shorter += usize::try_from(count).ok()?;
        Some(false)
    }

    /// RFC 7541 section 5.2: fewer than eight bits, all of them ones.
    const fn is_padding(&self) -> bool {
        self.length < 8 && self.code == (1 << self.length) - 1
    }
}

//! Lines that end in CR LF, found as their bytes come.

use super::Malformed;

/// How far the lines of a head or of trailers have been read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines {
    /// Where the next line begins.
    pub(super) start: usize,
    /// No line feed before this place; a client that sends a byte at a time costs no more than one
    /// that sends all at once.
    searched: usize,
    /// Field lines so far.
    pub(super) fields: usize,
}

/// What comes next.
pub(super) enum Line<'a> {
    /// A line without its end.
    Whole(&'a [u8]),
    /// The input ends before the line does.
    Partial,
    /// The line does not end within the limit.
    TooLong,
}

impl Lines {
    pub(super) const fn new() -> Self {
        Self { start: 0, searched: 0, fields: 0 }
    }

    /// Skips bytes before the first line.
    pub(super) const fn skip(&mut self, bytes: usize) {
        self.start = bytes;
        self.searched = bytes;
    }

    /// Takes the next line that ends within the first `limit` bytes. The input begins at the same
    /// byte in each call.
    pub(super) fn next<'a>(
        &mut self,
        input: &'a [u8],
        limit: usize,
    ) -> Result<Line<'a>, Malformed> {
        let input = input.get(..limit).unwrap_or(input);
        let Some(length) = input.get(self.searched..).and_then(|rest| memchr::memchr(b'\n', rest))
        else {
            self.searched = input.len();
            return Ok(if input.len() == limit { Line::TooLong } else { Line::Partial });
        };
        let end = self.searched + length;
        let line = input.get(self.start..end).unwrap_or_default();
        self.start = end + 1;
        self.searched = self.start;
        // RFC 9112 section 2.2 lets a lone line feed end a line; where some readers accept that and
        // others do not, one request is two.
        match line {
            [line @ .., b'\r'] => Ok(Line::Whole(line)),
            _ => Err(Malformed::bad("a line feed without a carriage return")),
        }
    }
}

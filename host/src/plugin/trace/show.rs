//! Values of the contract as text for people.
//!
//! The contract's types can be serialised, so that whatever an interface takes and gives is shown
//! without code of its own: names as in `wit/`, bytes as text, and long things cut.

mod serializer;

use std::fmt::{self, Write as _};

use serde::Serialize;

/// Bytes of one text; more is cut.
const TEXT_BYTES_MAX: usize = 80;

/// Elements of one list; more are counted.
const ELEMENTS_MAX: usize = 32;

/// What stands in place of a credential.
const REDACTED: &str = "<redacted>";

/// Headers whose value is a credential; lower-case, sorted.
const CREDENTIALS: [&str; 16] = [
    "api-key",
    "apikey",
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "subscription-key",
    "x-access-token",
    "x-amz-security-token",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
    "x-goog-api-key",
    "x-session-token",
    "x-vault-token",
    "x-xsrf-token",
];

/// Appends values to a text.
#[expect(clippy::struct_excessive_bools, reason = "each is about another moment of the text")]
pub(super) struct Show<'a> {
    out: &'a mut String,
    /// Whether credentials are shown.
    reveals: bool,
    /// Whether texts and bytes are left out now.
    hides: bool,
    /// Whether the text shown last names a credential.
    named: bool,
    /// Where in a list the next value stands, until it is known not to be a byte.
    element: Option<usize>,
    /// The beginning of a list of bytes, and how many there are.
    bytes: Vec<u8>,
    byte_count: usize,
}

impl<'a> Show<'a> {
    pub(super) const fn new(out: &'a mut String, reveals: bool) -> Self {
        Self {
            out,
            reveals,
            hides: false,
            named: false,
            element: None,
            bytes: Vec::new(),
            byte_count: 0,
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Whether what comes next is left out.
    pub(super) const fn hides(&self) -> bool {
        self.hides
    }

    /// Shows a value.
    pub(super) fn value<T: Serialize + ?Sized>(&mut self, value: &T) {
        // Nothing in the contract refuses to be serialised, and writing to a text does not fail.
        let _infallible = value.serialize(self);
    }

    /// Shows a value that stands beside others: if it names a credential, they are left out.
    pub(super) fn part<T: Serialize + ?Sized>(&mut self, value: &T) {
        self.named = false;
        self.value(value);
        self.hides |= std::mem::take(&mut self.named) && !self.reveals;
    }

    /// Shows a value without the texts and bytes in it.
    pub(super) fn hidden<T: Serialize + ?Sized>(&mut self, value: &T) {
        let before = std::mem::replace(&mut self.hides, !self.reveals);
        self.value(value);
        self.hides = before;
    }

    /// Begins a value that is no byte of a list.
    fn begin(&mut self) {
        match self.element.take() {
            Some(0) => self.out.push('['),
            Some(_) => self.out.push_str(", "),
            None => {}
        }
    }

    fn plain(&mut self, text: impl fmt::Display) -> fmt::Result {
        self.begin();
        write!(self.out, "{text}")
    }

    /// A text in quotes; `count` is how long it is if this is only its beginning.
    fn quoted(&mut self, bytes: &[u8], count: usize) {
        if self.hides {
            self.out.push_str(REDACTED);
            return;
        }
        self.out.push('"');
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            for c in chunk.valid().chars() {
                match c {
                    '\'' => self.out.push(c),
                    c => self.out.extend(c.escape_debug()),
                }
            }
            // Where the cut went through a character, its first half is left out.
            let is_half = count > bytes.len() && chunks.peek().is_none() && {
                std::str::from_utf8(chunk.invalid()).is_err_and(|error| error.error_len().is_none())
            };
            if !is_half {
                self.out.extend(chunk.invalid().escape_ascii().map(char::from));
            }
        }
        self.out.push('"');
        if count > bytes.len() {
            self.out.push('…');
        }
    }

    /// As `wit/` has it: `too-large` for `TooLarge` and `too_large`.
    fn name(&mut self, name: &str) {
        for (place, c) in name.char_indices() {
            if c == '_' {
                self.out.push('-');
                continue;
            }
            if c.is_ascii_uppercase() && place > 0 {
                self.out.push('-');
            }
            self.out.push(c.to_ascii_lowercase());
        }
    }
}

/// Whether the value of a header of this name lets somebody in.
fn is_credential(name: &str) -> bool {
    CREDENTIALS.binary_search(&name.to_ascii_lowercase().as_str()).is_ok()
}

#[cfg(test)]
mod tests;

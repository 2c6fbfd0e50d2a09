//! Values of the contract as text for people.
//!
//! The contract's types can be serialised, so that whatever an interface takes and gives is shown
//! without code of its own: names as in `wit/`, bytes as text, and long things cut.

use std::fmt::{self, Write as _};

use serde::ser::{self, Serialize};

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

    fn group(&mut self, open: &str, close: &'static str) -> Group<'_, 'a> {
        self.begin();
        self.out.push_str(open);
        Group { hid: self.hides, show: self, close, count: 0 }
    }
}

/// Whether the value of a header of this name lets somebody in.
fn is_credential(name: &str) -> bool {
    CREDENTIALS.binary_search(&name.to_ascii_lowercase().as_str()).is_ok()
}

/// Values in brackets.
pub(super) struct Group<'s, 'a> {
    show: &'s mut Show<'a>,
    close: &'static str,
    count: usize,
    /// What `hides` goes back to.
    hid: bool,
}

impl Group<'_, '_> {
    fn separate(&mut self) {
        if self.count > 0 {
            self.show.out.push_str(", ");
        }
        self.count += 1;
    }

    fn close(self) -> fmt::Result {
        self.show.hides = self.hid;
        self.show.out.push_str(self.close);
        Ok(())
    }
}

impl ser::SerializeSeq for Group<'_, '_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        let place = self.count;
        self.count += 1;
        if place >= ELEMENTS_MAX && self.show.byte_count == 0 {
            return Ok(());
        }
        self.show.element = Some(place);
        value.serialize(&mut *self.show)?;
        self.show.element = None;
        Ok(())
    }

    fn end(self) -> fmt::Result {
        let show = self.show;
        show.named = false;
        match std::mem::take(&mut show.byte_count) {
            0 if self.count == 0 => show.out.push_str("[]"),
            0 if self.count > ELEMENTS_MAX => write!(show.out, ", … {} in all]", self.count)?,
            0 => show.out.push(']'),
            count => {
                let bytes = std::mem::take(&mut show.bytes);
                show.quoted(&bytes, count);
            }
        }
        Ok(())
    }
}

impl ser::SerializeTuple for Group<'_, '_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        self.separate();
        self.show.part(value);
        Ok(())
    }

    fn end(self) -> fmt::Result {
        self.close()
    }
}

impl ser::SerializeStruct for Group<'_, '_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> fmt::Result {
        self.separate();
        self.show.name(name);
        self.show.out.push_str(": ");
        self.show.part(value);
        Ok(())
    }

    fn end(self) -> fmt::Result {
        self.close()
    }
}

macro_rules! plain {
    ($($method:ident: $type:ty,)*) => {
        $(
            fn $method(self, value: $type) -> fmt::Result {
                self.plain(value)
            }
        )*
    };
}

impl<'s, 'a> ser::Serializer for &'s mut Show<'a> {
    type Ok = ();
    type Error = fmt::Error;
    type SerializeSeq = Group<'s, 'a>;
    type SerializeTuple = Group<'s, 'a>;
    type SerializeStruct = Group<'s, 'a>;
    // None of these is made of a type of the contract.
    type SerializeTupleStruct = ser::Impossible<(), fmt::Error>;
    type SerializeTupleVariant = ser::Impossible<(), fmt::Error>;
    type SerializeStructVariant = ser::Impossible<(), fmt::Error>;
    type SerializeMap = ser::Impossible<(), fmt::Error>;

    plain! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_f32: f32,
        serialize_f64: f64,
    }

    /// A byte of a list waits for the others.
    fn serialize_u8(self, value: u8) -> fmt::Result {
        if self.element.is_none() {
            return self.plain(value);
        }
        if self.bytes.len() < TEXT_BYTES_MAX {
            self.bytes.push(value);
        }
        self.byte_count += 1;
        Ok(())
    }

    fn serialize_char(self, value: char) -> fmt::Result {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> fmt::Result {
        self.begin();
        self.named = is_credential(value);
        let cut = value.floor_char_boundary(TEXT_BYTES_MAX);
        self.quoted(value.as_bytes().get(..cut).unwrap_or_default(), value.len());
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> fmt::Result {
        self.begin();
        let cut = value.len().min(TEXT_BYTES_MAX);
        self.quoted(value.get(..cut).unwrap_or_default(), value.len());
        Ok(())
    }

    fn serialize_none(self) -> fmt::Result {
        self.plain("none")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> fmt::Result {
        value.serialize(self)
    }

    fn serialize_unit(self) -> fmt::Result {
        self.plain("()")
    }

    fn serialize_unit_struct(self, _name: &'static str) -> fmt::Result {
        self.plain("()")
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> fmt::Result {
        self.begin();
        self.name(variant);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> fmt::Result {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> fmt::Result {
        self.begin();
        self.name(variant);
        self.out.push('(');
        value.serialize(&mut *self)?;
        self.out.push(')');
        Ok(())
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Group<'s, 'a>, fmt::Error> {
        // The bracket comes with the first element that is no byte.
        Ok(self.group("", ""))
    }

    fn serialize_tuple(self, _length: usize) -> Result<Group<'s, 'a>, fmt::Error> {
        Ok(self.group("(", ")"))
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Group<'s, 'a>, fmt::Error> {
        Ok(self.group("{", "}"))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleStruct, fmt::Error> {
        Err(fmt::Error)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleVariant, fmt::Error> {
        Err(fmt::Error)
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Self::SerializeMap, fmt::Error> {
        Err(fmt::Error)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeStructVariant, fmt::Error> {
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests;

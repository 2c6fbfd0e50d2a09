//! Which kind of value is shown how.

use std::fmt::{self, Write as _};

use serde::ser::{self, Serialize};

use super::{ELEMENTS_MAX, Show, TEXT_BYTES_MAX, is_credential};

/// Values in brackets.
pub(in super::super) struct Group<'s, 'a> {
    show: &'s mut Show<'a>,
    close: &'static str,
    count: usize,
    /// What `hides` goes back to.
    hid: bool,
}

impl<'a> Show<'a> {
    fn group(&mut self, open: &str, close: &'static str) -> Group<'_, 'a> {
        self.begin();
        self.out.push_str(open);
        Group { hid: self.hides, show: self, close, count: 0 }
    }
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

//! The response's head.
//!
//! Reads work in the response and log phases. Writes work in the response phase, and, but for
//! [`set_status`], in the request phase: there they are remembered and applied, in order, to
//! whatever response comes.

use crate::Source;
use crate::host::response as host;

pub use crate::answer::{Header, HeaderError};

/// From 200 to 599.
#[must_use]
pub fn status() -> u16 {
    host::status()
}

/// Who produced this response.
#[must_use]
pub fn source() -> Source {
    host::source()
}

/// Changes the status.
///
/// # Errors
/// The status is not from 200 to 599, or is 204, 205 or 304, which have no body.
pub fn set_status(status: u16) -> Result<(), String> {
    host::set_status(status)
}

/// The value of the first line of this name, if there is one and it is UTF-8.
#[must_use]
pub fn header(name: &str) -> Option<String> {
    host::header(name).into_iter().next().and_then(|value| String::from_utf8(value).ok())
}

/// The values of all lines of this name, in order, unchanged; empty if there are none.
/// The name's case does not matter.
#[must_use]
pub fn header_values(name: &str) -> Vec<Vec<u8>> {
    host::header(name)
}

/// All lines. Lines of one name keep their order.
#[must_use]
pub fn headers() -> Vec<Header> {
    host::headers()
}

/// Replaces all lines of this name by one.
///
/// # Errors
/// See [`HeaderError`].
pub fn set_header(name: &str, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
    host::set_header(name, value.as_ref())
}

/// Adds a line after those of the same name.
///
/// # Errors
/// See [`HeaderError`].
pub fn append_header(name: &str, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
    host::append_header(name, value.as_ref())
}

/// Adds a line unless there is one of this name, whatever its value.
///
/// # Errors
/// See [`HeaderError`].
pub fn default_header(name: &str, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
    host::default_header(name, value.as_ref())
}

/// Removes all lines of this name; nothing happens if there are none.
///
/// # Errors
/// See [`HeaderError`].
pub fn remove_header(name: &str) -> Result<(), HeaderError> {
    host::remove_header(name)
}

/// The field lines after the body, in the call of the body phase for its last part.
#[must_use]
pub fn trailers() -> Vec<Header> {
    host::trailers()
}

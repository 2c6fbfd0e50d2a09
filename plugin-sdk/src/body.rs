//! The request's body, for a [`Handler`](crate::Handler) only.
//!
//! It streams: what is not asked for stays with the client, and every wait lets other exchanges go
//! on.

use crate::host::body as host;

pub use crate::answer::Header;
pub use crate::bindings::plugin::tidegate::plugin::body::BodyError;

/// The next part, as it came, of 1 to 65 536 bytes; `None` at the end.
///
/// # Errors
/// See [`BodyError`]. It stays so.
pub fn read() -> Result<Option<Vec<u8>>, BodyError> {
    host::read()
}

/// All that is left, at most `max_bytes`.
///
/// # Errors
/// [`BodyError::TooLarge`] also for more than `max_bytes` or the plugin's `limits.memory`; what was
/// read until then is gone.
pub fn read_all(max_bytes: u64) -> Result<Vec<u8>, BodyError> {
    host::read_all(max_bytes)
}

/// The field lines after the body, once its end was read.
#[must_use]
pub fn trailers() -> Vec<Header> {
    host::trailers()
}

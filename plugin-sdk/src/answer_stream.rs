//! An answer that is sent while it is made, such as server-sent events or a large file, for a
//! [`Handler`](crate::Handler) only.
//!
//! ```
//! # use tidegate_plugin::{Handled, Header, answer_stream};
//! # use tidegate_plugin::answer_stream::StreamError;
//! fn count() -> Result<Handled, StreamError> {
//!     let event_stream =
//!         Header { name: "content-type".to_owned(), value: b"text/event-stream".to_vec() };
//!     answer_stream::start(200, &[event_stream])?;
//!     for number in 1..=3 {
//!         answer_stream::write(format!("data: {number}\n\n"))?;
//!     }
//!     Ok(Handled::Streamed)
//! }
//! ```

use crate::host::answer_stream as host;

pub use crate::answer::Header;
pub use crate::bindings::plugin::tidegate::plugin::answer_stream::StreamError;

/// Hands the head over: it goes to the client without waiting for a body. The handler must return
/// [`Handled::Streamed`](crate::Handled::Streamed) then.
///
/// # Errors
/// All of [`StreamError`] but [`NotStarted`](StreamError::NotStarted) and
/// [`Closed`](StreamError::Closed). Nothing is sent then.
pub fn start(status: u16, headers: &[Header]) -> Result<(), StreamError> {
    host::start(status, headers)
}

/// Hands over the next part of the body, and waits until the one before is on its way.
///
/// # Errors
/// [`StreamError::NotStarted`], and [`StreamError::Closed`] if the answer has no body, as to `HEAD`.
/// A handler whose client leaves is not told: its instance is ended.
pub fn write(bytes: impl AsRef<[u8]>) -> Result<(), StreamError> {
    host::write(bytes.as_ref())
}

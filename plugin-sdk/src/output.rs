//! Lines for a file or standard output, such as an access log. Needs the grant `output`.
//!
//! The operator names outputs in the `outputs` tables of `gateway.toml`; `stdout` and `stderr`
//! always exist. Writing never waits: each output has a bounded queue.

use crate::host::output as host;

pub use crate::bindings::plugin::tidegate::plugin::output::OutputError;

/// The names of all outputs, sorted. May be called from `configure`.
#[must_use]
pub fn names() -> Vec<String> {
    host::names()
}

/// Queues one line; the host adds the line feed. A line feed within is the caller's
/// responsibility.
///
/// # Errors
/// See [`OutputError`].
pub fn write(output: &str, line: impl AsRef<[u8]>) -> Result<(), OutputError> {
    host::write(output, line.as_ref())
}

//! Keys and values in the gateway's memory. Needs the grant `kv`.
//!
//! Each plugin (by its name in `gateway.toml`) has a space of its own, shared by all workers and
//! kept across reloads, but not across restarts. The grant may name a space that several plugins
//! share, and prefixes that keys must have.

use std::time::Duration;

use crate::host::kv as host;

pub use crate::bindings::plugin::tidegate::plugin::kv::{Entry, KvError};

/// The value, unless there is none or its time is over.
#[must_use]
pub fn get(key: &str) -> Option<Entry> {
    host::get(key)
}

/// Writes; returns the new version. `ttl` is how long the value stays; for good if absent.
///
/// # Errors
/// [`KvError::TooLarge`], [`KvError::Full`] and [`KvError::Denied`].
pub fn set(key: &str, value: impl AsRef<[u8]>, ttl: Option<Duration>) -> Result<u64, KvError> {
    host::set(key, value.as_ref(), ttl.map(ms))
}

/// Writes only if the key's version is the expected one; `None` expects that there is no value.
///
/// # Errors
/// See [`KvError`].
pub fn compare_and_set(
    key: &str,
    expected: Option<u64>,
    value: impl AsRef<[u8]>,
    ttl: Option<Duration>,
) -> Result<u64, KvError> {
    host::compare_and_set(key, expected, value.as_ref(), ttl.map(ms))
}

/// Removes a key; whether there was one.
pub fn delete(key: &str) -> bool {
    host::delete(key)
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

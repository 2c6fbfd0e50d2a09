//! Responses that are kept to be given again (RFC 9111). Needs the grant `cache`.
//!
//! The gateway keeps and finds; what may be stored, under which key and for how long is the
//! plugin's to decide. Times are those of [`clock::unix_ms`](crate::clock::unix_ms). Works in
//! phases, not in `configure`.

use crate::Header;
use crate::host::cache as host;

pub use crate::bindings::plugin::tidegate::plugin::cache::{CacheError, Entry};

/// The entry of this key, fresh or stale.
#[must_use]
pub fn get(key: &str) -> Option<Entry> {
    host::get(key)
}

/// Keeps an entry, in place of another one with this key. It may go at any time, to make room.
///
/// # Errors
/// See [`CacheError`].
pub fn put(key: &str, entry: &Entry) -> Result<(), CacheError> {
    host::put(key, entry)
}

/// After a 304: these headers replace those of the same name, the times are set, and
/// `stored_at_ms` to now. Whether there was an entry.
pub fn refresh(key: &str, headers: &[Header], fresh_until_ms: u64, stale_until_ms: u64) -> bool {
    host::refresh(key, headers, fresh_until_ms, stale_until_ms)
}

/// Removes an entry; whether there was one.
pub fn delete(key: &str) -> bool {
    host::delete(key)
}

/// Removes the plugin's entries with this tag; how many there were.
pub fn delete_tag(tag: &str) -> u32 {
    host::delete_tag(tag)
}

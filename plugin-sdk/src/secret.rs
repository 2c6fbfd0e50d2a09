//! Secrets that the operator keeps outside of `gateway.toml`. Needs the grant `secret`, which names
//! those that the plugin may read.
//!
//! Works in phases, not in `configure`: what `configure` leaves in memory becomes the image of all
//! instances, and a secret must neither be written into that nor stay when it is replaced.
//!
//! In what the plugin logs, prints and writes to outputs, the value of a granted secret is replaced
//! by `[redacted]`.

use crate::host::secret as host;

/// The secret of this name, as it is now; absent if it was not granted.
#[must_use]
pub fn get(name: &str) -> Option<Vec<u8>> {
    host::get(name)
}

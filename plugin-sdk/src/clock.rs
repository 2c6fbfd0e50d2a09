//! The time. `std::time::SystemTime` and `Instant` would make a component import WASI.

use crate::host::clock as host;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[must_use]
pub fn unix_ms() -> u64 {
    host::unix_ms()
}

/// Microseconds since some moment in the past; never runs backwards.
#[must_use]
pub fn monotonic_us() -> u64 {
    host::monotonic_us()
}

//! A clock that stands still until the test moves it.

use std::time::Duration;

use super::state;

/// 2026-01-01T00:00:00Z.
const START_MS: u64 = 1_767_225_600_000;

pub(super) struct Clock {
    /// Microseconds since 1970-01-01T00:00:00Z.
    unix_us: u64,
    monotonic_us: u64,
}

impl Clock {
    pub(super) const fn unix_us(&self) -> u64 {
        self.unix_us
    }

    pub(super) const fn unix_ms(&self) -> u64 {
        self.unix_us / 1000
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self { unix_us: START_MS * 1000, monotonic_us: 0 }
    }
}

/// Sets the time, in milliseconds since 1970-01-01T00:00:00Z; at first it is
/// 2026-01-01T00:00:00Z. As when an operator sets a clock, the monotonic one goes on unmoved.
pub fn set_unix_ms(unix_ms: u64) {
    state::with(|state| state.clock.unix_us = unix_ms.saturating_mul(1000));
}

/// Moves both clocks on.
pub fn advance(time: Duration) {
    let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    state::with(|state| {
        state.clock.unix_us = state.clock.unix_us.saturating_add(us);
        state.clock.monotonic_us = state.clock.monotonic_us.saturating_add(us);
    });
}

pub(crate) fn unix_ms() -> u64 {
    state::with(|state| state.clock.unix_ms())
}

pub(crate) fn monotonic_us() -> u64 {
    state::with(|state| state.clock.monotonic_us)
}

//! The one place that asks the machine what time it is.
//!
//! Everything else takes the time as an argument, so that tests can move it.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// When the process first asked, on both clocks.
static START: LazyLock<Start> = LazyLock::new(|| Start { instant: now(), unix: unix() });

struct Start {
    instant: Instant,
    unix: Duration,
}

/// The monotonic clock, for deadlines and durations.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since 1970-01-01T00:00:00Z by the wall clock, which an operator may set.
#[must_use]
pub fn unix_ms() -> u64 {
    u64::try_from(unix().as_millis()).unwrap_or(u64::MAX)
}

/// Microseconds since the process first asked; never runs backwards.
#[must_use]
pub fn monotonic_us() -> u64 {
    u64::try_from(since_start().as_micros()).unwrap_or(u64::MAX)
}

/// Microseconds since 1970-01-01T00:00:00Z that neither jump nor run backwards.
///
/// The wall clock at the process's first question plus the monotonic time since then. Counters
/// and times to live use it: setting the wall clock must neither open a limit nor close it.
#[must_use]
pub fn steady_unix_us() -> u64 {
    u64::try_from((START.unix + since_start()).as_micros()).unwrap_or(u64::MAX)
}

fn since_start() -> Duration {
    let start = START.instant;
    now().saturating_duration_since(start)
}

/// Since 1970-01-01T00:00:00Z by the wall clock. Before 1970 counts as 1970.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
#[must_use]
pub fn unix() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steady_clock_begins_at_the_wall_clock() {
        let steady_ms = steady_unix_us() / 1000;
        assert!(unix_ms().abs_diff(steady_ms) < 60_000);
        assert!(steady_ms > 1_700_000_000_000);
    }

    #[test]
    fn clocks_that_must_not_run_backwards_do_not() {
        let (first, steady) = (monotonic_us(), steady_unix_us());
        assert!(monotonic_us() >= first);
        assert!(steady_unix_us() >= steady);
    }
}

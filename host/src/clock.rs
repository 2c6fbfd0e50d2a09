//! The one place that asks the machine what time it is.
//!
//! Everything else takes the time as an argument, so that tests can move it. [`set_unix_ms`] moves what
//! plugins see of the time, for a process that tries plugins out.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// When the process first asked, on both clocks.
static START: LazyLock<Start> = LazyLock::new(|| Start { instant: now(), unix: unix() });

/// By how many microseconds the clocks that plugins see are ahead of the machine's.
static SHIFT_US: AtomicI64 = AtomicI64::new(0);

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
    shifted(unix().as_micros()) / 1000
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
    shifted((START.unix + since_start()).as_micros())
}

/// Sets the wall clock of the whole process to this many milliseconds since 1970.
///
/// The clock of counters and times to live is set with it. Only for a process that tries plugins out:
/// what is counted over time expects a clock that goes forward.
pub fn set_unix_ms(unix_ms: u64) {
    let wanted = i64::try_from(u128::from(unix_ms) * 1000).unwrap_or(i64::MAX);
    let machine = i64::try_from(unix().as_micros()).unwrap_or(i64::MAX);
    SHIFT_US.store(wanted.saturating_sub(machine), Ordering::Relaxed);
}

/// Takes back [`set_unix_ms`].
pub fn follow_machine() {
    SHIFT_US.store(0, Ordering::Relaxed);
}

/// A time of the machine as the process is to see it.
fn shifted(machine_us: u128) -> u64 {
    let us = u64::try_from(machine_us).unwrap_or(u64::MAX);
    us.saturating_add_signed(SHIFT_US.load(Ordering::Relaxed))
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

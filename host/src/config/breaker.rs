//! The key `breaker` of an upstream.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::limits::WAIT_RANGE;
use super::table::Table;
use super::value::Value;
use super::{Breaker, SlowCalls};

/// Half of the requests: below, an upstream is still of use to more clients than not.
const ERRORS: u32 = 50;

/// So that two failures of three requests at night say nothing.
const MIN_REQUESTS: u32 = 20;

/// More than anybody waits for to learn that an upstream is down.
const MIN_REQUESTS_MAX: u32 = 1_000_000;

/// Long enough to see through a hiccup, short enough to forget one.
const WINDOW: Duration = Duration::from_secs(10);

/// It is counted in tenths.
const WINDOW_RANGE: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(60 * 60);

/// As for errors.
const SLOW_PERCENT: u32 = 50;

/// A service that restarts is back by then.
const OPEN: Duration = Duration::from_secs(5);

/// One may succeed by chance.
const HALF_OPEN: u32 = 3;

/// More would be traffic, not a trial.
const HALF_OPEN_MAX: u32 = 1000;

pub(super) fn read(value: &Value<'_>) -> Option<Breaker> {
    let mut table = value.table()?;
    let errors = table.or("errors", ERRORS, |value| value.integer(1..=100));
    let min_requests =
        table.or("min_requests", MIN_REQUESTS, |value| value.integer(1..=MIN_REQUESTS_MAX));
    let window = table.or("window", WINDOW, |value| value.duration(&WINDOW_RANGE));
    let slow = table.or("slow", None, |value| value.table().and_then(slow_calls).map(Some));
    let open = table.or("open", OPEN, |value| value.duration(&WAIT_RANGE));
    let half_open = table.or("half_open", HALF_OPEN, |value| value.integer(1..=HALF_OPEN_MAX));
    table.end();
    Some(Breaker {
        errors: errors?,
        min_requests: min_requests?,
        window: window?,
        slow: slow?,
        open: open?,
        half_open: half_open?,
    })
}

fn slow_calls(mut table: Table<'_>) -> Option<SlowCalls> {
    let threshold = table.need("threshold", "\"1s\"");
    let threshold = threshold.and_then(|value| value.duration(&WAIT_RANGE));
    let percent = table.or("percent", SLOW_PERCENT, |value| value.integer(1..=100));
    table.end();
    Some(SlowCalls { threshold: threshold?, percent: percent? })
}

//! Which endpoints are left out because of what requests found: the key `outlier` of an upstream.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::limits::WAIT_RANGE;
use super::table::Table;
use super::tree::Kind;
use super::value::Value;
use super::{ErrorRate, LatencyOutlier, Outlier};

/// Five failures in a row are no accident at the usual share of failures.
const CONSECUTIVE_ERRORS: u32 = 5;

/// Of fewer attempts neither a share nor a median says anything.
const REQUESTS_MIN: u32 = 20;

/// Long enough for a share to mean something, short enough to be about now.
const INTERVAL: Duration = Duration::from_secs(10);

/// Below, nobody notices who is slower: 1 ms against 0.3 ms is no fault.
const LATENCY_FLOOR: Duration = Duration::from_millis(50);

/// In percent: what is nearer to the others differs by chance, what is farther is no bound.
const FACTOR_RANGE: RangeInclusive<u32> = 110..=10_000;

/// Time for a restart.
const BASE_EJECTION: Duration = Duration::from_secs(30);

/// After ten ejections it is not the length of them that would help.
const MAX_EJECTION: Duration = Duration::from_secs(300);

/// Half of the endpoints may be enough for the load; fewer hardly are.
const MAX_EJECTED_PERCENT: u8 = 50;

pub(super) fn read(value: &Value<'_>) -> Option<Outlier> {
    let mut table = value.table()?;
    let wait = |value: &Value<'_>| value.duration(&WAIT_RANGE);
    let consecutive_errors =
        table.or("consecutive_errors", CONSECUTIVE_ERRORS, |value| value.integer(1..=1_000_000));
    let windowed = windowed(&mut table);
    let base_ejection = table.or("base_ejection", BASE_EJECTION, wait);
    let longest = table.take("max_ejection");
    let max_ejection = match &longest {
        Some(value) => wait(value),
        None => base_ejection.map(|base| base.max(MAX_EJECTION)),
    };
    let max_ejected_percent =
        table.or("max_ejected", MAX_EJECTED_PERCENT, |value| value.integer(1..=100));
    table.end();
    let (base_ejection, max_ejection) = (base_ejection?, max_ejection?);
    if let Some(value) = longest.filter(|_| max_ejection < base_ejection) {
        return value.refuse(value.finding("`max_ejection` is shorter than `base_ejection`"));
    }
    let Windowed { error_rate, latency } = windowed?;
    Some(Outlier {
        consecutive_errors: consecutive_errors?,
        error_rate,
        latency,
        base_ejection,
        max_ejection,
        max_ejected_percent: max_ejected_percent?,
    })
}

/// What is judged over `interval`, by `min_requests` at least.
struct Windowed {
    error_rate: Option<ErrorRate>,
    latency: Option<LatencyOutlier>,
}

fn windowed(table: &mut Table<'_>) -> Option<Windowed> {
    let percent = table.or("error_rate", None, |value| value.integer(1..=100).map(Some));
    let factor = table.or("latency_factor", None, |value| factor(value).map(Some));
    let floor = table.take("latency_floor");
    let least = table.take("min_requests");
    let interval = table.take("interval");
    let (percent, factor) = (percent?, factor?);
    if let (None, Some(idle)) = (factor, &floor) {
        let finding = idle.finding("`latency_floor` has no effect without `latency_factor`");
        return idle.refuse(finding.hint("add `latency_factor = 3`"));
    }
    if let (None, None, Some(idle)) = (percent, factor, least.as_ref().or(interval.as_ref())) {
        let message =
            format!("`{}` has no effect without `error_rate` or `latency_factor`", idle.name);
        return idle.refuse(idle.finding(message).hint("add `error_rate = 50`"));
    }
    let attempts_min = match &least {
        Some(value) => value.integer(1..=1_000_000),
        None => Some(REQUESTS_MIN),
    };
    let interval = match &interval {
        Some(value) => value.duration(&WAIT_RANGE),
        None => Some(INTERVAL),
    };
    let floor = match &floor {
        Some(value) => value.duration(&WAIT_RANGE),
        None => Some(LATENCY_FLOOR),
    };
    let (attempts_min, interval, floor) = (attempts_min?, interval?, floor?);
    let error_rate = percent.map(|percent| ErrorRate { percent, attempts_min, interval });
    let latency = factor.map(|factor_percent| LatencyOutlier {
        factor_percent,
        floor,
        attempts_min,
        interval,
    });
    Some(Windowed { error_rate, latency })
}

/// How many times as slow as the others, in percent.
fn factor(value: &Value<'_>) -> Option<u32> {
    let number = match &value.node.kind {
        Kind::Integer(Some(number)) => number.to_string(),
        Kind::Float(Some(number)) => number.to_string(),
        _ => return value.wrong("a number from 1.1 to 100"),
    };
    let (whole, decimals) = number.split_once('.').unwrap_or((&number, "0"));
    let percent = (decimals.len() <= 2)
        .then(|| format!("{whole}{decimals:0<2}").parse::<u32>().ok())
        .flatten()
        .filter(|percent| FACTOR_RANGE.contains(percent));
    percent.or_else(|| {
        let message = "`latency_factor` must be from 1.1 to 100, with two decimals at most";
        value.refuse(value.finding(message).hint("3 is three times as slow as the others"))
    })
}

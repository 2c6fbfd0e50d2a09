//! Endpoints that fail with requests, or are much slower than the others, are left out for a while.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{Health, Pace};
use crate::config::{ErrorRate, LatencyOutlier, Outlier};
use crate::upstream::endpoint::Endpoint;

/// Of the whole process: ejections are rare, and two at once must not eject more than may be.
static EJECTING: Mutex<()> = Mutex::new(());

impl Health {
    /// Begins the row of failures anew.
    fn succeeded(&self) {
        // Others read this line with every request; it is written only if it changes.
        if self.errors.load(Ordering::Relaxed) > 0 {
            self.errors.store(0, Ordering::Relaxed);
        }
    }

    /// An attempt failed; whether that was one too many in a row.
    fn failed(&self, outlier: &Outlier) -> bool {
        let errors = self.errors.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        errors >= outlier.consecutive_errors
    }

    /// Counts an attempt; whether it failed and is one of too many lately.
    ///
    /// Attempts at the same instant as a new count begins may be in neither; a share is not more exact.
    fn counted(&self, rate: &ErrorRate, has_failed: bool, now_us: u64) -> bool {
        let begun = self.counted_us.load(Ordering::Relaxed);
        let interval = u64::try_from(rate.interval.as_micros()).unwrap_or(u64::MAX);
        if now_us.saturating_sub(begun) >= interval {
            self.count_anew(now_us);
        }
        let attempts = self.attempts.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if !has_failed {
            return false;
        }
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let share = u64::from(failures) * 100;
        attempts >= rate.attempts_min && share >= u64::from(attempts) * u64::from(rate.percent)
    }

    fn count_anew(&self, now_us: u64) {
        self.counted_us.store(now_us, Ordering::Relaxed);
        self.attempts.store(0, Ordering::Relaxed);
        self.failures.store(0, Ordering::Relaxed);
    }

    /// Leaves the endpoint out, each time longer; gives how long. For each base time that it was back
    /// without a relapse, an ejection is forgiven.
    fn eject(&self, outlier: &Outlier, now_us: u64) -> Duration {
        let back = self.ejected_until_us.load(Ordering::Relaxed);
        let well = Duration::from_micros(now_us.saturating_sub(back)).as_micros();
        let forgiven = well / outlier.base_ejection.as_micros().max(1);
        let forgiven = u32::try_from(forgiven).unwrap_or(u32::MAX);
        let before = self.ejections.load(Ordering::Relaxed).saturating_sub(forgiven);
        let nth = before.saturating_add(1);
        let length = outlier.base_ejection.saturating_mul(nth).min(outlier.max_ejection);
        let until = now_us.saturating_add(u64::try_from(length.as_micros()).unwrap_or(u64::MAX));
        self.errors.store(0, Ordering::Relaxed);
        self.count_anew(now_us);
        if let Some(pace) = self.pace.get() {
            pace.forget();
        }
        self.ejections.store(nth, Ordering::Relaxed);
        self.ejected_until_us.store(until, Ordering::Relaxed);
        length
    }
}

/// Why an endpoint is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::upstream) enum Reason {
    /// Too many failures in a row.
    ConsecutiveErrors,
    /// Too large a share of failures.
    ErrorRate,
    /// Much slower than the others.
    Latency,
}

impl Reason {
    /// As in the log, and as the keys of the configuration begin.
    pub(in crate::upstream) const fn as_str(self) -> &'static str {
        match self {
            Self::ConsecutiveErrors => "consecutive_errors",
            Self::ErrorRate => "error_rate",
            Self::Latency => "latency",
        }
    }
}

/// Notes how an attempt ended: how long the answer took, `None` for a failure. Gives how long the
/// endpoint is left out and why if that was the last straw, and if not too many of `all` are already.
pub(in crate::upstream) fn judge(
    endpoint: &Endpoint,
    all: &[Endpoint],
    outlier: &Outlier,
    answered: Option<Duration>,
    now_us: impl Fn() -> u64,
) -> Option<(Duration, Reason)> {
    let health = endpoint.health();
    let rate = outlier.error_rate.as_ref();
    let is_too_often = rate.is_some_and(|rate| health.counted(rate, answered.is_none(), now_us()));
    let reason = match (answered, &outlier.latency) {
        (Some(took), latency) => {
            health.succeeded();
            let bounds = latency.as_ref()?;
            is_slow(endpoint, all, bounds, took, now_us()).then_some(Reason::Latency)?
        }
        (None, _) if health.failed(outlier) => Reason::ConsecutiveErrors,
        (None, _) if is_too_often => Reason::ErrorRate,
        (None, _) => return None,
    };
    let now_us = now_us();
    let _one_at_a_time = EJECTING.lock().unwrap_or_else(PoisonError::into_inner);
    // What was under way when it was ejected may still fail, and says nothing new.
    if health.is_ejected(now_us) {
        health.succeeded();
        return None;
    }
    let ejected = all.iter().filter(|other| other.health().is_ejected(now_us)).count();
    let most = all.len() * usize::from(outlier.max_ejected_percent) / 100;
    (ejected < most).then(|| {
        endpoint.ejected();
        (health.eject(outlier, now_us), reason)
    })
}

/// Takes in an answer; whether an interval ended with it, over which the endpoint was much slower than
/// the others.
///
/// The others are those that take traffic and had enough of it to be compared with, whatever their
/// priority; without one nobody is slow.
fn is_slow(
    endpoint: &Endpoint,
    all: &[Endpoint],
    bounds: &LatencyOutlier,
    took: Duration,
    now_us: u64,
) -> bool {
    let health = endpoint.health();
    // What was asked before it was ejected says nothing of what it is when it is back.
    if health.is_ejected(now_us) {
        return false;
    }
    let pace = health.pace.get_or_init(Pace::default);
    let Some(own) = pace.observe(took, bounds, now_us) else { return false };
    if Duration::from_micros(own) < bounds.floor {
        return false;
    }
    let is_other = |other: &&Endpoint| other.address() != endpoint.address();
    let mut others: Vec<u64> = all
        .iter()
        .filter(is_other)
        .map(Endpoint::health)
        .filter(|other| !other.is_ejected(now_us))
        .filter_map(|other| other.pace.get()?.median_us(bounds, now_us))
        .collect();
    others.sort_unstable();
    let (low, high) = (others.len().saturating_sub(1) / 2, others.len() / 2);
    let (Some(low), Some(high)) = (others.get(low), others.get(high)) else { return false };
    let usual = low.midpoint(*high);
    own.saturating_mul(100) > usual.saturating_mul(u64::from(bounds.factor_percent))
}

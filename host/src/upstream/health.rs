//! Whether an endpoint is fit: what checks say of it, and what requests did.
//!
//! Both live in atomics that all workers and all snapshots share, so a reload forgets nothing, and
//! choosing an endpoint asks nobody. Checks run on one thread for the whole gateway ([`probe`]);
//! what requests did is noted by whoever made them ([`outlier`]).

pub(super) mod outlier;
mod pace;
pub(super) mod probe;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::config::HealthCheck;
use pace::Pace;

/// The whole of a share, in thousandths.
pub(super) const WARM: u64 = 1000;

/// With which slow start begins, in thousandths: enough requests to open connections and fill caches.
const COLD: u64 = 100;

/// What is known of one endpoint. Times are in microseconds of the monotonic clock; 0 is never.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// By checks; what was never checked is healthy.
    unhealthy: AtomicBool,
    /// When the last check ended.
    checked_us: AtomicU64,
    /// Checks in a row that were unlike the state; only the thread of checks writes it.
    contrary: AtomicU32,
    /// When it came, or came back.
    since_us: AtomicU64,
    /// Shares of turns that were passed on, in thousandths.
    credit: AtomicU64,
    /// Failed attempts in a row.
    errors: AtomicU32,
    /// When the count of attempts began.
    counted_us: AtomicU64,
    /// Attempts since then, and those of them that failed.
    attempts: AtomicU32,
    failures: AtomicU32,
    /// How fast it answers, once somebody wants to know.
    pace: OnceLock<Pace>,
    /// Ejections that are not forgiven yet.
    ejections: AtomicU32,
    ejected_until_us: AtomicU64,
}

/// What a check has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It takes traffic again.
    Risen,
    /// It takes no more.
    Fallen,
}

impl Health {
    /// Healthy, and here since then.
    pub(super) fn since(since_us: u64) -> Self {
        Self { since_us: since_us.into(), ..Self::default() }
    }

    /// As far as checks know.
    pub(super) fn is_healthy(&self) -> bool {
        !self.unhealthy.load(Ordering::Relaxed)
    }

    /// Whether it is left out because of what requests did.
    pub(super) fn is_ejected(&self, now_us: u64) -> bool {
        self.ejected_until_us.load(Ordering::Relaxed) > now_us
    }

    /// When the last check ended; absent before the first.
    pub(super) fn checked_us(&self) -> Option<u64> {
        Some(self.checked_us.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }

    /// Takes in a check. The very first decides at once: nothing is known that it would contradict.
    pub(super) fn checked(
        &self,
        is_good: bool,
        check: &HealthCheck,
        now_us: u64,
    ) -> Option<Change> {
        let is_first = self.checked_us.swap(now_us.max(1), Ordering::Relaxed) == 0;
        if is_good == self.is_healthy() {
            self.contrary.store(0, Ordering::Relaxed);
            return None;
        }
        let contrary = self.contrary.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let enough = if is_good { check.rise } else { check.fall };
        if contrary < enough && !is_first {
            return None;
        }
        self.contrary.store(0, Ordering::Relaxed);
        if is_good {
            self.since_us.store(now_us.max(1), Ordering::Relaxed);
        }
        self.unhealthy.store(!is_good, Ordering::Relaxed);
        Some(if is_good { Change::Risen } else { Change::Fallen })
    }

    /// The share of its turns that it takes, in thousandths: from [`COLD`] to [`WARM`], over `window`.
    pub(super) fn warmth(&self, window: Duration, now_us: u64) -> u64 {
        let back = self.ejected_until_us.load(Ordering::Relaxed);
        let since = self.since_us.load(Ordering::Relaxed).max(back);
        if since == 0 {
            return WARM;
        }
        let window = u64::try_from(window.as_micros()).unwrap_or(u64::MAX).max(1);
        let here = now_us.saturating_sub(since).min(window);
        (WARM.saturating_mul(here) / window).max(COLD)
    }

    /// Whether a turn is taken, so that `share` thousandths of them are.
    pub(super) fn is_due(&self, share: u64) -> bool {
        if share >= WARM {
            return true;
        }
        let credit = self.credit.fetch_add(share, Ordering::Relaxed) + share;
        let is_due = credit >= WARM;
        if is_due {
            self.credit.fetch_sub(WARM, Ordering::Relaxed);
        }
        is_due
    }
}

#[cfg(test)]
mod tests;

//! How long an endpoint takes, as a moving average that jumps at peaks (Finagle's *peak EWMA*).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// In this time the weight of what was seen falls to a third (1/e).
const DECAY: Duration = Duration::from_secs(10);

/// What an endpoint that has exchanges under way but has answered none yet is taken for: a few at a time
/// shall find out how it is.
const UNKNOWN: Duration = Duration::from_secs(1);

/// What a failed attempt counts at least: an endpoint that fails at once must not look fast.
pub(in crate::upstream) const FAILED: Duration = Duration::from_secs(1);

/// Shared by all workers without a lock: two answers at the same instant may count as one.
#[derive(Debug, Default)]
pub(in crate::upstream) struct Latency {
    /// Seconds, as bits; 0 if nothing was seen.
    average: AtomicU64,
    /// Of the last answer.
    seen_us: AtomicU64,
}

impl Latency {
    /// An attempt took so long.
    pub(in crate::upstream) fn observe(&self, took: Duration, now_us: u64) {
        let (average, kept) = self.read(now_us);
        let took = took.as_secs_f64();
        let decayed = average * kept;
        let next = if took > decayed { took } else { decayed + took * (1.0 - kept) };
        self.average.store(next.to_bits(), Ordering::Relaxed);
        self.seen_us.store(now_us, Ordering::Relaxed);
    }

    /// Seconds that one more exchange would take, with so many under way.
    pub(in crate::upstream) fn cost(&self, under_way: usize, now_us: u64) -> f64 {
        let waiting = f64::from(u32::try_from(under_way).unwrap_or(u32::MAX));
        let (average, kept) = self.read(now_us);
        if average > 0.0 {
            return average * kept * (waiting + 1.0);
        }
        UNKNOWN.as_secs_f64() * waiting
    }

    /// The average when it was last seen, and the share of it that is left.
    fn read(&self, now_us: u64) -> (f64, f64) {
        let average = f64::from_bits(self.average.load(Ordering::Relaxed));
        let since = now_us.saturating_sub(self.seen_us.load(Ordering::Relaxed));
        let since = Duration::from_micros(since).as_secs_f64();
        (average, (-since / DECAY.as_secs_f64()).exp())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Latency;

    const SECOND_US: u64 = 1_000_000;

    fn ms(cost: f64) -> u64 {
        Duration::from_secs_f64(cost).as_micros().div_ceil(1000).try_into().unwrap()
    }

    #[test]
    fn a_peak_counts_at_once_and_is_forgotten_slowly() {
        let latency = Latency::default();
        latency.observe(Duration::from_millis(10), SECOND_US);
        latency.observe(Duration::from_millis(500), SECOND_US);
        assert_eq!(ms(latency.cost(0, SECOND_US)), 500);
        latency.observe(Duration::from_millis(10), 2 * SECOND_US);
        // 500 ms * e^-0.1 + 10 ms * (1 - e^-0.1)
        assert_eq!(ms(latency.cost(0, 2 * SECOND_US)), 454);
        // After a minute without an answer it is tried again.
        assert_eq!(ms(latency.cost(0, 62 * SECOND_US)), 2);
    }

    #[test]
    fn each_exchange_under_way_adds_its_share() {
        let latency = Latency::default();
        latency.observe(Duration::from_millis(10), SECOND_US);
        assert_eq!(ms(latency.cost(3, SECOND_US)), 40);
    }

    #[test]
    fn an_endpoint_that_nobody_knows_gets_one_exchange_to_begin_with() {
        let latency = Latency::default();
        assert_eq!(ms(latency.cost(0, SECOND_US)), 0);
        assert_eq!(ms(latency.cost(1, SECOND_US)), 1000);
    }
}

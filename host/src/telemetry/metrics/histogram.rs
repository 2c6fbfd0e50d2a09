//! Counting samples by size, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds in seconds for requests, the gateway's part of them, and upstreams: from the
/// 50 µs of a fixed response to the 10 s nobody waits for.
pub const EXCHANGE_BOUNDS: &[f64] = &[
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
    2.5, 5.0, 10.0,
];

/// Upper bounds in seconds for one call of a plugin, which begin at a pooled instance's 1 µs.
pub const PLUGIN_BOUNDS: &[f64] = &[
    0.000_001,
    0.000_002_5,
    0.000_005,
    0.00001,
    0.000_025,
    0.00005,
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
];

/// Upper bounds for the histograms that plugins keep themselves.
pub const OWN_BOUNDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 25.0, 50.0, 100.0,
];

/// Samples counted by size.
///
/// A sample costs two atomic additions; the count is the sum of the buckets, so the two agree
/// in every scrape.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [f64],
    /// One more than bounds: the last is for what is above them all.
    buckets: Box<[AtomicU64]>,
    sum: AtomicF64,
}

impl Histogram {
    /// Without samples. A sample that equals a bound is below it.
    #[must_use]
    pub fn new(bounds: &'static [f64]) -> Self {
        let buckets = std::iter::repeat_with(AtomicU64::default).take(bounds.len() + 1).collect();
        Self { bounds, buckets, sum: AtomicF64::default() }
    }

    /// Counts a sample, in seconds.
    pub fn observe(&self, value: f64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
            self.sum.add(value);
        }
    }

    /// Counts a sample.
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }

    /// How many samples there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    /// The sum of all samples.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum.get()
    }

    /// What a share `q` of all samples is at most, from 0 to 1; `None` if there is no sample.
    ///
    /// As exact as the bounds are: within the bucket in question samples count as spread evenly.
    /// What is above the last bound counts as that.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let buckets = self.buckets();
        let total: u64 = buckets.iter().map(|(_, n)| n).sum();
        let (wanted, float) = (q * total as f64, |n: u64| n as f64);
        let (mut below, mut lower) = (0.0, 0.0);
        for (bound, n) in buckets {
            if n > 0 && below + float(n) >= wanted {
                let share = (wanted - below) / float(n);
                return Some(if bound.is_finite() {
                    lower + (bound - lower) * share
                } else {
                    lower
                });
            }
            below += float(n);
            lower = if bound.is_finite() { bound } else { lower };
        }
        None
    }

    /// Each bound with the number of samples below it and above the one before; the last bound
    /// is infinity.
    pub(super) fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        bounds.zip(self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed))).collect()
    }
}

/// A number that only grows, in parts.
#[derive(Debug, Default)]
pub(super) struct AtomicF64(AtomicU64);

impl AtomicF64 {
    pub(super) fn add(&self, amount: f64) {
        let add = |bits| Some((f64::from_bits(bits) + amount).to_bits());
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add)
            .expect("there is always a sum");
    }

    pub(super) fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_sample_counts_below_the_first_bound_that_is_not_smaller() {
        let histogram = Histogram::new(&[1.0, 2.0]);
        for value in [0.0, 1.0, 1.5, 2.0, 2.5, 100.0] {
            histogram.observe(value);
        }
        assert_eq!(histogram.buckets(), [(1.0, 2), (2.0, 2), (f64::INFINITY, 2)]);
        assert_eq!(histogram.count(), 6);
        assert!((histogram.sum() - 107.0).abs() < 1e-9);
    }

    #[test]
    fn a_quantile_lies_within_its_bucket() {
        let histogram = Histogram::new(&[1.0, 2.0, 4.0]);
        assert_eq!(histogram.quantile(0.5), None);
        for value in [0.5, 1.5, 1.5, 3.0] {
            histogram.observe(value);
        }
        for (q, expected) in [(0.25, 1.0), (0.5, 1.5), (0.75, 2.0), (1.0, 4.0)] {
            let found = histogram.quantile(q).expect("there are samples");
            assert!((found - expected).abs() < 1e-9, "{q}: {found}");
        }
        histogram.observe(100.0);
        assert_eq!(
            histogram.quantile(1.0),
            Some(4.0),
            "there is no more to say than the last bound"
        );
    }

    #[test]
    fn no_sample_is_lost_between_threads() {
        let histogram = Histogram::new(EXCHANGE_BOUNDS);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        histogram.observe_duration(Duration::from_millis(500));
                    }
                });
            }
        });
        assert_eq!(histogram.count(), 80_000);
        assert!((histogram.sum() - 40_000.0).abs() < 1e-6);
    }

    #[test]
    fn bounds_ascend_between_their_documented_ends() {
        for (bounds, first, last) in [
            (EXCHANGE_BOUNDS, 0.00005, 10.0),
            (PLUGIN_BOUNDS, 0.000_001, 10.0),
            (OWN_BOUNDS, 0.0001, 100.0),
        ] {
            assert!(bounds.is_sorted_by(|a, b| a < b));
            assert_eq!(bounds.first(), Some(&first));
            assert_eq!(bounds.last(), Some(&last));
        }
    }
}

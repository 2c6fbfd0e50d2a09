//! How fast an endpoint answers: the median over an interval, which one slow answer does not move.

use std::iter::repeat_with;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::config::LatencyOutlier;

/// The highest octave of microseconds that is told apart: above 2^34 µs, some five hours, nothing is
/// waited for.
const OCTAVES: u32 = 34;

/// Buckets of an octave, so that a median is known to an eighth of its value.
const STEPS: u32 = 4;

/// A median is forgotten after so many intervals without another one, and so are answers that nobody
/// has asked the median of: both are of another time.
const INTERVALS_KEPT: u64 = 4;

/// Shared by all workers without a lock: an answer at the instant in which an interval ends may count
/// for either.
#[derive(Debug)]
pub(in crate::upstream) struct Pace {
    /// When the interval began; 0 is never.
    begun_us: AtomicU64,
    /// Answers of this interval, by how long they took.
    answers: Box<[AtomicU32]>,
    /// Of the last interval that had enough answers, in microseconds.
    median_us: AtomicU64,
    /// When that one ended; 0 is never.
    settled_us: AtomicU64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            begun_us: AtomicU64::new(0),
            answers: repeat_with(AtomicU32::default).take(buckets()).collect(),
            median_us: AtomicU64::new(0),
            settled_us: AtomicU64::new(0),
        }
    }
}

impl Pace {
    /// Counts an answer. Gives the median of the interval that ends with it, if it had enough answers.
    pub(super) fn observe(
        &self,
        took: Duration,
        bounds: &LatencyOutlier,
        now_us: u64,
    ) -> Option<u64> {
        let interval_us = micros(bounds.interval).max(1);
        let begun = self.begun_us.load(Ordering::Relaxed);
        let since = now_us.saturating_sub(begun);
        let mut settled = None;
        let is_over = begun == 0 || since >= interval_us;
        let change = |now: u64| (now == begun && is_over).then_some(now_us.max(1));
        // One of those that come at once takes the answers of the interval.
        if self.begun_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change).is_ok() {
            let is_recent = begun != 0 && since < interval_us.saturating_mul(INTERVALS_KEPT);
            settled = self.settle(bounds.attempts_min).filter(|_| is_recent);
            if let Some(median) = settled {
                self.median_us.store(median, Ordering::Relaxed);
                self.settled_us.store(now_us.max(1), Ordering::Relaxed);
            }
        }
        if let Some(answers) = self.answers.get(bucket(micros(took))) {
            answers.fetch_add(1, Ordering::Relaxed);
        }
        settled
    }

    /// The last median, in microseconds, if it says something of now.
    pub(super) fn median_us(&self, bounds: &LatencyOutlier, now_us: u64) -> Option<u64> {
        let settled = Some(self.settled_us.load(Ordering::Relaxed)).filter(|at| *at > 0)?;
        let kept = micros(bounds.interval).saturating_mul(INTERVALS_KEPT);
        let is_recent = now_us.saturating_sub(settled) < kept;
        is_recent.then(|| self.median_us.load(Ordering::Relaxed))
    }

    /// Forgets all answers.
    pub(super) fn forget(&self) {
        self.settled_us.store(0, Ordering::Relaxed);
        self.begun_us.store(0, Ordering::Relaxed);
        for answers in &self.answers {
            answers.store(0, Ordering::Relaxed);
        }
    }

    /// Takes out the answers of an interval, and gives their median if there are enough.
    fn settle(&self, least: u32) -> Option<u64> {
        let counts: Vec<u32> =
            self.answers.iter().map(|answers| answers.swap(0, Ordering::Relaxed)).collect();
        let all: u64 = counts.iter().copied().map(u64::from).sum();
        if all < u64::from(least.max(1)) {
            return None;
        }
        let mut below = 0;
        let at = counts.iter().position(|count| {
            below += u64::from(*count);
            below * 2 >= all
        });
        at.map(middle)
    }
}

fn buckets() -> usize {
    usize::try_from((OCTAVES + 1) * STEPS).unwrap_or(0)
}

/// The bucket of a time: its octave, and the next two bits.
fn bucket(took_us: u64) -> usize {
    let octave = took_us.max(1).ilog2();
    let step = if octave < 2 { 0 } else { (took_us >> (octave - 2)) & 3 };
    let number = u64::from(octave * STEPS) + step;
    usize::try_from(number).unwrap_or(usize::MAX).min(buckets() - 1)
}

/// The time in the middle of a bucket.
fn middle(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(u64::MAX);
    let steps = u64::from(STEPS);
    let octave = u32::try_from(bucket / steps).unwrap_or(OCTAVES);
    let eighths = 8 + 2 * (bucket % steps) + 1;
    (eighths << octave) >> 3
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Pace, bucket, middle};
    use crate::config::LatencyOutlier;

    const SECOND_US: u64 = 1_000_000;

    const BOUNDS: LatencyOutlier = LatencyOutlier {
        factor_percent: 300,
        floor: Duration::from_millis(50),
        attempts_min: 5,
        interval: Duration::from_secs(10),
    };

    /// What is settled when answers that took so many milliseconds come in at these seconds.
    fn settled(pace: &Pace, answers: &[(u64, u64)]) -> Vec<u64> {
        let observe = |(second, took_ms): &(u64, u64)| {
            pace.observe(Duration::from_millis(*took_ms), &BOUNDS, second * SECOND_US)
        };
        answers.iter().filter_map(observe).collect()
    }

    #[test]
    fn a_bucket_is_near_all_times_in_it() {
        for took_us in (4..100_000).step_by(7).chain([1 << 30, 1 << 33]) {
            let found = middle(bucket(took_us));
            assert!(found.abs_diff(took_us) * 8 <= took_us, "{took_us}: {found}");
        }
        assert_eq!(bucket(u64::MAX), bucket(1 << 40));
    }

    #[test]
    fn a_median_is_that_of_an_interval_and_one_slow_answer_does_not_move_it() {
        let pace = Pace::default();
        let interval = [(1, 100), (2, 100), (3, 100), (4, 9000), (5, 100)];
        assert_eq!(settled(&pace, &interval), Vec::<u64>::new());
        assert_eq!(pace.median_us(&BOUNDS, 6 * SECOND_US), None);
        let found = settled(&pace, &[(11, 700)]);
        assert_eq!(found, [middle(bucket(100_000))]);
        assert_eq!(pace.median_us(&BOUNDS, 50 * SECOND_US), found.first().copied());
        assert_eq!(pace.median_us(&BOUNDS, 51 * SECOND_US), None, "too long ago");
    }

    #[test]
    fn few_answers_and_old_ones_say_nothing() {
        let pace = Pace::default();
        assert_eq!(settled(&pace, &[(1, 9), (1, 9), (1, 9), (1, 9), (11, 9)]), Vec::<u64>::new());
        assert_eq!(
            settled(&pace, &[(12, 9), (12, 9), (12, 9), (12, 9), (51, 9)]),
            Vec::<u64>::new()
        );
    }

    #[test]
    fn what_is_forgotten_is_not_settled() {
        let pace = Pace::default();
        settled(&pace, &[(1, 9), (1, 9), (1, 9), (1, 9), (1, 9), (11, 9)]);
        assert!(pace.median_us(&BOUNDS, 12 * SECOND_US).is_some());
        pace.forget();
        assert_eq!(pace.median_us(&BOUNDS, 12 * SECOND_US), None);
        assert_eq!(
            settled(&pace, &[(13, 9), (14, 9), (15, 9), (16, 9), (23, 9)]),
            Vec::<u64>::new()
        );
    }
}

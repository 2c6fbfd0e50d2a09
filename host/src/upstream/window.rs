//! How often something happened of late.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Parts of a window; the oldest is forgotten whole.
const BUCKETS: u32 = 10;

/// Counts what happened within the last while, in tenths of it: what is older than the whole
/// while is not counted, what is younger than nine tenths of it is.
///
/// Without a lock. A bucket is one number, its tenth and its count, so that nothing is lost or
/// counted twice when a new tenth begins.
#[derive(Debug)]
pub(super) struct Window {
    bucket_us: u64,
    /// The tenth in the upper half, the count in the lower.
    buckets: [AtomicU64; BUCKETS as usize],
}

impl Window {
    /// Of this length, at least 10 µs.
    pub(super) fn of(length: Duration) -> Self {
        let length_us = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        Self { bucket_us: (length_us / u64::from(BUCKETS)).max(1), buckets: Default::default() }
    }

    /// Counts one at this moment of [`clock::monotonic_us`](crate::clock::monotonic_us).
    pub(super) fn add(&self, now_us: u64) {
        let tenth = self.tenth(now_us);
        let index = usize::try_from(tenth % BUCKETS).unwrap_or_default();
        let Some(bucket) = self.buckets.get(index) else { return };
        let mut seen = bucket.load(Ordering::Relaxed);
        loop {
            let (at, count) = unpack(seen);
            // Another thread's clock may have been read a moment later.
            let next = if at >= tenth { (at, count.saturating_add(1)) } else { (tenth, 1) };
            let pack = pack(next);
            match bucket.compare_exchange_weak(seen, pack, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(other) => seen = other,
            }
        }
    }

    /// How many there were up to this moment.
    pub(super) fn count(&self, now_us: u64) -> u64 {
        let tenth = self.tenth(now_us);
        self.buckets
            .iter()
            .map(|bucket| unpack(bucket.load(Ordering::Relaxed)))
            .filter(|(at, _)| at.saturating_add(BUCKETS) > tenth)
            .map(|(_, count)| u64::from(count))
            .sum()
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        for bucket in &self.buckets {
            bucket.store(0, Ordering::Relaxed);
        }
    }

    /// Whether it is as long as another.
    pub(super) const fn is_as_long_as(&self, other: &Self) -> bool {
        self.bucket_us == other.bucket_us
    }

    /// Tenths of a second have numbers for 13 years.
    fn tenth(&self, now_us: u64) -> u32 {
        u32::try_from(now_us / self.bucket_us).unwrap_or(u32::MAX)
    }
}

const fn pack((tenth, count): (u32, u32)) -> u64 {
    ((tenth as u64) << u32::BITS) | (count as u64)
}

fn unpack(bucket: u64) -> (u32, u32) {
    let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default();
    (half(bucket >> u32::BITS), half(bucket))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn what_is_older_than_the_window_is_forgotten_tenth_by_tenth() {
        let window = Window::of(Duration::from_secs(10));
        for second in 0..10 {
            window.add(second * SECOND);
        }
        assert_eq!(window.count(9 * SECOND), 10);
        assert_eq!(window.count(10 * SECOND - 1), 10);
        assert_eq!(window.count(10 * SECOND), 9);
        window.add(10 * SECOND);
        assert_eq!(window.count(10 * SECOND), 10);
        assert_eq!(window.count(15 * SECOND), 5);
        assert_eq!(window.count(100 * SECOND), 0);
        window.add(100 * SECOND);
        assert_eq!(window.count(100 * SECOND), 1);
        window.clear();
        assert_eq!(window.count(100 * SECOND), 0);
    }

    #[test]
    fn nothing_is_lost_between_threads() {
        let window = Window::of(Duration::from_millis(10));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for now_us in 0..9_000 {
                        window.add(now_us);
                    }
                });
            }
        });
        assert_eq!(window.count(9_000), 36_000);
    }
}

//! How to count.

/// Longest window or period: 365 days, in milliseconds.
const SPAN_MS_MAX: u64 = 31_536_000_000;

/// At most `limit` in a span of `window_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// At least 1.
    pub limit: u32,
    /// From 1 to 31 536 000 000 (365 days).
    pub window_ms: u64,
}

/// `rate` in every `period_ms`, spread evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// At least 1.
    pub rate: u32,
    /// From 1 to 31 536 000 000 (365 days).
    pub period_ms: u64,
    /// What may come at once; see the algorithm.
    pub burst: u32,
}

/// How to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Windows begin at whole multiples of their length since 1970-01-01T00:00:00Z.
    FixedWindow(Window),
    /// Never more than the limit in any span of that length.
    SlidingWindow(Window),
    /// Starts full with `burst` tokens (at least 1) and gains `rate` every `period_ms`, up to
    /// `burst`.
    TokenBucket(Bucket),
    /// nginx's `limit_req`: requests leak at `rate`; up to `burst` (0 or more) may be in excess.
    LeakyBucket(Bucket),
}

impl Rule {
    /// Whether all numbers are in range.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let span = 1..=SPAN_MS_MAX;
        match self {
            Self::FixedWindow(window) | Self::SlidingWindow(window) => {
                window.limit >= 1 && span.contains(&window.window_ms)
            }
            Self::TokenBucket(bucket) => {
                bucket.rate >= 1 && span.contains(&bucket.period_ms) && bucket.burst >= 1
            }
            Self::LeakyBucket(bucket) => bucket.rate >= 1 && span.contains(&bucket.period_ms),
        }
    }
}

//! Copies of requests for another upstream: which ones, and how many at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::config::{self, Share};
use crate::upstream::Upstream;

/// As in [`route::split`](crate::route::split): multiples of it fall evenly between all before.
const STRIDE: u32 = 0x9E37_79B9;

/// Copies of a route's requests for another upstream.
#[derive(Debug)]
pub struct Mirror {
    /// Who gets the copies.
    pub upstream: Arc<Upstream>,
    /// How many requests are copied.
    pub share: Share,
    /// A request with a longer body is not copied, in bytes.
    pub body_bytes: u64,
    concurrency: usize,
    turn: AtomicU32,
    under_way: Arc<AtomicUsize>,
}

/// A copy under way, until the drop.
#[derive(Debug)]
pub struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Mirror {
    /// `previous` is that of the same route before, whose copies count on.
    pub(super) fn new(
        settings: &config::Mirror,
        upstream: Arc<Upstream>,
        previous: Option<&Self>,
    ) -> Self {
        let under_way = previous.map(|previous| Arc::clone(&previous.under_way));
        Self {
            upstream,
            share: settings.share,
            body_bytes: settings.body_bytes,
            concurrency: settings.concurrency,
            turn: AtomicU32::new(0),
            under_way: under_way.unwrap_or_default(),
        }
    }

    /// Whether it is this request's turn to be copied.
    #[must_use]
    pub fn takes(&self) -> bool {
        let place = self.turn.fetch_add(1, Ordering::Relaxed).wrapping_mul(STRIDE);
        (u64::from(place) * u64::from(Share::ALL.0)) >> 32 < u64::from(self.share.0)
    }

    /// The right to a copy; `None` if there are as many under way as may be.
    #[must_use]
    pub fn begin(&self) -> Option<UnderWay> {
        let before = self.under_way.fetch_add(1, Ordering::Relaxed);
        let right = UnderWay(Arc::clone(&self.under_way));
        (before < self.concurrency).then_some(right)
    }
}

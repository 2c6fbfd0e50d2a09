//! What became of a request's body.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock;
use crate::failure::Failure;

/// What became of a request's body, for those who no longer hold it.
///
/// The body writes it and others read single values of it, so the order between values does not
/// matter.
#[derive(Debug)]
pub struct Progress {
    bytes: AtomicU64,
    failure: OnceLock<Failure>,
    finished: AtomicBool,
    awaits_client: AtomicBool,
    /// On the clock of [`clock::monotonic_us`].
    moved_us: AtomicU64,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            bytes: AtomicU64::new(0),
            failure: OnceLock::new(),
            finished: AtomicBool::new(false),
            awaits_client: AtomicBool::new(false),
            moved_us: AtomicU64::new(clock::monotonic_us()),
        }
    }
}

impl Progress {
    /// Of a body of which nothing was read yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Read from the client so far, without chunk framing and trailers.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Why the body ended before its end, if the client or a limit is to blame:
    /// [`Failure::RequestBodyTooLarge`], [`Failure::RequestBodyTimeout`],
    /// [`Failure::RequestMalformed`] or [`Failure::ClientGone`].
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.get()
    }

    /// Whether the whole body was passed on.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }

    /// For how long the upstream has had nothing to wait for: since the last frame was passed
    /// on, or `None` while the client is the one who is waited for.
    pub(crate) fn upstream_idle(&self) -> Option<Duration> {
        if self.awaits_client.load(Ordering::Relaxed) {
            return None;
        }
        let moved_us = self.moved_us.load(Ordering::Relaxed);
        Some(Duration::from_micros(clock::monotonic_us().saturating_sub(moved_us)))
    }

    pub(super) fn await_client(&self) {
        self.awaits_client.store(true, Ordering::Relaxed);
    }

    /// Counts a frame and gives all bytes up to now.
    pub(super) fn pass(&self, bytes: usize) -> u64 {
        self.moved();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes)
    }

    pub(super) fn finish(&self) {
        if !self.finished.swap(true, Ordering::Release) {
            self.moved();
        }
    }

    /// The first failure stays.
    pub(super) fn fail(&self, failure: Failure) {
        self.moved();
        self.failure.get_or_init(|| failure);
    }

    fn moved(&self) {
        self.moved_us.store(clock::monotonic_us(), Ordering::Relaxed);
        self.awaits_client.store(false, Ordering::Relaxed);
    }
}

//! What the parts of one connection tell each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::task::Context;

use atomic_waker::AtomicWaker;

use crate::clock;

/// How many more exchanges a client of HTTP/2 may give up before their answer than it lets come to
/// one.
///
/// Each has been begun upstream, and costs the client two small frames (CVE-2023-44487), or one if it
/// makes us reset the stream (CVE-2025-8671). A page that is left gives up what it has under way,
/// which is one connection's streams; gRPC clients that hedge give up half of their calls.
const CANCELS_MAX: u32 = 200;

/// Who takes longer to get there starts again.
const CANCELS_WINDOW_US: u64 = 10_000_000;

/// Whom a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Not for the client; or for parts of a body, which whoever reads it watches.
    Exchange,
    /// For the client to begin a request.
    Request,
    /// For the client to end a head.
    Head,
    /// For the client to take bytes.
    Write,
    /// For the client to close its end.
    Close,
}

/// Written by the guard and the exchanges, read by the driver; all but the exchanges of HTTP/2
/// live in one task.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Changes whenever bytes passed in either direction.
    progress: AtomicU32,
    exchanges: AtomicUsize,
    flags: AtomicU16,
    /// The guard's to give up what it waits for.
    is_late: AtomicBool,
    /// Exchanges that were given up, less those that were answered.
    cancels: AtomicU32,
    /// When there were none of them, on the clock of [`clock::monotonic_us`].
    cancels_since_us: AtomicU64,
    /// Of the guard, which reads nothing more until an offer is answered.
    answered: AtomicWaker,
}

/// Something that holds as long as its flag is set.
#[derive(Debug, Clone, Copy)]
#[repr(u16)]
pub(super) enum Flag {
    /// The last read found nothing.
    Reading = 1,
    /// A head has begun and not ended.
    InHead = 2,
    /// The last write, flush or shutdown was not finished.
    Writing = 4,
    /// Our end is closed.
    Closing = 8,
    /// The gateway ends.
    Draining = 16,
    /// The client has offered another protocol and has no answer yet.
    Offered = 32,
    /// The offer was taken.
    Switched = 64,
    /// A body has begun and not ended, or it is not known where messages end.
    InBody = 128,
    /// The client gives up its exchanges faster than it lets them be answered.
    Cancelling = 256,
    /// The client speaks HTTP/2.
    Http2 = 512,
}

impl Watch {
    pub(super) fn set(&self, flag: Flag, holds: bool) {
        if holds {
            self.flags.fetch_or(flag as u16, Ordering::Relaxed);
        } else {
            self.flags.fetch_and(!(flag as u16), Ordering::Relaxed);
        }
    }

    pub(super) fn has(&self, flag: Flag) -> bool {
        self.flags.load(Ordering::Relaxed) & flag as u16 != 0
    }

    /// Whether the client's offer has no answer yet, of which the task is told then.
    pub(super) fn waits_for_answer(&self, cx: &Context<'_>) -> bool {
        self.answered.register(cx.waker());
        self.has(Flag::Offered)
    }

    pub(super) fn progressed(&self) {
        self.progress.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a request may be on its way that is lost if the connection ends: its head has begun,
    /// or nothing but an answer can tell the client that there will be none. In HTTP/2 GOAWAY does,
    /// once the client has said something.
    pub(super) fn expects_request(&self) -> bool {
        match self.wait() {
            (Wait::Head, _) => true,
            (Wait::Request, progress) => progress == 0 || !self.has(Flag::Http2),
            _ => false,
        }
    }

    /// Whether everything that has come was answered, and what comes next is a head.
    pub(super) fn is_between_messages(&self) -> bool {
        matches!(self.wait(), (Wait::Request, _)) && !self.has(Flag::InBody)
    }

    /// Tells the guard that the head it holds, or the client's end, comes too late.
    pub(super) fn give_up(&self) {
        self.is_late.store(true, Ordering::Relaxed);
    }

    pub(super) fn take_late(&self) -> bool {
        self.is_late.swap(false, Ordering::Relaxed)
    }

    /// An exchange runs until what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Exchange {
        self.exchanges.fetch_add(1, Ordering::Relaxed);
        self.progressed();
        Exchange { watch: Arc::clone(self), is_answered: false }
    }

    fn answered(&self) {
        if self.cancels.load(Ordering::Relaxed) > 0 {
            let fewer = |cancels: u32| cancels.checked_sub(1);
            // Without effect if another was answered at the same time and none are left.
            let _: Result<u32, u32> =
                self.cancels.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer);
        }
    }

    /// `now_us` is on the clock of [`clock::monotonic_us`].
    fn cancelled(&self, now_us: u64) {
        let cancels = self.cancels.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if cancels > 1 && cancels <= CANCELS_MAX {
            return;
        }
        let since_us = self.cancels_since_us.load(Ordering::Relaxed);
        if cancels > 1 && now_us.saturating_sub(since_us) < CANCELS_WINDOW_US {
            return self.set(Flag::Cancelling, true);
        }
        self.cancels_since_us.store(now_us, Ordering::Relaxed);
        self.cancels.store(1, Ordering::Relaxed);
    }

    /// Whom the connection waits for, and a number that is another one after any progress.
    pub(super) fn wait(&self) -> (Wait, u32) {
        let wait = if self.has(Flag::Closing) {
            Wait::Close
        } else if self.has(Flag::Writing) {
            Wait::Write
        } else if self.exchanges.load(Ordering::Relaxed) > 0 || !self.has(Flag::Reading) {
            Wait::Exchange
        } else if self.has(Flag::InHead) {
            Wait::Head
        } else {
            Wait::Request
        };
        (wait, self.progress.load(Ordering::Relaxed))
    }
}

/// One exchange under way.
#[derive(Debug)]
pub(super) struct Exchange {
    watch: Arc<Watch>,
    is_answered: bool,
}

impl Exchange {
    /// Another mark of the same kind.
    pub(super) fn another(&self) -> Self {
        let mut another = self.watch.begin();
        another.is_answered = true;
        another
    }

    /// Notes that there is an answer, so that its end is no longer the client's doing.
    pub(super) fn answered(&mut self) {
        self.is_answered = true;
        self.watch.answered();
    }

    /// Whether the guard waits for the answer to an offer of another protocol. It may be the offer
    /// of a request that comes after this one.
    pub(super) fn sees_offer(&self) -> bool {
        self.watch.has(Flag::Offered)
    }

    /// Tells the guard what became of the offer.
    pub(super) fn answer_offer(&self, is_taken: bool) {
        self.watch.set(Flag::Switched, is_taken);
        self.watch.set(Flag::Offered, false);
        self.watch.answered.wake();
    }

    /// Whether the gateway takes no other after this one.
    pub(super) fn is_last(&self) -> bool {
        self.watch.has(Flag::Draining)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.is_answered {
            self.watch.cancelled(clock::monotonic_us());
        }
        self.watch.exchanges.fetch_sub(1, Ordering::Relaxed);
        self.watch.progressed();
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, CANCELS_MAX, CANCELS_WINDOW_US, Flag, Watch};

    fn give_up(watch: &Watch, times: u32, now_us: u64) {
        for _ in 0..times {
            watch.cancelled(now_us);
        }
    }

    #[test]
    fn a_client_that_gives_up_nearly_all_its_exchanges_is_noticed() {
        let watch = Watch::default();
        give_up(&watch, CANCELS_MAX, 5);
        assert!(!watch.has(Flag::Cancelling));
        give_up(&watch, 1, 4 + CANCELS_WINDOW_US);
        assert!(watch.has(Flag::Cancelling));
    }

    #[test]
    fn one_that_gives_up_every_other_is_not() {
        let watch = Watch::default();
        for _ in 0..10 * CANCELS_MAX {
            watch.cancelled(5);
            watch.answered();
        }
        assert!(!watch.has(Flag::Cancelling));
        give_up(&watch, CANCELS_MAX, 5);
        watch.answered();
        watch.cancelled(5);
        assert!(!watch.has(Flag::Cancelling));
    }

    #[test]
    fn nor_is_one_that_takes_its_time() {
        let watch = Watch::default();
        give_up(&watch, CANCELS_MAX, 5);
        give_up(&watch, CANCELS_MAX, 5 + CANCELS_WINDOW_US);
        assert!(!watch.has(Flag::Cancelling));
        give_up(&watch, 1, 5 + CANCELS_WINDOW_US);
        assert!(watch.has(Flag::Cancelling));
    }

    #[test]
    fn an_exchange_is_given_up_if_it_ends_before_its_answer() {
        let watch = Arc::<Watch>::default();
        for _ in 0..=CANCELS_MAX {
            let mut exchange = watch.begin();
            drop(exchange.another());
            exchange.answered();
        }
        assert!(!watch.has(Flag::Cancelling));
        for _ in 0..=CANCELS_MAX {
            drop(watch.begin());
        }
        assert!(watch.has(Flag::Cancelling));
    }
}

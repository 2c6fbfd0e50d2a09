//! What the parts of one connection tell each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::task::Context;

use atomic_waker::AtomicWaker;

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
    flags: AtomicU8,
    head_late: AtomicBool,
    /// Of the guard, which reads nothing more until an offer is answered.
    answered: AtomicWaker,
}

/// Something that holds as long as its flag is set.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
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
}

impl Watch {
    pub(super) fn set(&self, flag: Flag, holds: bool) {
        if holds {
            self.flags.fetch_or(flag as u8, Ordering::Relaxed);
        } else {
            self.flags.fetch_and(!(flag as u8), Ordering::Relaxed);
        }
    }

    pub(super) fn has(&self, flag: Flag) -> bool {
        self.flags.load(Ordering::Relaxed) & flag as u8 != 0
    }

    /// Whether the client's offer has no answer yet, of which the task is told then.
    pub(super) fn waits_for_answer(&self, cx: &Context<'_>) -> bool {
        self.answered.register(cx.waker());
        self.has(Flag::Offered)
    }

    pub(super) fn progressed(&self) {
        self.progress.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a request is on its way for all that is known: its head has begun, or there was
    /// none yet.
    pub(super) fn expects_request(&self) -> bool {
        match self.wait() {
            (Wait::Head, _) => true,
            (Wait::Request, progress) => progress == 0,
            _ => false,
        }
    }

    /// Tells the guard that the head it holds is to be given up.
    pub(super) fn give_up_head(&self) {
        self.head_late.store(true, Ordering::Relaxed);
    }

    pub(super) fn take_late_head(&self) -> bool {
        self.head_late.swap(false, Ordering::Relaxed)
    }

    /// An exchange runs until what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Exchange {
        self.exchanges.fetch_add(1, Ordering::Relaxed);
        self.progressed();
        Exchange(Arc::clone(self))
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
pub(super) struct Exchange(Arc<Watch>);

impl Exchange {
    /// Another mark of the same kind.
    pub(super) fn another(&self) -> Self {
        self.0.begin()
    }

    /// Whether the guard waits for the answer to an offer of another protocol. It may be the offer
    /// of a request that comes after this one.
    pub(super) fn sees_offer(&self) -> bool {
        self.0.has(Flag::Offered)
    }

    /// Tells the guard what became of the offer.
    pub(super) fn answer_offer(&self, is_taken: bool) {
        self.0.set(Flag::Switched, is_taken);
        self.0.set(Flag::Offered, false);
        self.0.answered.wake();
    }

    /// Whether the gateway takes no other after this one.
    pub(super) fn is_last(&self) -> bool {
        self.0.has(Flag::Draining)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.exchanges.fetch_sub(1, Ordering::Relaxed);
        self.0.progressed();
    }
}

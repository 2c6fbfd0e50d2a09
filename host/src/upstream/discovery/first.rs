//! The wait for the first answer, in the moments after a start in which nobody knows a name.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

/// Requests of one upstream that wait: each holds a head and a connection of a client. Where
/// `max_requests` bounds them it is seldom so many.
const WAITING_MAX: usize = 1024;

/// Whether there was an answer, and those who wait for it.
#[derive(Debug, Default)]
pub(super) struct First {
    is_over: AtomicBool,
    over: Notify,
    waiting: AtomicUsize,
}

/// One who waits; a drop waits no longer.
struct Waiting<'a>(&'a First);

impl First {
    /// There is nothing to wait for if it `is_over`.
    pub(super) fn new(is_over: bool) -> Self {
        Self { is_over: is_over.into(), ..Self::default() }
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Lets all go on.
    pub(super) fn end(&self) {
        if !self.is_over.swap(true, Ordering::AcqRel) {
            self.over.notify_waiters();
        }
    }

    /// Waits for the end, for `patience` at most; not at all if too many do.
    pub(super) async fn wait(&self, patience: Duration) {
        let Some(_waiting) = self.enter() else { return };
        let over = self.over.notified();
        tokio::pin!(over);
        // From here on an end is not missed.
        over.as_mut().enable();
        if !self.is_over() {
            let _in_time = timeout(patience, over).await;
        }
    }

    fn enter(&self) -> Option<Waiting<'_>> {
        let more = |now: usize| (now < WAITING_MAX).then_some(now + 1);
        self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Waiting(self))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};
    use std::time::Duration;

    use super::{First, WAITING_MAX};

    const LONG: Duration = Duration::from_secs(3600);

    fn is_ready(wait: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        wait.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[tokio::test]
    async fn all_wait_until_the_first_answer_and_nobody_after_it() {
        let first = First::new(false);
        let (mut one, mut other) = (pin!(first.wait(LONG)), pin!(first.wait(LONG)));
        assert!(!is_ready(one.as_mut()) && !is_ready(other.as_mut()));
        first.end();
        assert!(is_ready(one.as_mut()) && is_ready(other.as_mut()));
        assert!(is_ready(pin!(first.wait(LONG))));
    }

    #[tokio::test]
    async fn patience_ends() {
        First::new(false).wait(Duration::from_millis(1)).await;
    }

    #[tokio::test]
    async fn who_leaves_gives_room_to_others() {
        let first = First::new(false);
        let mut waits: Vec<_> = (0..WAITING_MAX).map(|_| Box::pin(first.wait(LONG))).collect();
        assert!(!waits.iter_mut().any(|wait| is_ready(wait.as_mut())));
        assert!(is_ready(pin!(first.wait(LONG))), "there is no room");
        waits.pop();
        assert!(!is_ready(pin!(first.wait(LONG))));
    }
}

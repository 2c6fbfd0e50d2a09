//! How long a body may bring nothing.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// A limit on the time between two frames.
///
/// It costs nothing until a reader has to wait for the first time, and it runs only while one
/// waits: a reader that does not ask for more is not timed.
#[derive(Debug)]
pub(crate) struct IdleTimer {
    limit: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    armed: bool,
}

impl IdleTimer {
    /// Not running.
    pub(crate) const fn new(limit: Duration) -> Self {
        Self { limit, sleep: None, armed: false }
    }

    /// Call when there is nothing to read: starts the time if it does not run, and says whether
    /// it is over. The task is woken when it is.
    pub(crate) fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> bool {
        let limit = self.limit;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(limit)));
        if !self.armed {
            sleep.as_mut().reset(Instant::now() + limit);
            self.armed = true;
        }
        matches!(sleep.as_mut().poll(cx), Poll::Ready(()))
    }

    /// Call when there was something.
    pub(crate) const fn disarm(&mut self) {
        self.armed = false;
    }
}

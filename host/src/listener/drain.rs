//! Telling connections that the gateway ends.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

/// How long a client that has not asked for anything yet is heard when the gateway ends.
///
/// Its first request may be on the network, and only an answer tells it that there will be no
/// second one. A round trip within a continent takes 20 to 80 ms.
pub(super) const FIRST_REQUEST_GRACE: Duration = Duration::from_millis(100);

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Serve,
    /// What is under way is finished, nothing new begins.
    Finish,
    /// What is under way is cut.
    Cut,
}

/// Ends the connections that hold a [`Drain`] of it. A drop is as good as
/// [`finish`](Self::finish).
#[derive(Debug)]
pub struct Drainer(watch::Sender<Level>);

impl Drainer {
    /// Both ends.
    #[must_use]
    pub fn new() -> (Self, Drain) {
        let (sender, receiver) = watch::channel(Level::Serve);
        (Self(sender), Drain(receiver))
    }

    /// Lets every exchange under way finish, with `connection: close` or a GOAWAY, and closes
    /// connections between two requests at once.
    ///
    /// A request of which a part has come is under way; the first one of a connection may come
    /// until 100 ms later.
    pub fn finish(&self) {
        self.0.send_if_modified(|level| {
            let earlier = *level == Level::Serve;
            *level = (*level).max(Level::Finish);
            earlier
        });
    }

    /// Closes every connection at once, whatever is under way.
    pub fn cut(&self) {
        self.0.send_replace(Level::Cut);
    }
}

/// Learns that the gateway ends.
#[derive(Debug, Clone)]
pub struct Drain(watch::Receiver<Level>);

impl Drain {
    /// Waits until it is too late for a first request. A drop leaves nothing behind.
    pub(super) async fn first_request_is_late(&self) {
        let mut receiver = self.0.clone();
        // A sender that is gone counts.
        drop(receiver.wait_for(|level| *level >= Level::Finish).await);
        sleep(FIRST_REQUEST_GRACE).await;
    }

    /// Waits until what is under way is cut; for ever if it never is. A drop leaves nothing behind.
    pub(super) async fn is_cut(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|level| *level == Level::Cut).await.is_err() {
            // A listener that is gone lets its connections end by themselves.
            std::future::pending::<()>().await;
        }
    }

    /// Whether the end has begun. Costs one atomic number.
    pub(super) fn has_begun(&self) -> bool {
        // Nobody looks at the level through this receiver, so any change is news to it.
        !matches!(self.0.has_changed(), Ok(false))
    }

    pub(super) fn subscribe(&self) -> Changes {
        Changes { receiver: self.0.clone(), heard: Level::Serve, ended: false, alarm: None }
    }
}

type Change = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The levels that one connection has not heard of yet.
///
/// It is asked at every poll of its connection, so it only reads one atomic number unless
/// something changed.
pub(super) struct Changes {
    receiver: watch::Receiver<Level>,
    heard: Level,
    /// Nothing comes any more.
    ended: bool,
    /// What wakes the task, and which task.
    alarm: Option<(Change, Waker)>,
}

impl Changes {
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Level> {
        loop {
            if self.ended {
                return Poll::Pending;
            }
            self.ended = self.receiver.has_changed().is_err();
            let armed = self.alarm.as_ref().is_some_and(|(_, waker)| waker.will_wake(cx.waker()));
            if armed && !self.ended && matches!(self.receiver.has_changed(), Ok(false)) {
                return Poll::Pending;
            }
            let mut level = *self.receiver.borrow_and_update();
            if self.ended {
                level = level.max(Level::Finish);
            }
            if level > self.heard {
                self.heard = level;
                self.alarm = None;
                return Poll::Ready(level);
            }
            if self.ended || self.arm(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Ready if something changed meanwhile.
    fn arm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut receiver = self.receiver.clone();
        let mut change: Change = Box::pin(async move {
            let _: Result<(), _> = receiver.changed().await;
        });
        let polled = change.as_mut().poll(cx);
        self.alarm = polled.is_pending().then(|| (change, cx.waker().clone()));
        polled
    }
}

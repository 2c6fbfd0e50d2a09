//! Driving one connection to its end, with one alarm.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::drain::{Drain, Level};
use super::watch::{Flag, Wait, Watch};
use crate::clock;

/// How long a client may take to close its end once ours is closed. What it sends until then is
/// read and thrown away, because a close with unread bytes makes the kernel send a reset, which
/// may destroy the answer on its way (RFC 9112 section 9.6).
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a connection waits for its client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) header: Duration,
    pub(super) idle: Duration,
    pub(super) write: Duration,
    /// After which an idle connection is no longer driven; absent if that is not to be.
    pub(super) rest: Option<Duration>,
}

impl Times {
    fn of(self, wait: Wait) -> Option<Duration> {
        match wait {
            Wait::Exchange => None,
            Wait::Request => Some(self.rest.unwrap_or(self.idle)),
            Wait::Head => Some(self.header),
            Wait::Write => Some(self.write),
            Wait::Close => Some(CLOSE_TIMEOUT),
        }
    }
}

enum Event<T> {
    Ended(T),
    Late(Wait),
    Drain(Level),
}

/// Why a connection is driven no longer.
pub(super) enum Still<E> {
    /// It has ended.
    Ended(Result<(), E>),
    /// Nothing is under way, and nothing has come for so long that it may rest.
    Idle,
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Serving,
    /// It ends with the request that may be on its way, or without one.
    Leaving,
    /// It was asked to take no more requests.
    Finishing,
}

/// Polls a connection until it is done, cut, or idle for [`Times::rest`]; `finish` asks it to take no
/// more requests.
pub(super) async fn until_still<C, E>(
    mut connection: Pin<&mut C>,
    finish: impl Fn(Pin<&mut C>),
    watch: &Watch,
    mut times: Times,
    drain: &Drain,
) -> Still<E>
where
    C: Future<Output = Result<(), E>>,
{
    let now = Instant::from_std(clock::now());
    let mut alarm = pin!(sleep_until(now + times.idle));
    let mut alarm = Alarm { sleep: alarm.as_mut(), subject: None, deadline: now };
    let mut changes = drain.subscribe();
    let mut stage = Stage::Serving;
    let mut is_closed = false;
    // Nobody knows whom a connection waits for that was never polled. Later on the end comes first, so
    // that an answer that is there at the same moment says that it is the last.
    let mut is_polled = false;
    watch.set(Flag::Draining, drain.has_begun());
    loop {
        let event = poll_fn(|cx| {
            if is_polled && let Poll::Ready(level) = changes.poll_next(cx) {
                return Poll::Ready(Event::Drain(level));
            }
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(Event::Ended(ended));
            }
            if !is_polled {
                is_polled = true;
                if let Poll::Ready(level) = changes.poll_next(cx) {
                    return Poll::Ready(Event::Drain(level));
                }
            }
            if stage == Stage::Leaving && !watch.expects_request() {
                return Poll::Ready(Event::Drain(Level::Finish));
            }
            alarm.poll(cx, watch.wait(), times).map(Event::Late)
        })
        .await;
        match event {
            Event::Ended(ended) => return Still::Ended(ended),
            Event::Drain(Level::Serve) => {}
            Event::Late(Wait::Head) => watch.give_up(),
            // How it has ended, the connection says once it is closed.
            Event::Late(Wait::Close) if !std::mem::replace(&mut is_closed, true) => watch.give_up(),
            Event::Drain(Level::Finish) if stage == Stage::Serving && watch.expects_request() => {
                stage = Stage::Leaving;
                times.rest = None;
                watch.set(Flag::Draining, true);
                times.idle = times.idle.min(drain.grace());
                alarm.forget(Wait::Request);
            }
            Event::Drain(Level::Finish) => {
                stage = Stage::Finishing;
                times.rest = None;
                watch.set(Flag::Draining, true);
                finish(connection.as_mut());
            }
            Event::Late(Wait::Request) if times.rest.take().is_some() => {
                if watch.is_between_messages() {
                    return Still::Idle;
                }
            }
            // With TLS or HTTP/2 there is something to say at the end; whoever does not listen
            // either is cut when the alarm goes off again.
            Event::Late(Wait::Request) if stage != Stage::Finishing => {
                stage = Stage::Finishing;
                finish(connection.as_mut());
            }
            Event::Late(_) | Event::Drain(Level::Cut) => return Still::Ended(Ok(())),
        }
    }
}

/// A deadline that follows what the connection waits for.
struct Alarm<'a> {
    sleep: Pin<&'a mut Sleep>,
    /// What the deadline is for; none without one.
    subject: Option<(Wait, u32)>,
    deadline: Instant,
}

impl Alarm<'_> {
    /// Has the deadline of this wait made anew.
    fn forget(&mut self, wait: Wait) {
        self.subject = self.subject.filter(|(subject, _)| *subject != wait);
    }

    /// Ready at the deadline, once.
    ///
    /// The timer is moved only if it would come too late: on a busy connection each request sets
    /// a deadline, and none of those is ever reached.
    fn poll(&mut self, cx: &mut Context<'_>, subject: (Wait, u32), times: Times) -> Poll<Wait> {
        let Some(timeout) = times.of(subject.0) else {
            self.subject = None;
            return Poll::Pending;
        };
        if self.subject != Some(subject) {
            self.subject = Some(subject);
            self.deadline = Instant::from_std(clock::now()) + timeout;
            if self.sleep.is_elapsed() || self.sleep.deadline() > self.deadline {
                self.sleep.as_mut().reset(self.deadline);
            }
        }
        loop {
            ready!(self.sleep.as_mut().poll(cx));
            if self.sleep.deadline() >= self.deadline {
                self.subject = None;
                return Poll::Ready(subject.0);
            }
            self.sleep.as_mut().reset(self.deadline);
        }
    }
}

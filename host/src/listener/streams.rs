//! The tasks of HTTP/2's streams, and the clients that take nothing of a response.
//!
//! hyper asks a response's body for its next part when the client has room for it, so a body cannot
//! notice that nobody asks it any more. The task that would ask can: it is one for each stream, and
//! hyper has us start it.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::rt::Executor;
use hyper_util::rt::TokioExecutor;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::clock;

thread_local! {
    /// Of the stream whose task is started next: hyper calls the service and starts the task in one
    /// breath.
    static NEXT: Cell<Option<Arc<Pace>>> = const { Cell::new(None) };
}

/// How far a client has taken a response.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Odd while a part was handed over and the next not asked for.
    turns: AtomicU32,
}

impl Pace {
    /// Of the stream whose request was just given to the service.
    pub(super) fn of_next() -> Arc<Self> {
        let pace = Arc::<Self>::default();
        NEXT.set(Some(Arc::clone(&pace)));
        pace
    }

    /// Which part the client is waited for to take, if it is.
    fn untaken(&self) -> Option<u32> {
        let turns = self.turns.load(Ordering::Relaxed);
        (turns % 2 == 1).then_some(turns)
    }

    /// Notes that there is room for the next part.
    fn asked(&self) {
        if let Some(turns) = self.untaken() {
            self.turns.store(turns.wrapping_add(1), Ordering::Relaxed);
        }
    }

    /// Notes that there was one.
    fn handed(&self) {
        self.turns.store(self.turns.load(Ordering::Relaxed) | 1, Ordering::Relaxed);
    }
}

/// Starts the tasks of streams.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    /// How long a client may take nothing of a response.
    pub(super) patience: Duration,
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        match NEXT.take() {
            Some(pace) => TokioExecutor::new().execute(paced(future, pace, self.patience)),
            // The other half of a tunnel, which has a limit of its own.
            None => TokioExecutor::new().execute(future),
        }
    }
}

/// Runs a stream to its end. One whose client takes nothing for too long is dropped, and then h2
/// resets it with `CANCEL`.
async fn paced(stream: impl Future<Output = ()>, pace: Arc<Pace>, patience: Duration) {
    let mut stream = pin!(stream);
    let mut alarm: Option<Pin<Box<Sleep>>> = None;
    let mut subject = None;
    poll_fn(|context| {
        if stream.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let untaken = pace.untaken();
        if untaken.is_none() {
            subject = None;
            return Poll::Pending;
        }
        let deadline = || Instant::from_std(clock::now()) + patience;
        let alarm = alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline())));
        if subject != untaken {
            subject = untaken;
            alarm.as_mut().reset(deadline());
        }
        alarm.as_mut().poll(context)
    })
    .await;
}

/// A response's body that tells how it is taken.
#[derive(Debug)]
pub(super) struct Paced<B> {
    body: B,
    /// None in HTTP/1, where one alarm is enough for the connection.
    pace: Option<Arc<Pace>>,
}

impl<B> Paced<B> {
    pub(super) const fn new(body: B, pace: Option<Arc<Pace>>) -> Self {
        Self { body, pace }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Paced<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if let Some(pace) = &self.pace {
            pace.asked();
        }
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let (Some(pace), Poll::Ready(Some(Ok(_)))) = (&self.pace, &polled) {
            pace.handed();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

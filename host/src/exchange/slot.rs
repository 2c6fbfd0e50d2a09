//! Room on the heap for the futures of exchanges, used again and again.
//!
//! They take kilobytes. Kept within their connections they would take them as long as those are open, the
//! allocator is slow with pieces of that size, and to move one into its room is to copy all of it. So
//! room is a future that serves one exchange after another: what an exchange needs goes in, its
//! response comes out, and what lies between is made in place.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread::LocalKey;

use http::{Request, Response};

use super::{Body, Worker, handle};
use crate::body::Incoming;
use crate::listener::{Entrance, Peer};

/// How many a thread keeps that are not in use; some 8 KiB each.
const KEPT_MAX: usize = 64;

thread_local! {
    static KEPT: Kept<Job, Response<Body>> = const { RefCell::new(Vec::new()) };
}

/// Rooms of one thread that are not in use.
type Kept<J, R> = RefCell<Vec<Room<J, R>>>;

/// What an exchange begins with.
struct Job {
    worker: Arc<Worker>,
    entrance: Entrance,
    request: Request<Incoming>,
    peer: Arc<Peer>,
}

/// Begins an exchange, as [`handle`] would. A drop of what is given ends the exchange.
pub fn begin(
    worker: Arc<Worker>,
    entrance: Entrance,
    request: Request<impl Into<Incoming>>,
    peer: Arc<Peer>,
) -> impl Future<Output = Response<Body>> + Send + 'static {
    let job = Job { worker, entrance, request: request.map(Into::into), peer };
    Slot::of(&KEPT, job, |Job { worker, entrance, request, peer }| {
        handle(worker, entrance, request, peer)
    })
}

/// The future of one exchange, which is small itself.
struct Slot<J: 'static, R: 'static> {
    room: Option<Room<J, R>>,
    kept: &'static LocalKey<Kept<J, R>>,
}

/// A future that makes results of jobs.
struct Room<J, R> {
    server: Pin<Box<dyn Future<Output = Infallible> + Send>>,
    desk: Arc<Mutex<Desk<J, R>>>,
}

/// What lies between those who wait and the one who serves; never locked by both at once.
struct Desk<J, R> {
    job: Option<J>,
    result: Option<R>,
}

impl<J: Send + 'static, R: Send + 'static> Room<J, R> {
    fn new<F>(serve: impl Fn(J) -> F + Send + 'static) -> Self
    where
        F: Future<Output = R> + Send,
    {
        let desk = Arc::new(Mutex::new(Desk { job: None, result: None }));
        let own = Arc::clone(&desk);
        let server = Box::pin(async move {
            loop {
                // Whoever brings a job polls this as well.
                let next = poll_fn(|_| at(&own).job.take().map_or(Poll::Pending, Poll::Ready));
                let job = next.await;
                // Pinned where it is made: to await it by name would be to move it first.
                let result = {
                    let serving = pin!(serve(job));
                    serving.await
                };
                at(&own).result = Some(result);
            }
        });
        Self { server, desk }
    }
}

/// Nothing between lock and unlock can panic.
fn at<J, R>(desk: &Mutex<Desk<J, R>>) -> MutexGuard<'_, Desk<J, R>> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<J: Send + 'static, R: Send + 'static> Slot<J, R> {
    /// Has a job served in a room of `kept`, all of which serve in the same way.
    fn of<F>(
        kept: &'static LocalKey<Kept<J, R>>,
        job: J,
        serve: impl Fn(J) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send,
    {
        // There is none on a thread that is about to end.
        let room = kept.try_with(|kept| kept.borrow_mut().pop()).ok().flatten();
        let room = room.unwrap_or_else(|| Room::new(serve));
        at(&room.desk).job = Some(job);
        Self { room: Some(room), kept }
    }
}

impl<J: 'static, R: 'static> Future for Slot<J, R> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        // Nobody asks again after the answer.
        let Some(room) = self.room.as_mut() else { return Poll::Pending };
        match room.server.as_mut().poll(cx) {
            Poll::Ready(never) => match never {},
            Poll::Pending => {}
        }
        let Some(result) = at(&room.desk).result.take() else { return Poll::Pending };
        // What has served holds nothing any more; what is dropped before takes its room along.
        if let Some(room) = self.room.take() {
            let _ending: Result<(), _> = self.kept.try_with(|kept| {
                let mut kept = kept.borrow_mut();
                if kept.len() < KEPT_MAX {
                    kept.push(room);
                }
            });
        }
        Poll::Ready(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static ROOMS: Kept<Arc<()>, usize> = const { RefCell::new(Vec::new()) };
    }

    fn kept() -> usize {
        ROOMS.with(|kept| kept.borrow().len())
    }

    /// A job that holds something for a while, and says how many held it.
    fn slot(held: &Arc<()>) -> Slot<Arc<()>, usize> {
        Slot::of(&ROOMS, Arc::clone(held), |held| async move {
            tokio::task::yield_now().await;
            Arc::strong_count(&held)
        })
    }

    #[tokio::test]
    async fn room_is_used_again_and_holds_nothing_meanwhile() {
        let held = Arc::new(());
        for _ in 0..3 {
            assert_eq!(slot(&held).await, 2);
            assert_eq!((kept(), Arc::strong_count(&held)), (1, 1));
        }
        let (one, other) = (slot(&held), slot(&held));
        assert_eq!((kept(), Arc::strong_count(&held)), (0, 3));
        assert_eq!(one.await, 3);
        drop(other);
        assert_eq!((kept(), Arc::strong_count(&held)), (1, 1));
    }

    #[tokio::test]
    async fn a_drop_half_way_ends_what_was_served() {
        let held = Arc::new(());
        let mut begun = Box::pin(slot(&held));
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(begun.as_mut().poll(&mut context).is_pending());
        drop(begun);
        assert_eq!((kept(), Arc::strong_count(&held)), (0, 1));
    }
}

//! Room on the heap for the futures of exchanges, used again and again.
//!
//! They take kilobytes. Kept within their connections they would take them as long as those are open, and
//! the allocator is slow with pieces of that size.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use tokio_util::sync::ReusableBoxFuture;

use super::Body;

type Room = ReusableBoxFuture<'static, Response<Body>>;

/// How many a thread keeps that are not in use; some 8 KiB each.
const KEPT_MAX: usize = 64;

thread_local! {
    static KEPT: RefCell<Vec<Room>> = const { RefCell::new(Vec::new()) };
}

/// The future of one exchange, which is small itself. A drop ends the exchange.
pub struct Slot(Option<Room>);

impl Slot {
    /// Takes the future in.
    pub fn of(exchange: impl Future<Output = Response<Body>> + Send + 'static) -> Self {
        // There is none on a thread that is about to end.
        let kept = KEPT.try_with(|kept| kept.borrow_mut().pop()).ok().flatten();
        Self(Some(match kept {
            Some(mut room) => {
                room.set(exchange);
                room
            }
            None => ReusableBoxFuture::new(exchange),
        }))
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}

impl Future for Slot {
    type Output = Response<Body>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Nobody asks again after the answer.
        let Some(room) = self.0.as_mut() else { return Poll::Pending };
        let response = ready!(room.poll(cx));
        // A future that is done holds nothing any more; one that is dropped before takes its room along.
        if let Some(room) = self.0.take() {
            let _ending: Result<(), _> = KEPT.try_with(|kept| {
                let mut kept = kept.borrow_mut();
                if kept.len() < KEPT_MAX {
                    kept.push(room);
                }
            });
        }
        Poll::Ready(response)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn kept() -> usize {
        KEPT.with(|kept| kept.borrow().len())
    }

    async fn response(held: Arc<()>) -> Response<Body> {
        tokio::task::yield_now().await;
        drop(held);
        Response::new(Body::ended())
    }

    #[tokio::test]
    async fn room_is_used_again_and_holds_nothing_meanwhile() {
        let held = Arc::new(());
        for _ in 0..3 {
            Slot::of(response(Arc::clone(&held))).await;
            assert_eq!((kept(), Arc::strong_count(&held)), (1, 1));
        }
        let slot = || Slot::of(response(Arc::clone(&held)));
        let (one, other) = (slot(), slot());
        assert_eq!(kept(), 0);
        one.await;
        drop(other);
        assert_eq!((kept(), Arc::strong_count(&held)), (1, 1));
    }
}

//! The body of an upstream's response, which holds the connection it comes from.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::carrier::Carrier;
use super::pool::Pools;
use super::{Tunnel, fault};
use crate::body::{BodyError, IdleTimer, Progress};
use crate::clock;
use crate::failure::Failure;

/// The body of an upstream's response, trailers included.
///
/// Frames are read from the upstream as they are asked for. The connection goes back into its pool
/// at the end, if the request's body was sent to its end too. A drop before the end closes it.
#[derive(Debug)]
pub struct ResponseBody {
    /// Absent behind a 101.
    incoming: Option<Incoming>,
    idle: IdleTimer,
    /// Until the end.
    lease: Option<Lease>,
    tunnel: Option<Tunnel>,
}

/// A connection, and where it belongs.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) carrier: Carrier,
    pub(super) pools: Arc<Pools>,
    /// Of the pools.
    pub(super) key: Arc<str>,
    pub(super) idle_timeout: Duration,
    /// Of the request's body; `None` if there is none.
    pub(super) request: Option<Arc<Progress>>,
}

impl ResponseBody {
    /// `timeout` is what may pass between two frames.
    pub(super) fn new(incoming: Incoming, timeout: Duration, lease: Lease) -> Self {
        let incoming = Some(incoming);
        let idle = IdleTimer::new(timeout);
        let mut body = Self { incoming, idle, lease: Some(lease), tunnel: None };
        if body.is_end_stream() {
            body.give_back();
        }
        body
    }

    /// Of a 101: nothing, but the connection goes on.
    pub(super) const fn switched(tunnel: Tunnel) -> Self {
        let idle = IdleTimer::new(Duration::MAX);
        Self { incoming: None, idle, lease: None, tunnel: Some(tunnel) }
    }

    /// The connection behind a 101.
    #[must_use]
    pub fn into_tunnel(self) -> Option<Tunnel> {
        self.tunnel
    }

    fn give_back(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
    }
}

impl Lease {
    fn give_back(self) {
        // A response that came early leaves a part of the request on the way, which the endpoint
        // would take for the next one.
        // A stream is given back by its drop.
        if let Carrier::Own(connection) = self.carrier
            && self.request.is_none_or(|request| request.is_finished())
        {
            let until = clock::now() + self.idle_timeout;
            self.pools.put(&self.key, connection, until);
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let Some(incoming) = &mut this.incoming else { return Poll::Ready(None) };
        let polled = Pin::new(incoming).poll_frame(cx);
        if polled.is_pending() {
            if !this.idle.poll_elapsed(cx) {
                return Poll::Pending;
            }
            this.lease = None;
            let error = BodyError::new(Failure::ResponseTimeout, None);
            return Poll::Ready(Some(Err(error)));
        }
        this.idle.disarm();
        if let Poll::Ready(Some(Err(_))) = &polled {
            this.lease = None;
        } else if this.is_end_stream() || matches!(polled, Poll::Ready(None)) {
            this.give_back();
        }
        polled.map_err(|error| BodyError::new(fault::of_body(&error), Some(error)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

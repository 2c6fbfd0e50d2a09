//! The body of an upstream's response, which holds the connection it comes from.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::carrier::Carrier;
use super::endpoint::UnderWay;
use super::pool::Pools;
use super::{Tunnel, fault};
use crate::body::{BodyError, IdleTimer, Progress};
use crate::clock;
use crate::failure::Failure;
use crate::gate::Place;

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
    /// The same.
    under_way: Option<UnderWay>,
    /// At the upstream, until the end.
    place: Option<Place>,
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
        let mut body =
            Self { incoming, idle, lease: Some(lease), under_way: None, place: None, tunnel: None };
        if body.is_end_stream() {
            body.give_back();
        }
        body
    }

    /// Has the exchange counted until its end, which may be now.
    pub(super) fn keep(&mut self, under_way: UnderWay) {
        self.under_way = self.is_open().then_some(under_way);
    }

    /// Keeps a place until the response is over.
    pub(super) fn hold(&mut self, place: Place) {
        self.place = Some(place).filter(|_| self.is_open());
    }

    /// Whether anything may still come.
    const fn is_open(&self) -> bool {
        self.lease.is_some() || self.tunnel.is_some()
    }

    /// Of a 101: nothing, but the connection goes on.
    pub(super) const fn switched(tunnel: Tunnel) -> Self {
        let idle = IdleTimer::new(Duration::MAX);
        Self {
            incoming: None,
            idle,
            lease: None,
            under_way: None,
            place: None,
            tunnel: Some(tunnel),
        }
    }

    /// The connection behind a 101.
    #[must_use]
    pub fn into_tunnel(self) -> Option<Tunnel> {
        let Self { tunnel, under_way, place, .. } = self;
        tunnel.map(|tunnel| tunnel.counted(under_way, place))
    }

    fn give_back(&mut self) {
        self.place = None;
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
        self.under_way = None;
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
            (this.lease, this.place) = (None, None);
            let error = BodyError::new(Failure::ResponseTimeout, None);
            return Poll::Ready(Some(Err(error)));
        }
        this.idle.disarm();
        if let Poll::Ready(Some(Err(_))) = &polled {
            (this.lease, this.place) = (None, None);
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

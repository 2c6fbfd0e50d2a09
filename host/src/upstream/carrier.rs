//! What carries one exchange to an endpoint.

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;

use super::multiplex::{self, Stream};
use super::pool::Connection;
use crate::body::RequestBody;

/// A connection that is the exchange's own for as long as it lasts, or a stream of one that others
/// use at the same time. A drop cancels the exchange.
#[derive(Debug)]
pub(super) enum Carrier {
    Own(Connection),
    Stream(Stream),
}

impl Carrier {
    /// Sends a request in the form of HTTP/1.1, and gives the head of its response. If nothing of
    /// the request was sent, the error has it as it was.
    pub(super) async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, (hyper::Error, Option<Request<RequestBody>>)> {
        let (outcome, is_stream) = match self {
            Self::Own(connection) => (connection.sender.try_send_request(request).await, false),
            Self::Stream(stream) => (stream.send(request).await, true),
        };
        outcome.map_err(|mut error: TrySendError<_>| {
            let unsent = error.take_message();
            let unsent = if is_stream { unsent.map(multiplex::restore) } else { unsent };
            (error.into_error(), unsent)
        })
    }

    /// What can be sent again if the endpoint says that it has not looked at the request: a GOAWAY
    /// or a refused stream. None of a request with a body, which can be read only once.
    pub(super) fn spare(&self, request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
        if matches!(self, Self::Own(_)) || request.body().progress().is_some() {
            return None;
        }
        let mut spare = Request::new(RequestBody::empty());
        *spare.method_mut() = request.method().clone();
        *spare.uri_mut() = request.uri().clone();
        *spare.version_mut() = request.version();
        *spare.headers_mut() = request.headers().clone();
        *spare.extensions_mut() = request.extensions().clone();
        Some(spare)
    }
}

//! Requests that a component of `wasi:http` makes: with the grant `http-client`, to what it allows.

use std::future::{Future, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody, WasiHttpHooks};

use crate::body::{RequestBody, Writer};
use crate::facts::Tally;
use crate::failure::Failure;
use crate::plugin::client::{Client, Ticket, deadline, drop_connection_fields};
use crate::plugin::contract::bindings::tidegate::plugin::http_client::ClientError;
use crate::plugin::guest::Shared;
use crate::plugin::pools;
use crate::upstream::ResponseBody;

/// Bytes that a guest may write at once. Two such parts wait for the client at most, and there may be
/// hundreds of instances.
const PART_BYTES_MAX: usize = 64 * 1024;

/// What `wasi:http/outgoing-handler` does.
pub(in crate::plugin) struct Outgoing {
    shared: Arc<Shared>,
    /// Calls that the instance may still start.
    free: Arc<Semaphore>,
    /// When the instance's time is up.
    until: Option<Instant>,
}

/// A response, and what goes on while its body is read.
type Sent = Result<(Response<WasiBody>, Box<dyn Future<Output = Result<()>> + Send>)>;

impl Outgoing {
    pub(in crate::plugin) fn new(shared: Arc<Shared>) -> Self {
        let calls = shared.client.as_ref().map_or(0, Client::calls);
        Self { shared, free: Arc::new(Semaphore::new(calls)), until: None }
    }

    /// Nothing may take longer than until then.
    pub(in crate::plugin) const fn end_at(&mut self, until: Option<Instant>) {
        self.until = until;
    }

    /// Checks a request and starts to send it.
    fn start(
        &self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<impl Future<Output = Sent> + Send + 'static> {
        let client = self.shared.client.as_ref().ok_or(Error::HttpRequestDenied)?;
        let until = self.until.ok_or(Error::HttpRequestDenied)?;
        let is_https = request.uri().scheme() == Some(&Scheme::HTTPS);
        let authority = request.uri().authority().map_or("", |authority| authority.as_str());
        let refused = |error: ClientError| {
            client.refused(&error);
            error_of(&error)
        };
        let upstream = client.at(is_https, authority).map_err(refused)?;
        let permit = Arc::clone(&self.free).try_acquire_owned();
        let permit = permit.map_err(|_none_is_free| refused(ClientError::TooMany))?;
        let ticket = client.ticket().map_err(refused)?;

        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().cloned();
        parts.uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
        drop_connection_fields(&mut parts.headers);
        parts.headers.append(http::header::VIA, client.via());
        let (body, pump) = if body.is_end_stream() {
            (RequestBody::empty(), None)
        } else {
            let (written, writer) = RequestBody::written();
            (written, Some(pump(body, writer)))
        };
        let request = Request::from_parts(parts, body);
        let asked = options.and_then(|options| options.first_byte_timeout);
        let deadline = deadline(asked, until, Instant::now());
        Ok(async move {
            let mut ticket = ticket;
            let mut tally = Tally::default();
            let pools = pools();
            let sent = upstream.send(&pools, request, deadline, &mut tally);
            let mut sent = pin!(timeout_at(deadline, sent));
            let mut pump = pump.map(Box::pin);
            let outcome = loop {
                match &mut pump {
                    None => break sent.await,
                    Some(pumping) => tokio::select! {
                        outcome = &mut sent => break outcome,
                        () = pumping => pump = None,
                    },
                }
            };
            let outcome = outcome.unwrap_or(Err(Failure::ResponseTimeout));
            let response = outcome.map_err(|failure| {
                ticket.failed(&failure);
                failure_of(&failure)
            })?;
            ticket.answered();
            let (mut parts, body) = response.into_parts();
            drop_connection_fields(&mut parts.headers);
            let received = Received { body, _ticket: ticket, _permit: permit };
            let response = Response::from_parts(parts, received.boxed_unsync());
            let rest: Box<dyn Future<Output = Result<()>> + Send> = match pump {
                None => Box::new(ready(Ok(()))),
                Some(pumping) => Box::new(async move {
                    pumping.await;
                    Ok(())
                }),
            };
            Ok((response, rest))
        })
    }
}

impl WasiHttpHooks for Outgoing {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<()>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        match self.start(request, options) {
            Ok(sending) => Box::new(sending),
            Err(error) => Box::new(ready(Err(error))),
        }
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        PART_BYTES_MAX
    }
}

/// Hands over what the guest writes, as the connection takes it.
async fn pump(mut body: WasiBody, writer: Writer) {
    while let Some(frame) = body.frame().await {
        // Without its end the request is broken off.
        let Ok(frame) = frame else { return };
        if let Ok(part) = frame.into_data()
            && writer.write(part).await.is_err()
        {
            return;
        }
    }
    // Nobody reads it any more if the response is over.
    let _unread = writer.end().await;
}

/// A response's body, which counts as under way until it is dropped.
struct Received {
    body: ResponseBody,
    _ticket: Ticket,
    _permit: OwnedSemaphorePermit,
}

impl Body for Received {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        polled.map(|frame| frame.map(|frame| frame.map_err(|broken| failure_of(broken.failure()))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Why a request was not sent, in the words of `wasi:http`.
const fn error_of(error: &ClientError) -> Error {
    match error {
        ClientError::Denied(_) => Error::HttpRequestDenied,
        ClientError::Invalid(_) => Error::HttpRequestUriInvalid,
        ClientError::UnknownUpstream => Error::DestinationNotFound,
        ClientError::TooMany => Error::ConnectionLimitReached,
        ClientError::Timeout => Error::HttpResponseTimeout,
        ClientError::Connection(_) => Error::ConnectionTerminated,
        ClientError::Tls(_) => Error::TlsCertificateError,
        ClientError::Protocol(_) => Error::HttpProtocolError,
        ClientError::TooLarge => Error::HttpResponseBodySize(None),
    }
}

/// Why there is no response or not all of it, in the words of `wasi:http`.
const fn failure_of(failure: &Failure) -> Error {
    match failure {
        Failure::DnsError => Error::DnsError { rcode: None, info_code: None },
        Failure::DestinationUnavailable | Failure::BreakerOpen { .. } => {
            Error::DestinationUnavailable
        }
        Failure::UpstreamOverloaded(_) => Error::ConnectionLimitReached,
        Failure::ConnectionRefused => Error::ConnectionRefused,
        Failure::ConnectionTimeout => Error::ConnectionTimeout,
        Failure::TlsCertificateError => Error::TlsCertificateError,
        Failure::TlsProtocolError | Failure::TlsAlertReceived => Error::TlsProtocolError,
        Failure::ResponseMalformed => Error::HttpProtocolError,
        Failure::ResponseTimeout => Error::HttpResponseTimeout,
        _ => Error::ConnectionTerminated,
    }
}

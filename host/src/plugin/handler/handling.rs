//! What a handler reads from and writes to while it runs.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use tokio::sync::{mpsc, oneshot};

use super::Beginning;
use crate::body::BodyError;
use crate::facts::{Attribute, Exchange, ResponseHead};
use crate::failure::Failure;
use crate::plugin::contract::bindings::tidegate::plugin::answer_stream::StreamError;
use crate::plugin::contract::bindings::tidegate::plugin::body::BodyError as Broken;

/// The body of a request on its way to a handler.
pub type RequestStream = UnsyncBoxBody<Bytes, BodyError>;

/// Of one part that `body.read` gives. Frames of HTTP/2 have 16 KiB, reads of HTTP/1 up to 400 KiB; a
/// guest that streams should not have to find that much memory at once.
const PART_BYTES_MAX: usize = 64 * 1024;

/// Parts of an answer that wait for the client, beside the one that is being written: none, so that a
/// guest never runs ahead.
const PARTS_WAITING: usize = 1;

/// A request's body, and the way out for a streamed answer.
pub(in crate::plugin) struct Handling {
    /// Until its end.
    request: Option<RequestStream>,
    /// Of a frame that is longer than a part.
    left: Bytes,
    broken: Option<Broken>,
    trailers: HeaderMap,
    /// Until the answer is started.
    beginning: Option<Beginning>,
    parts: Option<mpsc::Sender<Bytes>>,
    is_head: bool,
}

/// An answer's head, with what follows.
pub(super) struct Started {
    pub(super) head: ResponseHead,
    pub(super) attributes: Vec<(Box<str>, Attribute)>,
    /// Absent if no body follows.
    pub(super) parts: Option<mpsc::Receiver<Bytes>>,
}

impl Handling {
    /// The receiver gets the head if an answer is started.
    pub(super) fn new(
        request: RequestStream,
        exchange: &Exchange,
    ) -> (Self, oneshot::Receiver<Started>) {
        let (beginning, started) = oneshot::channel();
        let handling = Self {
            request: Some(request),
            left: Bytes::new(),
            broken: None,
            trailers: HeaderMap::new(),
            beginning: Some(beginning),
            parts: None,
            is_head: exchange.request.method == Method::HEAD,
        };
        (handling, started)
    }

    /// The next part of the request's body; `None` at its end.
    pub(in crate::plugin) async fn read(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            if !self.left.is_empty() {
                return Ok(Some(self.left.split_to(self.left.len().min(PART_BYTES_MAX))));
            }
            if let Some(broken) = self.broken {
                return Err(broken);
            }
            let Some(request) = &mut self.request else { return Ok(None) };
            match request.frame().await {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.left = data,
                    Err(frame) => self.trailers = frame.into_trailers().unwrap_or_default(),
                },
                Some(Err(error)) => return Err(self.fail(broken_by(&error))),
                None => self.request = None,
            }
        }
    }

    /// All that is left of the request's body, if it is no more than this.
    pub(in crate::plugin) async fn read_all(&mut self, bytes_max: u64) -> Result<Vec<u8>, Broken> {
        let mut all = Vec::new();
        let announced = self.request.as_ref().map_or(0, |body| body.size_hint().lower());
        if announced > bytes_max {
            return Err(self.fail(Broken::TooLarge));
        }
        while let Some(part) = self.read().await? {
            all.extend_from_slice(&part);
            if all.len() as u64 > bytes_max {
                return Err(self.fail(Broken::TooLarge));
            }
        }
        Ok(all)
    }

    fn fail(&mut self, broken: Broken) -> Broken {
        self.request = None;
        self.left = Bytes::new();
        self.broken = Some(broken);
        broken
    }

    /// Field lines after the request's body, as far as they have been read.
    pub(in crate::plugin) const fn trailers(&self) -> &HeaderMap {
        &self.trailers
    }

    /// Whether the answer's head is on its way.
    pub(in crate::plugin) const fn has_started(&self) -> bool {
        self.beginning.is_none()
    }

    /// Hands over the answer's head.
    pub(in crate::plugin) fn start(
        &mut self,
        head: ResponseHead,
        attributes: &[(Box<str>, Attribute)],
    ) -> Result<(), StreamError> {
        let beginning = self.beginning.take().ok_or(StreamError::Started)?;
        let bodyless = self.is_head
            || matches!(
                head.status,
                StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
            );
        let mut receiver = None;
        if !bodyless {
            let (parts, received) = mpsc::channel(PARTS_WAITING);
            self.parts = Some(parts);
            receiver = Some(received);
        }
        let started = Started { head, attributes: attributes.to_vec(), parts: receiver };
        // Whoever asked is gone only if this call is about to be ended.
        drop(beginning.send(started));
        Ok(())
    }

    /// Hands over a part of the answer's body once there is room for it.
    pub(in crate::plugin) async fn write(&mut self, bytes: Vec<u8>) -> Result<(), StreamError> {
        if !self.has_started() {
            return Err(StreamError::NotStarted);
        }
        let parts = self.parts.as_ref().ok_or(StreamError::Closed)?;
        if bytes.is_empty() {
            return Ok(());
        }
        parts.send(bytes.into()).await.map_err(|_gone| StreamError::Closed)
    }
}

const fn broken_by(error: &BodyError) -> Broken {
    match error.failure() {
        Failure::RequestBodyTooLarge => Broken::TooLarge,
        Failure::RequestBodyTimeout => Broken::Timeout,
        _ => Broken::Broken,
    }
}

//! A body that is compressed on its way.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame};

use super::encoder::Encoder;
use crate::body::{BodyError, Content};
use crate::config::Coding;
use crate::failure::Failure;
use crate::telemetry::metrics::RouteMetrics;

/// What is compressed at once, in bytes: it takes about a millisecond, for which others of the worker
/// wait.
const PIECE_BYTES: usize = 32 * 1024;

/// A body in a content coding.
///
/// It is read as its reader asks for more. What was read is sent on as soon as nothing more is there
/// at once, so that a body which comes part by part arrives part by part.
pub(super) struct Compressed {
    content: Content,
    /// What was read and not compressed.
    left: Bytes,
    /// Until the end of the content.
    encoder: Option<Encoder>,
    /// Whether something was compressed that is not in the output.
    held: bool,
    trailers: Option<HeaderMap>,
    metrics: Arc<RouteMetrics>,
}

impl Compressed {
    /// Gives the content back if there is no memory for a compressor.
    pub(super) fn new(
        content: Content,
        coding: Coding,
        level: Option<u8>,
        metrics: &Arc<RouteMetrics>,
    ) -> Result<Self, Content> {
        let Ok(encoder) = Encoder::new(coding, level) else { return Err(content) };
        let metrics = Arc::clone(metrics);
        let encoder = Some(encoder);
        Ok(Self { content, left: Bytes::new(), encoder, held: false, trailers: None, metrics })
    }

    /// Compresses one piece of what was read.
    fn compress(&mut self) -> io::Result<Bytes> {
        let Some(encoder) = &mut self.encoder else { return Ok(Bytes::new()) };
        let count = self.left.len().min(PIECE_BYTES);
        encoder.write(self.left.get(..count).unwrap_or_default())?;
        self.left.advance(count);
        self.held = true;
        self.metrics.compression.read(count);
        Ok(self.output())
    }

    fn flush(&mut self) -> io::Result<Bytes> {
        if !std::mem::take(&mut self.held) {
            return Ok(Bytes::new());
        }
        if let Some(encoder) = &mut self.encoder {
            encoder.flush()?;
        }
        Ok(self.output())
    }

    fn finish(&mut self) -> io::Result<Bytes> {
        let Some(encoder) = self.encoder.take() else { return Ok(Bytes::new()) };
        let rest = Bytes::from(encoder.finish()?);
        self.metrics.compression.wrote(rest.len());
        Ok(rest)
    }

    fn output(&mut self) -> Bytes {
        let output = self.encoder.as_mut().map(Encoder::take).unwrap_or_default();
        self.metrics.compression.wrote(output.len());
        output.into()
    }
}

/// A compressor that writes to memory does not fail; if it does, half a body must not be taken for a
/// whole one.
fn failed(_: io::Error) -> BodyError {
    BodyError::new(Failure::ResponseMalformed, None)
}

impl Body for Compressed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        loop {
            if this.encoder.is_none() {
                return Poll::Ready(this.trailers.take().map(|it| Ok(Frame::trailers(it))));
            }
            let output = if this.left.is_empty() {
                match Pin::new(&mut this.content).poll_frame(cx) {
                    Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                        Ok(data) => {
                            this.left = data;
                            continue;
                        }
                        Err(frame) => {
                            this.trailers = frame.into_trailers().ok();
                            this.finish()
                        }
                    },
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                    Poll::Ready(None) => this.finish(),
                    Poll::Pending => match this.flush() {
                        Ok(output) if output.is_empty() => return Poll::Pending,
                        output => output,
                    },
                }
            } else {
                this.compress()
            };
            match output {
                Ok(output) if output.is_empty() => {}
                Ok(output) => return Poll::Ready(Some(Ok(Frame::data(output)))),
                Err(error) => return Poll::Ready(Some(Err(failed(error)))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.encoder.is_none() && self.trailers.is_none()
    }
}

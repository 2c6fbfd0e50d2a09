//! A request's body, as the exchange reads it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h3::error::Code;
use http_body::{Frame, SizeHint};
use tokio::sync::Notify;

use super::head::{self, Unfit};
use super::reader::{Broken, Part, Reader};

/// What comes behind a head; a drop tells the client to send no more.
///
/// It fails with [`io::ErrorKind::InvalidData`] if it is not what the head has announced, and with
/// [`io::ErrorKind::ConnectionReset`] if the client has given it up.
pub struct Body {
    reader: Reader,
    /// What was read to know whether there is a body.
    ahead: Option<Result<Part, Broken>>,
    /// What is still to come, if the client has said how much.
    left: Option<u64>,
    is_over: bool,
    field_bytes_max: usize,
    /// Told when the first part is asked for, if the client waits for that.
    wanted: Option<Arc<Notify>>,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("left", &self.left).finish_non_exhaustive()
    }
}

impl Body {
    /// The rest of a request, whose head has announced so many bytes.
    pub(super) fn new(reader: Reader, left: Option<u64>, field_bytes_max: usize) -> Self {
        let is_over = reader.is_at_end();
        Self { reader, ahead: None, left, is_over, field_bytes_max, wanted: None }
    }

    /// Has the client told that its request was wrong, and that nothing of its body is wanted.
    pub(super) fn refuse(&mut self) {
        self.is_over = true;
        self.reader.stop(Code::H3_MESSAGE_ERROR);
    }

    /// Looks whether there is a body at all, without waiting for it; an end that has come with the
    /// head is seen at once.
    ///
    /// # Errors
    ///
    /// The body is shorter or longer than announced.
    pub(super) fn look_ahead(&mut self, cx: &mut Context<'_>) -> Result<(), Unfit> {
        if let Poll::Ready(part) = self.reader.poll_part(cx) {
            match &part {
                Ok(Part::End) if self.left.is_some_and(|left| left > 0) => return Err(short()),
                Ok(Part::Data(data)) if self.left.is_some_and(|left| left < data.len() as u64) => {
                    return Err(long());
                }
                Ok(Part::End) => self.is_over = true,
                _ => self.ahead = Some(part),
            }
        } else if self.left == Some(0) {
            // Only the end can follow, in a packet of its own.
            self.is_over = true;
        }
        Ok(())
    }

    /// Has somebody told when the first part is asked for.
    pub(super) fn tell(&mut self, wanted: Arc<Notify>) {
        self.wanted = Some(wanted);
    }

    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Result<Part, Broken>> {
        match self.ahead.take() {
            Some(part) => Poll::Ready(part),
            None => self.reader.poll_part(cx),
        }
    }

    /// Counts what has come; the last byte is not passed on before it is certain that none follows, if
    /// that is known already.
    fn count(&mut self, data: &Bytes, cx: &mut Context<'_>) -> io::Result<()> {
        let Some(left) = self.left else { return Ok(()) };
        self.left = left.checked_sub(data.len() as u64);
        if self.left.is_none() {
            return Err(self.reader_misfit());
        }
        if self.left == Some(0) {
            match self.reader.poll_part(cx) {
                Poll::Ready(Ok(Part::Data(_))) => return Err(self.reader_misfit()),
                Poll::Ready(Ok(Part::End)) => self.is_over = true,
                Poll::Ready(part) => self.ahead = Some(part),
                Poll::Pending => {}
            }
        }
        Ok(())
    }

    /// RFC 9114 section 4.1.2.
    fn reader_misfit(&mut self) -> io::Error {
        self.fail(io::ErrorKind::InvalidData, Some(Code::H3_MESSAGE_ERROR))
    }

    fn fail(&mut self, kind: io::ErrorKind, code: Option<Code>) -> io::Error {
        self.is_over = true;
        if let Some(code) = code {
            self.reader.stop(code);
        }
        kind.into()
    }

    fn trailers(&mut self, section: &[u8], cx: &mut Context<'_>) -> io::Result<Frame<Bytes>> {
        self.is_over = true;
        // Nobody reads on, and what follows may be wrong.
        if let Poll::Ready(Err(_broken)) = self.reader.poll_part(cx) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        match head::trailers(section, self.field_bytes_max) {
            Ok(trailers) if self.left.is_none_or(|left| left == 0) => Ok(Frame::trailers(trailers)),
            Ok(_) | Err(Unfit::Malformed(_)) => Err(self.reader_misfit()),
            Err(Unfit::Undecodable) => {
                self.reader.close(Code::QPACK_DECOMPRESSION_FAILED, "trailers cannot be decoded");
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
    }
}

fn short() -> Unfit {
    head::malformed("the body is shorter than its content-length")
}

fn long() -> Unfit {
    head::malformed("the body is longer than its content-length")
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let body = self.get_mut();
        if body.is_over {
            return Poll::Ready(None);
        }
        let part = body.poll_part(cx);
        if part.is_pending()
            && let Some(wanted) = body.wanted.take()
        {
            wanted.notify_one();
        }
        let frame = match ready!(part) {
            Ok(Part::Data(data)) => body.count(&data, cx).map(|()| Frame::data(data)),
            Ok(Part::Section(section)) => body.trailers(&section, cx),
            Ok(Part::End) if body.left.is_some_and(|left| left > 0) => Err(body.reader_misfit()),
            Ok(Part::End) => {
                body.is_over = true;
                return Poll::Ready(None);
            }
            Err(Broken::Gone) => Err(body.fail(io::ErrorKind::ConnectionReset, None)),
            Err(Broken::TooLarge) => Err(body.reader_misfit()),
        };
        Poll::Ready(Some(frame))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }

    fn size_hint(&self) -> SizeHint {
        match self.left {
            _ if self.is_over => SizeHint::with_exact(0),
            Some(left) => SizeHint::with_exact(left),
            None => SizeHint::new(),
        }
    }
}

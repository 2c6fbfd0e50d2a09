//! From the first byte of a stream to a request.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use h3::error::Code;
use http::{Request, Version};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::body::Body;
use super::head::{self, Head, Unfit};
use super::reader::{Broken, Part, Reader};
use super::settings::Settings;
use super::transport;
use crate::listener::peer::Fault;

/// A stream of which the head was read.
pub(super) struct Opened {
    pub(super) send: quinn::SendStream,
    /// A stand-in if it was refused.
    pub(super) request: Request<Body>,
    pub(super) fault: Option<Fault>,
    /// Told when the body is wanted, if the client waits for that.
    pub(super) wanted: Option<Arc<Notify>>,
}

/// Reads the head of a request; none if the client gave it up. A drop leaves both halves to be reset.
pub(super) async fn open(
    connection: quinn::Connection,
    (mut send, recv): (quinn::SendStream, quinn::RecvStream),
    settings: Arc<Settings>,
) -> Option<Opened> {
    let bytes_max = settings.head_bytes();
    let mut reader = Reader::new(connection, recv, bytes_max);
    let part = timeout(settings.times().header, poll_fn(|cx| reader.poll_part(cx))).await;
    let head = match part {
        Ok(Ok(Part::Section(section))) => head::request(&section, bytes_max),
        Ok(Ok(Part::Data(_) | Part::End) | Err(Broken::Gone)) => {
            // RFC 9114 section 4.1. What is not there any more needs no reset.
            let code = transport::number(Code::H3_REQUEST_INCOMPLETE);
            let _: Result<(), _> = send.reset(code);
            return None;
        }
        Ok(Err(Broken::TooLarge)) => Err(head::too_large()),
        Err(_elapsed) => {
            return Some(stand_in(send, Body::new(reader, None, 0), Fault::HeadTimeout));
        }
    };
    match head {
        Ok(head) => Some(accept(send, reader, head, bytes_max).await),
        Err(Unfit::Malformed(fault)) => {
            Some(stand_in(send, Body::new(reader, None, 0), Fault::Malformed(fault)))
        }
        Err(Unfit::Undecodable) => {
            reader.close(Code::QPACK_DECOMPRESSION_FAILED, "a head cannot be decoded");
            None
        }
    }
}

async fn accept(send: quinn::SendStream, reader: Reader, head: Head, bytes_max: usize) -> Opened {
    let Head { request, length, expects_continue } = head;
    let mut body = Body::new(reader, length, bytes_max);
    let seen = poll_fn(|cx| Poll::Ready(body.look_ahead(cx))).await;
    if let Err(Unfit::Malformed(fault)) = seen {
        return stand_in(send, body, Fault::Malformed(fault));
    }
    let wanted = expects_continue.then(Arc::<Notify>::default);
    if let Some(wanted) = &wanted {
        body.tell(Arc::clone(wanted));
    }
    Opened { send, request: request.map(|()| body), fault: None, wanted }
}

/// A request that is answered with what is wrong.
fn stand_in(send: quinn::SendStream, mut body: Body, fault: Fault) -> Opened {
    body.refuse();
    let mut request = Request::new(body);
    *request.version_mut() = Version::HTTP_3;
    Opened { send, request, fault: Some(fault), wanted: None }
}

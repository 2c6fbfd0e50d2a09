//! One exchange on its stream: waiting for the response, and writing it.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h3::error::{Code, StreamError};
use h3::server::RequestStream;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use http_body::Body as HttpBody;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::transport::Stream;
use crate::clock;

/// As in RFC 9110 section 5.6.7.
const DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// What HTTP/3 has no place for (RFC 9114 section 4.2); hyper takes them away of the others' responses.
const FORBIDDEN: [&str; 5] =
    ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Our half of a request's stream.
pub(super) type Responder = RequestStream<Stream, Bytes>;

/// What became of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The client has its response, or a part of one.
    Answered,
    /// It gave the request up before.
    Cancelled,
}

/// Sends what the response is once it is there. `stopped` is when the client wants nothing of it any more,
/// or has all of it; `wanted` when a body is wanted whose client waits to be told so.
///
/// A drop resets the stream, and ends the exchange.
pub(super) async fn answer<F, B>(
    mut responder: Responder,
    stopped: impl Future + Send,
    (wanted, patience): (Option<Arc<Notify>>, Duration),
    response: F,
) -> Outcome
where
    F: Future<Output = Response<B>>,
    B: HttpBody<Data = Bytes>,
    B::Error: Into<Error>,
{
    let mut stopped = pin!(stopped);
    let mut response = pin!(response);
    let mut wanted = wanted;
    let response = loop {
        tokio::select! {
            biased;
            _ = &mut stopped => return Outcome::Cancelled,
            response = &mut response => break response,
            () = told(wanted.as_ref()) => {
                wanted = None;
                if responder.send_response(interim()).await.is_err() {
                    return Outcome::Cancelled;
                }
            }
        }
    };
    tokio::select! {
        biased;
        sent = send(&mut responder, response) => match sent {
            // What is not acknowledged would be lost with the connection.
            Ok(()) => drop(timeout(patience, stopped).await),
            Err(error) => {
                tracing::debug!(%error, "response was cut short");
                responder.stop_stream(Code::H3_INTERNAL_ERROR);
            }
        },
        _ = &mut stopped => {}
    }
    Outcome::Answered
}

async fn told(wanted: Option<&Arc<Notify>>) {
    match wanted {
        Some(wanted) => wanted.notified().await,
        None => std::future::pending().await,
    }
}

fn interim() -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::CONTINUE;
    response
}

async fn send<B>(responder: &mut Responder, response: Response<B>) -> Result<(), Error>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<Error>,
{
    let (mut parts, body) = response.into_parts();
    let mut body = pin!(body);
    complete(&mut parts.headers);
    responder.send_response(Response::from_parts(parts, ())).await?;
    while let Some(frame) = next(body.as_mut()).await {
        pass(responder, frame?).await?;
    }
    Ok(responder.finish().await?)
}

/// None at the end; what says that it has nothing more is not asked.
async fn next<B>(mut body: Pin<&mut B>) -> Option<Result<http_body::Frame<Bytes>, Error>>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<Error>,
{
    if body.is_end_stream() {
        return None;
    }
    poll_fn(|cx| body.as_mut().poll_frame(cx).map(|frame| frame.map(|it| it.map_err(Into::into))))
        .await
}

async fn pass(
    responder: &mut Responder,
    frame: http_body::Frame<Bytes>,
) -> Result<(), StreamError> {
    match frame.into_data() {
        // An empty frame says nothing, and some take it for the end.
        Ok(data) if data.is_empty() => Ok(()),
        Ok(data) => responder.send_data(data).await,
        Err(frame) => match frame.into_trailers() {
            Ok(trailers) => responder.send_trailers(trailers).await,
            Err(_unknown) => Ok(()),
        },
    }
}

/// What hyper does for the others: no field of HTTP/1, and a date (RFC 9110 section 6.6.1).
fn complete(headers: &mut HeaderMap) {
    for name in FORBIDDEN {
        headers.remove(name);
    }
    if !headers.contains_key(header::DATE)
        && let Some(now) = date(clock::unix_ms())
    {
        headers.insert(header::DATE, now);
    }
}

fn date(unix_ms: u64) -> Option<HeaderValue> {
    let seconds = i64::try_from(unix_ms / 1000).ok()?;
    let now = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    HeaderValue::try_from(now.format(DATE).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_in_the_example_of_the_standard() {
        assert_eq!(date(784_111_777_000).unwrap(), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn a_response_has_a_date_and_nothing_about_a_connection() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        headers.insert(header::DATE, HeaderValue::from_static("today"));
        complete(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["date"]);
        assert_eq!(headers["date"], "today");
        headers.clear();
        complete(&mut headers);
        assert!(headers.contains_key("date"));
    }
}

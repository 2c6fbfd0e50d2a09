//! The answer that a handler streams.

use super::fields;
use super::phase::{Phase, exchange};
use crate::answer::Header;
use crate::answer_stream::StreamError;

/// An answer that was sent while it was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Streamed {
    /// Of the head.
    pub status: u16,
    /// Of the head, in the order in which they were given.
    pub headers: Vec<Header>,
    /// Of the body, one for each call that wrote something.
    pub parts: Vec<Vec<u8>>,
}

impl Streamed {
    /// The whole body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.parts.concat()).into_owned()
    }
}

pub(crate) fn start(status: u16, headers: &[Header]) -> Result<(), StreamError> {
    exchange("answer-stream.start", &[Phase::Handler], |exchange, _| {
        if exchange.streamed.is_some() {
            return Err(StreamError::Started);
        }
        if !(200..600).contains(&status) {
            return Err(StreamError::InvalidStatus);
        }
        let lines: Result<Vec<Header>, _> =
            headers.iter().map(|line| fields::line(&line.name, &line.value)).collect();
        let headers = lines.map_err(|_refused| StreamError::InvalidHeader)?;
        exchange.streamed = Some(Streamed { status, headers, parts: Vec::new() });
        Ok(())
    })
}

pub(crate) fn write(bytes: &[u8]) -> Result<(), StreamError> {
    exchange("answer-stream.write", &[Phase::Handler], |exchange, _| {
        let head = exchange.request.method == "HEAD";
        let streamed = exchange.streamed.as_mut().ok_or(StreamError::NotStarted)?;
        if head || matches!(streamed.status, 204 | 205 | 304) {
            return Err(StreamError::Closed);
        }
        if !bytes.is_empty() {
            streamed.parts.push(bytes.to_vec());
        }
        Ok(())
    })
}

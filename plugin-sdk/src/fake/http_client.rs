//! Requests that are kept for the test, and the replies that it has prepared.
//!
//! Replies are given in the order in which they were prepared, whatever is asked; they come at
//! once.

use std::collections::VecDeque;

use super::{fields, phase, state};
use crate::answer::Header;
use crate::http_client::{
    ClientError, Destination, Outgoing, OutgoingBody, ResponseHead, WholeResponse,
};

/// What a request is answered with.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    head: ResponseHead,
    parts: VecDeque<Vec<u8>>,
    trailers: Vec<Header>,
    /// In place of the rest of the body.
    error: Option<ClientError>,
}

/// A request that the plugin has started.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// Where to.
    pub to: Destination,
    /// Such as `GET`.
    pub method: String,
    /// With the query.
    pub path: String,
    /// As the plugin set them.
    pub headers: Vec<Header>,
    /// What was sent of the body so far.
    pub body: Vec<u8>,
    /// Whether the body was sent to its end.
    pub complete: bool,
    /// As the plugin set it, in milliseconds.
    pub timeout_ms: Option<u32>,
}

#[derive(Default)]
pub(super) struct Requests {
    replies: VecDeque<Result<Reply, ClientError>>,
    sent: Vec<Sent>,
    calls: Vec<Result<Reply, ClientError>>,
}

impl Reply {
    /// A response without headers and body.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        let head = ResponseHead { status, headers: Vec::new() };
        Self { head, parts: VecDeque::new(), trailers: Vec::new(), error: None }
    }

    /// Adds a header line.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.head.headers.push(Header { name: name.to_owned(), value: value.into() });
        self
    }

    /// Adds a part of the body; each is read by itself.
    #[must_use]
    pub fn body(mut self, part: impl Into<Vec<u8>>) -> Self {
        self.parts.push_back(part.into());
        self
    }

    /// Adds a field line after the body.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.trailers.push(Header { name: name.to_owned(), value: value.into() });
        self
    }

    /// Breaks the body off after the parts that were added.
    #[must_use]
    pub fn broken(mut self, error: ClientError) -> Self {
        self.error = Some(error);
        self
    }
}

impl Sent {
    /// The value of the first header line of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        fields::text(&self.headers, name)
    }

    /// The body as text; other bytes than UTF-8 are replaced.
    #[must_use]
    pub fn body_text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Prepares the reply to the next request that has none.
pub fn reply(reply: Reply) {
    state::with(|state| state.http.replies.push_back(Ok(reply)));
}

/// Lets the next request that has no reply fail.
///
/// Those errors which concern the request itself
/// (`denied`, `invalid`, `unknown-upstream`, `too-many`) come when it is started, others when its
/// response is waited for.
pub fn fail(error: ClientError) {
    state::with(|state| state.http.replies.push_back(Err(error)));
}

/// Takes the requests that were started, in order.
#[must_use]
pub fn take() -> Vec<Sent> {
    state::with(|state| {
        // Calls that are held write to theirs by its number.
        state.http.calls.clear();
        std::mem::take(&mut state.http.sent)
    })
}

/// A call of the fake host.
#[derive(Debug)]
pub struct Call(usize);

pub(crate) fn start(request: &Outgoing) -> Result<Call, ClientError> {
    phase::not_in_configure("http-client.start");
    let headers = check(request)?;
    let reply = state::with(|state| state.http.replies.pop_front());
    let reply = reply.unwrap_or_else(|| {
        let Outgoing { method, path, .. } = request;
        unanswered(method, path)
    });
    if let Err(error) = &reply
        && at_start(error)
    {
        return Err(error.clone());
    }
    let Outgoing { to, method, path, body, timeout_ms, .. } = request.clone();
    let (body, complete) = match body {
        OutgoingBody::None => (Vec::new(), true),
        OutgoingBody::Bytes(bytes) => (bytes, true),
        OutgoingBody::Streamed => (Vec::new(), false),
    };
    state::with(|state| {
        state.http.sent.push(Sent { to, method, path, headers, body, complete, timeout_ms });
        state.http.calls.push(reply);
        Ok(Call(state.http.calls.len() - 1))
    })
}

pub(crate) fn send(request: &Outgoing, max_bytes: u32) -> Result<WholeResponse, ClientError> {
    if request.body == OutgoingBody::Streamed {
        return Err(ClientError::Invalid("`send` sends a body as a whole".to_owned()));
    }
    let call = start(request)?;
    let ResponseHead { status, headers } = call.response()?;
    Ok(WholeResponse { status, headers, body: call.read_all(max_bytes)? })
}

#[expect(clippy::panic, reason = "the host traps here")]
pub(crate) fn wait_any(calls: &[&Call]) -> u32 {
    if calls.is_empty() {
        panic!("`http-client.wait-any` was called without a call");
    }
    0
}

pub(crate) const fn wait_all(_calls: &[&Call]) {}

impl Call {
    pub(crate) fn write(&self, part: &[u8]) -> Result<(), ClientError> {
        self.with(|reply, sent| {
            reply.clone()?;
            if sent.complete {
                return Err(ClientError::Invalid("this call takes no more of a body".to_owned()));
            }
            sent.body.extend_from_slice(part);
            Ok(())
        })
    }

    pub(crate) fn end(&self) -> Result<(), ClientError> {
        self.with(|_, sent| {
            sent.complete = true;
            Ok(())
        })
    }

    pub(crate) fn response(&self) -> Result<ResponseHead, ClientError> {
        self.with(|reply, _| reply.as_ref().map(|reply| reply.head.clone()).map_err(Clone::clone))
    }

    pub(crate) fn read(&self) -> Result<Option<Vec<u8>>, ClientError> {
        self.with(|reply, _| {
            let reply = reply.as_mut().map_err(|error| error.clone())?;
            match (reply.parts.pop_front(), &reply.error) {
                (Some(part), _) => Ok(Some(part)),
                (None, Some(error)) => Err(error.clone()),
                (None, None) => Ok(None),
            }
        })
    }

    pub(crate) fn read_all(&self, max_bytes: u32) -> Result<Vec<u8>, ClientError> {
        let mut whole = Vec::new();
        while let Some(part) = self.read()? {
            whole.extend(part);
            if u32::try_from(whole.len()).is_ok_and(|length| length > max_bytes) {
                return self.with(|reply, _| {
                    *reply = Err(ClientError::TooLarge);
                    Err(ClientError::TooLarge)
                });
            }
        }
        Ok(whole)
    }

    pub(crate) fn trailers(&self) -> Vec<Header> {
        self.with(|reply, _| match reply {
            Ok(reply) if reply.parts.is_empty() && reply.error.is_none() => {
                Ok(reply.trailers.clone())
            }
            Ok(_) | Err(_) => Ok(Vec::new()),
        })
        .unwrap_or_default()
    }

    fn with<R>(
        &self,
        visit: impl FnOnce(&mut Result<Reply, ClientError>, &mut Sent) -> Result<R, ClientError>,
    ) -> Result<R, ClientError> {
        state::with(|state| {
            let Requests { calls, sent, .. } = &mut state.http;
            match (calls.get_mut(self.0), sent.get_mut(self.0)) {
                (Some(reply), Some(sent)) => visit(reply, sent),
                _ => Err(ClientError::Invalid("the call has ended".to_owned())),
            }
        })
    }
}

const fn at_start(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Denied(_)
            | ClientError::Invalid(_)
            | ClientError::UnknownUpstream
            | ClientError::TooMany
    )
}

#[expect(clippy::panic, reason = "the test has to say what the plugin gets")]
fn unanswered(method: &str, path: &str) -> ! {
    panic!("`{method} {path}` has no reply; prepare one with `fake::http_client::reply`")
}

/// Refuses what the host refuses; gives the header lines as the host sends them.
fn check(request: &Outgoing) -> Result<Vec<Header>, ClientError> {
    let Outgoing { path, headers, .. } = request;
    if !path.starts_with('/') {
        let why = format!("the path `{path}` does not begin with `/`");
        return Err(ClientError::Invalid(why));
    }
    let checked = headers.iter().map(|line| {
        fields::line(&line.name, &line.value).map_err(|error| {
            ClientError::Invalid(format!("`{}` is refused: {}", line.name, error.name()))
        })
    });
    checked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::reset;
    use crate::http_client::{Request, origin, upstream};

    #[test]
    fn a_streamed_body_is_kept_as_it_is_written() {
        reset();
        reply(Reply::new(201).body("a").body("b").trailer("x-sum", "2"));
        let call = Request::post(upstream("u"), "/up").header("x-a", "1").streamed().start();
        let call = call.unwrap();
        call.write("one").unwrap();
        call.end().unwrap();
        assert!(matches!(call.write("late"), Err(ClientError::Invalid(_))));
        assert_eq!(call.response().unwrap().status, 201);
        assert_eq!(call.read(), Ok(Some(b"a".to_vec())));
        assert!(call.trailers().is_empty());
        assert_eq!(call.read_all(10), Ok(b"b".to_vec()));
        assert_eq!(call.trailers().len(), 1);
        let sent = take();
        assert_eq!(sent.len(), 1);
        assert_eq!((sent[0].body_text().as_str(), sent[0].complete), ("one", true));
        assert_eq!(sent[0].header("X-A").as_deref(), Some("1"));
    }

    #[test]
    fn failures_come_when_the_host_would_give_them() {
        reset();
        fail(ClientError::TooMany);
        fail(ClientError::Timeout);
        reply(Reply::new(200).body("12345"));
        let get = || Request::get(origin("https://a.example"), "/");
        assert_eq!(get().start().unwrap_err(), ClientError::TooMany);
        assert_eq!(get().start().unwrap().response(), Err(ClientError::Timeout));
        assert_eq!(get().send(4), Err(ClientError::TooLarge));
        let refused = get().header("host", "b").start().unwrap_err();
        assert!(matches!(refused, ClientError::Invalid(_)));
    }
}

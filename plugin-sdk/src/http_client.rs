//! HTTP requests of the plugin's own. Needs the grant `http-client`, whose scope says where to.
//!
//! One request, with all of its response:
//!
//! ```
//! use tidegate_plugin::http_client::{Request, upstream};
//! # use tidegate_plugin::fake::http_client::{self, Reply};
//! # http_client::reply(Reply::new(200).body("yes"));
//!
//! let answer = Request::get(upstream("users"), "/allowed?user=alice").send(64 * 1024)?;
//! assert_eq!((answer.status, &answer.body[..]), (200, &b"yes"[..]));
//! # Ok::<(), tidegate_plugin::http_client::ClientError>(())
//! ```
//!
//! Several at the same time:
//!
//! ```
//! use tidegate_plugin::http_client::{Request, origin, wait_all};
//! # use tidegate_plugin::fake::http_client::{self, Reply};
//! # http_client::reply(Reply::new(200));
//! # http_client::reply(Reply::new(404));
//!
//! let prices = Request::get(origin("https://prices.example.com"), "/1").start()?;
//! let stock = Request::get(origin("https://stock.example.com"), "/1").start()?;
//! wait_all(&[&prices, &stock]);
//! assert_eq!(prices.response()?.status, 200);
//! assert_eq!(stock.response()?.status, 404);
//! # Ok::<(), tidegate_plugin::http_client::ClientError>(())
//! ```
//!
//! Waiting suspends the instance, not the gateway. It counts against `limits.wall`, not against
//! `limits.cpu`. A [`Call`] ends when it is dropped, and at the latest when the plugin's function
//! returns in which it was started.

use std::time::Duration;

use crate::answer::Header;
use crate::host::http_client as host;

pub use crate::bindings::plugin::tidegate::plugin::http_client::{
    ClientError, Destination, Outgoing, OutgoingBody, ResponseHead, WholeResponse,
};

/// An upstream of `gateway.toml`, by its name.
#[must_use]
pub fn upstream(name: impl Into<String>) -> Destination {
    Destination::Upstream(name.into())
}

/// A server outside of `gateway.toml`, such as `https://api.example.com`.
#[must_use]
pub fn origin(origin: impl Into<String>) -> Destination {
    Destination::Origin(origin.into())
}

/// A request in the making.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Request(Outgoing);

impl Request {
    /// A request without headers and body. `path` begins with `/` and may have a query.
    pub fn new(method: impl Into<String>, to: Destination, path: impl Into<String>) -> Self {
        Self(Outgoing {
            to,
            method: method.into(),
            path: path.into(),
            headers: Vec::new(),
            body: OutgoingBody::None,
            timeout_ms: None,
        })
    }

    /// A `GET` request.
    pub fn get(to: Destination, path: impl Into<String>) -> Self {
        Self::new("GET", to, path)
    }

    /// A `POST` request.
    pub fn post(to: Destination, path: impl Into<String>) -> Self {
        Self::new("POST", to, path)
    }

    /// Adds a header line.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.0.headers.push(Header { name: name.into(), value: value.into() });
        self
    }

    /// Sends this after the head, with its length.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.0.body = OutgoingBody::Bytes(body.into());
        self
    }

    /// Sends what [`Call::write`] gives, until [`Call::end`].
    pub fn streamed(mut self) -> Self {
        self.0.body = OutgoingBody::Streamed;
        self
    }

    /// Gives it so long from its start to the last byte of the response, in whole milliseconds. At
    /// most, and by default, nine tenths of what is left of `limits.wall`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout_ms = Some(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// Starts a call. It needs no waiting: [`Call::response`] gives what goes wrong on the way.
    ///
    /// # Errors
    /// What is not granted or not valid, and [`ClientError::TooMany`].
    pub fn start(self) -> Result<Call, ClientError> {
        host::start(&self.0).map(Call)
    }

    /// Sends it and waits for its whole response, of which the body has at most `max_bytes`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn send(self, max_bytes: u32) -> Result<WholeResponse, ClientError> {
        host::send(&self.0, max_bytes)
    }
}

/// A request that was sent, and its response. A drop cancels what is not over.
#[derive(Debug)]
pub struct Call(host::Call);

impl Call {
    /// Sends a part of a streamed body; waits while the destination takes nothing.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn write(&self, part: impl AsRef<[u8]>) -> Result<(), ClientError> {
        self.0.write(part.as_ref())
    }

    /// Says that a streamed body is whole.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn end(&self) -> Result<(), ClientError> {
        self.0.end()
    }

    /// Waits for the head of the response; the same one each time.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn response(&self) -> Result<ResponseHead, ClientError> {
        self.0.response()
    }

    /// Waits for the next part of the response's body; `None` at its end. Never an empty part.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn read(&self) -> Result<Option<Vec<u8>>, ClientError> {
        self.0.read()
    }

    /// Waits for what is left of the response's body.
    ///
    /// # Errors
    /// [`ClientError::TooLarge`] ends the call if there is more than `max_bytes`.
    pub fn read_all(&self, max_bytes: u32) -> Result<Vec<u8>, ClientError> {
        self.0.read_all(max_bytes)
    }

    /// The field lines after the body; empty if there are none or the end was not read yet.
    #[must_use]
    pub fn trailers(&self) -> Vec<Header> {
        self.0.trailers()
    }
}

/// Waits until one of the calls has the head of its response or has failed, and gives its index; the
/// first one, if there are several. Traps if there is no call.
#[must_use]
pub fn wait_any(calls: &[&Call]) -> usize {
    let calls: Vec<&host::Call> = calls.iter().map(|call| &call.0).collect();
    usize::try_from(host::wait_any(&calls)).unwrap_or(usize::MAX)
}

/// Waits until every one of the calls has the head of its response or has failed.
pub fn wait_all(calls: &[&Call]) {
    let calls: Vec<&host::Call> = calls.iter().map(|call| &call.0).collect();
    host::wait_all(&calls);
}

impl ResponseHead {
    /// The value of the first header line of this name, as text; other bytes than UTF-8 are
    /// replaced.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        first(&self.headers, name)
    }
}

impl WholeResponse {
    /// The value of the first header line of this name, as text; other bytes than UTF-8 are
    /// replaced.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        first(&self.headers, name)
    }
}

fn first(headers: &[Header], name: &str) -> Option<String> {
    let line = headers.iter().find(|line| line.name.eq_ignore_ascii_case(name))?;
    Some(String::from_utf8_lossy(&line.value).into_owned())
}

//! What is known about one exchange, from its first byte to its log line.
//!
//! [`Exchange`] is plain data: the stages fill it in, plugins read and change it through the
//! contract. It travels in an [`Open`] handle, so that an exchange whose future was dropped half-way
//! still reaches its end.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::Uri;
use http::{Method, StatusCode, Version};

use crate::failure::Failure;

/// Attributes of one exchange at most.
pub const ATTRIBUTES_MAX: usize = 128;
/// Bytes of names and texts of one exchange's attributes at most.
pub const ATTRIBUTE_BYTES_MAX: usize = 64 * 1024;

/// One request and its response.
#[derive(Debug)]
pub struct Exchange {
    /// What the client sees in `x-request-id`.
    pub id: Box<str>,
    /// When the request's head was in.
    pub received: Instant,
    /// The same moment in milliseconds since 1970.
    pub received_unix_ms: u64,
    /// Who sent it.
    pub client: Client,
    /// Name of the route; `-` before there is one.
    pub route: Arc<str>,
    /// What was asked.
    pub request: RequestHead,
    /// What is answered, once there is something.
    pub response: Option<ResponseHead>,
    /// Who produced the response.
    pub source: Source,
    /// Edits that wait for a response to be applied to.
    pub deferred: Vec<Edit>,
    /// Facts that plugins leave for each other and for the log.
    pub attributes: Vec<(Box<str>, Attribute)>,
    /// How large the heads may grow by plugins' hands.
    pub head_limits: HeadLimits,
    /// How the exchange went.
    pub tally: Tally,
}

/// How large a head may grow.
#[derive(Debug, Clone, Copy)]
pub struct HeadLimits {
    /// Field lines.
    pub headers: usize,
    /// Names and values together.
    pub bytes: usize,
}

/// The peer on whose behalf a request was made.
#[derive(Debug, Clone)]
pub struct Client {
    /// Of the client itself, behind trusted proxies too.
    pub address: IpAddr,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// Absent on a plain connection.
    pub tls: Option<Arc<TlsFacts>>,
}

/// How a client's connection is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: String,
    /// The IANA name.
    pub cipher_suite: String,
    /// From SNI.
    pub server_name: Option<String>,
    /// From ALPN.
    pub alpn: Option<String>,
}

/// How the client reached the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Who produced a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// An endpoint of an upstream.
    Upstream,
    /// A plugin.
    Plugin,
    /// The gateway itself: a failure, a fixed response or a redirect.
    Gateway,
}

impl Source {
    /// All of them, in their order as numbers.
    pub const ALL: [Self; 3] = [Self::Upstream, Self::Plugin, Self::Gateway];

    /// The metric label and the log field.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Plugin => "plugin",
            Self::Gateway => "gateway",
        }
    }
}

/// A request's head as plugins and the router see it.
#[derive(Debug, Clone)]
pub struct RequestHead {
    /// Of the request line.
    pub method: Method,
    /// As the client used it.
    pub scheme: Scheme,
    /// Of the request line or the connection.
    pub version: Version,
    /// Lower-case, without a port; empty if the client named none.
    pub host: Box<str>,
    /// The port that the client named.
    pub port: Option<u16>,
    /// The target as received; holds the path and query unless they were replaced.
    pub uri: Uri,
    /// The canonical path where it differs from the target's, or what a plugin set.
    pub path: Option<Box<str>>,
    /// Whether a plugin set the path, which the route's rewrite then leaves alone.
    pub path_is_final: bool,
    /// What a plugin set the query to.
    pub query: Option<Option<Box<str>>>,
    /// Field lines, `host` included.
    pub headers: HeaderMap,
}

impl RequestHead {
    /// The canonical path, or what a plugin set.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path.as_deref().unwrap_or_else(|| self.uri.path())
    }

    /// Without the question mark.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        match &self.query {
            Some(replaced) => replaced.as_deref(),
            None => self.uri.query(),
        }
    }
}

/// A response's head.
#[derive(Debug, Clone)]
pub struct ResponseHead {
    /// From 200 to 599.
    pub status: StatusCode,
    /// Field lines.
    pub headers: HeaderMap,
}

/// A fact with its type.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// UTF-8.
    Text(String),
    /// Signed.
    Integer(i64),
    /// IEEE 754.
    Decimal(f64),
    /// Yes or no.
    Boolean(bool),
}

/// A change to a head's field lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Replace all lines of this name by one.
    Set(HeaderName, HeaderValue),
    /// Add a line.
    Append(HeaderName, HeaderValue),
    /// Remove all lines of this name.
    Remove(HeaderName),
}

/// Why an edit was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditError {
    /// Not a token.
    InvalidName,
    /// A control character.
    InvalidValue,
    /// A field that belongs to the host.
    Forbidden,
    /// The head would grow past its limits.
    TooLarge,
}

/// Fields that describe the connection or the framing, and `host`: plugins may not write them.
const FORBIDDEN: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

impl Edit {
    /// Checks a name that a plugin wants to write or remove.
    ///
    /// # Errors
    ///
    /// [`EditError::InvalidName`] or [`EditError::Forbidden`].
    pub fn name(name: &str) -> Result<HeaderName, EditError> {
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_invalid| EditError::InvalidName)?;
        if FORBIDDEN.contains(&name) { Err(EditError::Forbidden) } else { Ok(name) }
    }

    /// Checks a value that a plugin wants to write.
    ///
    /// # Errors
    ///
    /// [`EditError::InvalidValue`].
    pub fn value(value: &[u8]) -> Result<HeaderValue, EditError> {
        HeaderValue::from_bytes(value).map_err(|_invalid| EditError::InvalidValue)
    }

    /// Applies this edit unless the head would grow past its limits.
    ///
    /// # Errors
    ///
    /// [`EditError::TooLarge`], with nothing changed.
    pub fn apply(self, headers: &mut HeaderMap, limits: HeadLimits) -> Result<(), EditError> {
        match self {
            Self::Remove(name) => {
                headers.remove(&name);
            }
            Self::Set(name, value) => {
                // Replacing keeps the number of names; only a new one can exceed it.
                check_room(headers, &name, &value, limits, headers.contains_key(&name))?;
                headers.insert(name, value);
            }
            Self::Append(name, value) => {
                check_room(headers, &name, &value, limits, false)?;
                headers.append(name, value);
            }
        }
        Ok(())
    }
}

fn check_room(
    headers: &HeaderMap,
    name: &HeaderName,
    value: &HeaderValue,
    limits: HeadLimits,
    replaces: bool,
) -> Result<(), EditError> {
    if headers.len() >= limits.headers && !replaces {
        return Err(EditError::TooLarge);
    }
    let added = name.as_str().len() + value.len();
    let held: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if held + added > limits.bytes { Err(EditError::TooLarge) } else { Ok(()) }
}

/// How an exchange went, for the log phase and the metrics.
#[derive(Debug, Default)]
pub struct Tally {
    /// From the last attempt's start to the upstream's head.
    pub upstream_time: Option<Duration>,
    /// Of the request's body, read from the client.
    pub request_body_bytes: u64,
    /// Of the response's body, handed to the client's connection.
    pub response_body_bytes: u64,
    /// Name of the upstream that was asked.
    pub upstream: Option<Arc<str>>,
    /// Address of the endpoint that was asked last.
    pub endpoint: Option<Arc<str>>,
    /// How many endpoints were asked.
    pub attempts: u32,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Whether the whole response was handed over.
    pub complete: bool,
}

impl Exchange {
    /// Makes `head` the response and applies the edits that waited for one.
    ///
    /// An edit that no longer fits is left out: the response matters more than a plugin's header.
    pub fn respond(&mut self, source: Source, mut head: ResponseHead) {
        for edit in std::mem::take(&mut self.deferred) {
            if edit.apply(&mut head.headers, self.head_limits).is_err() {
                tracing::warn!(request_id = %self.id, "response head is full, an edit was left out");
            }
        }
        self.source = source;
        self.response = Some(head);
    }

    /// What plugins can change, as it is now.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            request: self.request.clone(),
            response: self.response.clone(),
            deferred: self.deferred.clone(),
            attributes: self.attributes.clone(),
        }
    }

    /// Undoes what plugins changed since the checkpoint.
    pub fn restore(&mut self, checkpoint: Checkpoint) {
        let Checkpoint { request, response, deferred, attributes } = checkpoint;
        self.request = request;
        self.response = response;
        self.deferred = deferred;
        self.attributes = attributes;
    }

    /// The attribute of this name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|(known, _)| &**known == name).map(|(_, value)| value)
    }

    /// Sets an attribute; false if there would be too many or they would be too long.
    pub fn set_attribute(&mut self, name: &str, value: Attribute) -> bool {
        let held: usize = self
            .attributes
            .iter()
            .filter(|(known, _)| &**known != name)
            .map(|(known, value)| known.len() + value.text_len())
            .sum();
        if held + name.len() + value.text_len() > ATTRIBUTE_BYTES_MAX {
            return false;
        }
        if let Some((_, known)) = self.attributes.iter_mut().find(|(known, _)| &**known == name) {
            *known = value;
            return true;
        }
        if self.attributes.len() >= ATTRIBUTES_MAX {
            return false;
        }
        self.attributes.push((name.into(), value));
        true
    }
}

impl Attribute {
    fn text_len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Integer(_) | Self::Decimal(_) | Self::Boolean(_) => 8,
        }
    }
}

/// What plugins can change of an exchange, at one moment.
#[derive(Debug)]
pub struct Checkpoint {
    request: RequestHead,
    response: Option<ResponseHead>,
    deferred: Vec<Edit>,
    attributes: Vec<(Box<str>, Attribute)>,
}

/// What happens when an exchange is over.
pub trait Finish: Send + Sync {
    /// Called exactly once for an exchange, on a thread of the runtime.
    fn finish(&self, exchange: Box<Exchange>);
}

/// An exchange under way. However it ends, also by a dropped future, it is finished once.
pub struct Open {
    exchange: Option<Box<Exchange>>,
    finish: Arc<dyn Finish>,
}

impl Open {
    /// Starts what ends with a call of `finish`.
    #[must_use]
    pub fn new(exchange: Box<Exchange>, finish: Arc<dyn Finish>) -> Self {
        Self { exchange: Some(exchange), finish }
    }
}

impl std::ops::Deref for Open {
    type Target = Exchange;

    fn deref(&self) -> &Exchange {
        self.exchange.as_deref().expect("taken only by drop")
    }
}

impl std::ops::DerefMut for Open {
    fn deref_mut(&mut self) -> &mut Exchange {
        self.exchange.as_deref_mut().expect("taken only by drop")
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            self.finish.finish(exchange);
        }
    }
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Open").field(&self.exchange).finish()
    }
}

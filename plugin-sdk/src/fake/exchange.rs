//! The exchange that a phase is run with.

use super::answer_stream::Streamed;
use super::body::Body;
use super::outcome::Edit;
use super::phase::{EVERY, exchange};
use super::{clock, fields};
use crate::answer::Header;
use crate::body::BodyError;
use crate::exchange::{Attribute, Certificate, Client, Tls};
use crate::{Source, Summary};

/// Attributes of one exchange, and bytes of their names and texts.
const ATTRIBUTES_MAX: usize = 128;
const ATTRIBUTE_BYTES_MAX: usize = 64 * 1024;

/// One request, and the response if there is one yet.
///
/// Unless the test says otherwise it came by plain HTTP/1.1 for the host `gateway.test` from
/// `192.0.2.1`, matched the route `route`, and has the id `request-1`; the response is an empty
/// 200 from the upstream.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    pub(super) id: String,
    pub(super) route: String,
    pub(super) client: Client,
    pub(super) tls: Option<Tls>,
    pub(super) client_certificate: Option<Certificate>,
    pub(super) attributes: Vec<(String, Attribute)>,
    pub(super) request: RequestHead,
    pub(super) response: ResponseHead,
    pub(super) edits: Vec<Edit>,
    pub(super) trailers: Vec<Header>,
    pub(super) is_last_part: bool,
    pub(super) summary: Option<Summary>,
    pub(super) body: Body,
    pub(super) streamed: Option<Streamed>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct RequestHead {
    pub method: String,
    pub scheme: String,
    pub host: String,
    pub version: String,
    pub path: String,
    pub query: Option<String>,
    pub lines: Vec<Header>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct ResponseHead {
    pub status: u16,
    pub source: Source,
    pub lines: Vec<Header>,
}

impl Exchange {
    /// A request for a target such as `/users?x=1`.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        Self {
            id: "request-1".to_owned(),
            route: "route".to_owned(),
            client: Client {
                address: "192.0.2.1".to_owned(),
                peer_address: "192.0.2.1".to_owned(),
                peer_port: 50_000,
            },
            tls: None,
            client_certificate: None,
            attributes: Vec::new(),
            request: RequestHead {
                method: method.to_owned(),
                scheme: "http".to_owned(),
                host: "gateway.test".to_owned(),
                version: "HTTP/1.1".to_owned(),
                path: path.to_owned(),
                query,
                lines: Vec::new(),
            },
            response: ResponseHead { status: 200, source: Source::Upstream, lines: Vec::new() },
            edits: Vec::new(),
            trailers: Vec::new(),
            is_last_part: false,
            summary: None,
            body: Body::default(),
            streamed: None,
        }
    }

    /// A GET request.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A POST request.
    #[must_use]
    pub fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    /// Adds a header line to the request, after those of the same name. Nothing is checked: a
    /// client may send anything.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        let line = Header { name: name.to_ascii_lowercase(), value: value.into() };
        self.request.lines.push(line);
        self
    }

    /// Adds a part to the request's body, which a handler reads.
    #[must_use]
    pub fn body_part(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body.parts.push_back(bytes.into());
        self
    }

    /// Lets the request's body break off after the parts it has.
    #[must_use]
    pub const fn broken_body(mut self, error: BodyError) -> Self {
        self.body.broken = Some(error);
        self
    }

    /// Sets the host that the client asked for.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.request.host);
        self
    }

    /// Sets the scheme, `http` or `https`.
    #[must_use]
    pub fn scheme(mut self, scheme: &str) -> Self {
        scheme.clone_into(&mut self.request.scheme);
        self
    }

    /// Sets the protocol version, such as `HTTP/2`.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.request.version);
        self
    }

    /// Sets the client's address, and the same for the other end of the connection.
    #[must_use]
    pub fn client(mut self, address: &str) -> Self {
        address.clone_into(&mut self.client.address);
        self.peer(address)
    }

    /// Sets the address of the other end of the connection, as when a trusted proxy stands between.
    #[must_use]
    pub fn peer(mut self, address: &str) -> Self {
        address.clone_into(&mut self.client.peer_address);
        self
    }

    /// Sets the name of the route that matched.
    #[must_use]
    pub fn route(mut self, name: &str) -> Self {
        name.clone_into(&mut self.route);
        self
    }

    /// Sets the request id.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }

    /// Makes the client's connection a TLS one, and the scheme `https`.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self.scheme("https")
    }

    /// Has the client show a certificate; the connection should be a TLS one as well.
    #[must_use]
    pub fn client_certificate(mut self, certificate: Certificate) -> Self {
        self.client_certificate = Some(certificate);
        self
    }

    /// Sets an attribute, as an earlier plugin would have.
    #[must_use]
    pub fn attribute(mut self, name: &str, value: impl Into<Attribute>) -> Self {
        put(&mut self.attributes, name, value.into());
        self
    }

    /// Sets the response's status.
    #[must_use]
    pub const fn status(mut self, status: u16) -> Self {
        self.response.status = status;
        self
    }

    /// Sets who produced the response.
    #[must_use]
    pub const fn source(mut self, source: Source) -> Self {
        self.response.source = source;
        self
    }

    /// Adds a header line to the response, after those of the same name.
    #[must_use]
    pub fn response_header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        let line = Header { name: name.to_ascii_lowercase(), value: value.into() };
        self.response.lines.push(line);
        self
    }

    /// Adds a field line after the body that a body phase or a handler is run with.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.trailers.push(Header { name: name.to_ascii_lowercase(), value: value.into() });
        self
    }

    /// Sets what the log phase is told. Otherwise it is [`summary`](super::summary) with the
    /// response's status and source.
    #[must_use]
    pub fn summary(mut self, summary: Summary) -> Self {
        self.summary = Some(summary);
        self
    }

    pub(super) fn summarize(&self) -> Summary {
        self.summary.clone().unwrap_or_else(|| Summary {
            status: self.response.status,
            source: self.response.source,
            received_at_ms: clock::unix_ms(),
            ..super::summary()
        })
    }

    /// As it is when the response phase begins.
    pub(super) fn with_edits_applied(mut self) -> Self {
        for edit in std::mem::take(&mut self.edits) {
            // A line that does not fit any more is left out, as by the host.
            let _: Result<(), _> = match edit {
                Edit::Set(line) => fields::set(&mut self.response.lines, line),
                Edit::Append(line) => fields::append(&mut self.response.lines, line),
                Edit::Default(line) => fields::default(&mut self.response.lines, line),
                Edit::Remove(name) => {
                    fields::remove(&mut self.response.lines, &name);
                    Ok(())
                }
            };
        }
        self
    }
}

fn put(attributes: &mut Vec<(String, Attribute)>, name: &str, value: Attribute) {
    match attributes.iter_mut().find(|(other, _)| other == name) {
        Some((_, place)) => *place = value,
        None => attributes.push((name.to_owned(), value)),
    }
}

fn bytes(attributes: &[(String, Attribute)]) -> usize {
    let text = |value: &Attribute| match value {
        Attribute::Text(text) => text.len(),
        Attribute::Integer(_) | Attribute::Decimal(_) | Attribute::Boolean(_) => 0,
    };
    attributes.iter().map(|(name, value)| name.len() + text(value)).sum()
}

pub(crate) fn id() -> String {
    exchange("exchange.id", EVERY, |exchange, _| exchange.id.clone())
}

pub(crate) fn route() -> String {
    exchange("exchange.route", EVERY, |exchange, _| exchange.route.clone())
}

pub(crate) fn client() -> Client {
    exchange("exchange.client", EVERY, |exchange, _| exchange.client.clone())
}

pub(crate) fn tls() -> Option<Tls> {
    exchange("exchange.tls", EVERY, |exchange, _| exchange.tls.clone())
}

pub(crate) fn client_certificate() -> Option<Certificate> {
    exchange("exchange.client-certificate", EVERY, |exchange, _| {
        exchange.client_certificate.clone()
    })
}

pub(crate) fn attribute(name: &str) -> Option<Attribute> {
    exchange("exchange.attribute", EVERY, |exchange, _| {
        let mut all = exchange.attributes.iter();
        all.find(|(other, _)| other == name).map(|(_, value)| value.clone())
    })
}

pub(crate) fn attributes() -> Vec<(String, Attribute)> {
    exchange("exchange.attributes", EVERY, |exchange, _| exchange.attributes.clone())
}

pub(crate) fn set_attribute(name: &str, value: &Attribute) -> Result<(), String> {
    exchange("exchange.set-attribute", EVERY, |exchange, _| {
        if exchange.streamed.is_some() {
            return Err("the answer has been started; nobody sees attributes now".to_owned());
        }
        let mut attributes = exchange.attributes.clone();
        put(&mut attributes, name, value.clone());
        if attributes.len() > ATTRIBUTES_MAX {
            return Err(format!("more than {ATTRIBUTES_MAX} attributes"));
        }
        if bytes(&attributes) > ATTRIBUTE_BYTES_MAX {
            return Err(format!("attributes over {ATTRIBUTE_BYTES_MAX} bytes"));
        }
        exchange.attributes = attributes;
        Ok(())
    })
}

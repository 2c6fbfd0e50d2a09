//! What is known about one exchange, from its first byte to its log line.
//!
//! [`Exchange`] is plain data: the stages fill it in, plugins read and change it through the
//! contract. It travels in an [`Open`] handle, so that an exchange whose future was dropped half-way
//! still reaches its end.

mod attribute;
mod changes;
mod client;
mod edit;
mod head;
mod late;
mod open;
mod part;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::failure::Failure;
pub use attribute::Attribute;
pub use changes::Changes;
pub use client::{AlternativeName, Client, ClientCertificate, Ends, TlsFacts};
pub use edit::{Edit, EditError, HeadLimits};
pub use head::{RequestHead, ResponseHead, Scheme};
pub use late::{Late, Verdict};
pub use open::{Finish, Open};
pub use part::Part;

/// Attributes of one exchange at most.
pub const ATTRIBUTES_MAX: usize = 128;
/// Bytes of names and texts of one exchange's attributes at most.
pub const ATTRIBUTE_BYTES_MAX: usize = 64 * 1024;

/// One request and its response.
#[derive(Debug, Clone)]
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
    /// What was decided of the plugins that do not take part in every exchange, by their place among
    /// them; empty before the first turn of one.
    pub parts: Vec<Part>,
    /// How large the heads may grow by plugins' hands.
    pub head_limits: HeadLimits,
    /// How the exchange went.
    pub tally: Tally,
    /// What plugins find out on the side; absent until one does.
    pub late: Option<Arc<Late>>,
    /// Whether this is a copy for a plugin in the middle of a body.
    pub is_aside: bool,
    /// Of the log; disabled if nobody wants it.
    pub span: tracing::Span,
}

impl Exchange {
    /// One that begins with this request. `received` is when, in milliseconds since 1970 as well.
    #[must_use]
    pub fn new(
        id: Box<str>,
        (received, received_unix_ms): (Instant, u64),
        client: Client,
        route: Arc<str>,
        request: RequestHead,
        head_limits: HeadLimits,
    ) -> Self {
        Self {
            id,
            received,
            received_unix_ms,
            client,
            route,
            request,
            response: None,
            source: Source::Gateway,
            deferred: Vec::new(),
            attributes: Vec::new(),
            parts: Vec::new(),
            head_limits,
            tally: Tally::default(),
            late: None,
            is_aside: false,
            span: tracing::Span::none(),
        }
    }
}

/// Who produced a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// An endpoint of an upstream.
    Upstream,
    /// A plugin of the pipeline.
    Plugin,
    /// The route's handler: a plugin in place of an upstream.
    Handler,
    /// The gateway itself: a failure, a fixed response or a redirect.
    Gateway,
}

impl Source {
    /// All of them, in their order as numbers.
    pub const ALL: [Self; 4] = [Self::Upstream, Self::Plugin, Self::Handler, Self::Gateway];

    /// The metric label and the log field.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Plugin => "plugin",
            Self::Handler => "handler",
            Self::Gateway => "gateway",
        }
    }
}

/// How an exchange went, for the log phase and the metrics.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// From the last attempt's start to the upstream's head.
    pub upstream_time: Option<Duration>,
    /// All attempts together.
    pub upstreams_time: Duration,
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
    /// Of what decides for an endpoint, if the upstream hashes something of the exchange.
    pub affinity: Option<u64>,
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
        let known = self.attributes.iter().position(|(known, _)| &**known == name);
        if known.is_none() && self.attributes.len() >= ATTRIBUTES_MAX {
            return false;
        }
        if let Some(late) = self.late.as_ref().filter(|_| self.is_aside) {
            late.set_attribute(name, value.clone());
        }
        match known.and_then(|at| self.attributes.get_mut(at)) {
            Some((_, known)) => *known = value,
            None => self.attributes.push((name.into(), value)),
        }
        true
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

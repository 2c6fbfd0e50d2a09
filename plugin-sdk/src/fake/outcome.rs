//! What a phase left behind.

use super::answer_stream::Streamed;
use super::exchange::Exchange;
use super::fields;
use super::log::Message;
use crate::answer::Header;
use crate::exchange::Attribute;
use crate::log::Level;
use crate::{Answer, BodyAction, Handled, RequestAction, ResponseAction};

/// What came of a call of a phase.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<A> {
    /// What the phase returned.
    pub action: A,
    /// The exchange as the phase left it; the next phase can be run with it.
    pub exchange: Exchange,
    /// What the phase logged.
    pub messages: Vec<Message>,
}

/// A change to the response that a request phase asked for, to be made when there is one.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Replace all lines of the name by this one.
    Set(Header),
    /// Add a line.
    Append(Header),
    /// Add a line unless there is one of its name.
    Default(Header),
    /// Remove all lines of this name.
    Remove(String),
}

impl<A> Outcome<A> {
    /// The request's method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.exchange.request.method
    }

    /// The path that goes to the upstream, but for the route's `rewrite`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.exchange.request.path
    }

    /// The query that goes to the upstream.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.exchange.request.query.as_deref()
    }

    /// The value of the request's first line of this name.
    #[must_use]
    pub fn request_header(&self, name: &str) -> Option<String> {
        fields::text(&self.exchange.request.lines, name)
    }

    /// The values of all the request's lines of this name.
    #[must_use]
    pub fn request_header_values(&self, name: &str) -> Vec<Vec<u8>> {
        fields::values(&self.exchange.request.lines, name)
    }

    /// All lines of the request.
    #[must_use]
    pub fn request_headers(&self) -> &[Header] {
        &self.exchange.request.lines
    }

    /// The response's status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.exchange.response.status
    }

    /// The value of the response's first line of this name, after the edits that a request phase
    /// left for it.
    #[must_use]
    pub fn response_header(&self, name: &str) -> Option<String> {
        fields::text(&self.response_headers(), name)
    }

    /// The values of all the response's lines of this name, after the edits.
    #[must_use]
    pub fn response_header_values(&self, name: &str) -> Vec<Vec<u8>> {
        fields::values(&self.response_headers(), name)
    }

    /// All lines of the response, after the edits.
    #[must_use]
    pub fn response_headers(&self) -> Vec<Header> {
        self.exchange.clone().with_edits_applied().response.lines
    }

    /// The edits that a request phase left for the response, in order.
    #[must_use]
    pub fn edits(&self) -> &[Edit] {
        &self.exchange.edits
    }

    /// An attribute by name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        let mut all = self.exchange.attributes.iter();
        all.find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// An attribute by name, if it is a text.
    #[must_use]
    pub fn text_attribute(&self, name: &str) -> Option<&str> {
        match self.attribute(name) {
            Some(Attribute::Text(text)) => Some(text),
            Some(Attribute::Integer(_) | Attribute::Decimal(_) | Attribute::Boolean(_)) | None => {
                None
            }
        }
    }

    /// All attributes, in the order in which they were first set.
    #[must_use]
    pub fn attributes(&self) -> &[(String, Attribute)] {
        &self.exchange.attributes
    }

    /// The texts that were logged at this level.
    #[must_use]
    pub fn logged(&self, level: Level) -> Vec<&str> {
        let all = self.messages.iter();
        all.filter(|message| message.level == level).map(|message| message.text.as_str()).collect()
    }
}

impl Outcome<RequestAction> {
    /// The plugin's answer, if it gave one.
    #[must_use]
    pub const fn answer(&self) -> Option<&Answer> {
        match &self.action {
            RequestAction::Respond(answer) => Some(answer),
            RequestAction::Forward
            | RequestAction::Delay(_)
            | RequestAction::NeedBody(_)
            | RequestAction::ObserveBody
            | RequestAction::TransformBody => None,
        }
    }
}

impl Outcome<Handled> {
    /// The handler's answer, if it gave one whole.
    #[must_use]
    pub const fn answer(&self) -> Option<&Answer> {
        match &self.action {
            Handled::Respond(answer) => Some(answer),
            Handled::Streamed => None,
        }
    }

    /// What the handler streamed, if it did.
    #[must_use]
    pub const fn streamed(&self) -> Option<&Streamed> {
        self.exchange.streamed.as_ref()
    }
}

impl Outcome<ResponseAction> {
    /// The plugin's answer, if it gave one.
    #[must_use]
    pub const fn answer(&self) -> Option<&Answer> {
        match &self.action {
            ResponseAction::Respond(answer) => Some(answer),
            ResponseAction::Forward
            | ResponseAction::NeedBody(_)
            | ResponseAction::ObserveBody
            | ResponseAction::TransformBody => None,
        }
    }
}

impl Outcome<BodyAction> {
    /// The plugin's answer, if it gave one.
    #[must_use]
    pub const fn answer(&self) -> Option<&Answer> {
        match &self.action {
            BodyAction::Respond(answer) => Some(answer),
            BodyAction::Forward | BodyAction::Replace(_) | BodyAction::End(_) => None,
        }
    }
}

/// Reads an answer as a test wants it.
impl Answer {
    /// The value of the first header line of this name.
    #[must_use]
    pub fn header_text(&self, name: &str) -> Option<String> {
        fields::text(&self.headers, name)
    }

    /// The body as text; other bytes than UTF-8 are replaced.
    #[must_use]
    pub fn body_text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

//! What is known about the exchange beside its two heads. Works in every phase.

use crate::host::exchange as host;

use crate::consumers::Consumer;

pub use crate::bindings::plugin::tidegate::plugin::exchange::{
    AlternativeName, AttributeValue as Attribute, CertificateFacts as Certificate,
    ClientFacts as Client, TlsFacts as Tls,
};

/// Who calls, by name.
const CONSUMER_ATTRIBUTE: &str = "consumer";

/// The names of the caller's groups, separated by commas.
const GROUPS_ATTRIBUTE: &str = "consumer.groups";

/// The request id: what the client sees in `x-request-id`. At most 128 visible ASCII characters.
#[must_use]
pub fn id() -> String {
    host::id()
}

/// The name of the route that matched.
#[must_use]
pub fn route() -> String {
    host::route()
}

/// Who sent the request.
#[must_use]
pub fn client() -> Client {
    host::client()
}

/// Facts of the client's TLS connection; absent on a plain one.
#[must_use]
pub fn tls() -> Option<Tls> {
    host::tls()
}

/// The certificate that the client has shown in the handshake. It was issued by an authority of the
/// listener's `client_auth` and was valid then; absent if the client showed none.
#[must_use]
pub fn client_certificate() -> Option<Certificate> {
    host::client_certificate()
}

/// An attribute by name.
///
/// First-party plugins use `consumer` (the caller's name), `consumer.groups`, `auth.subject`, `auth.issuer`,
/// `auth.claims` (JSON) and `ratelimit.remaining`.
#[must_use]
pub fn attribute(name: &str) -> Option<Attribute> {
    host::attribute(name)
}

/// An attribute by name, if it is a text.
#[must_use]
pub fn text_attribute(name: &str) -> Option<String> {
    match attribute(name) {
        Some(Attribute::Text(text)) => Some(text),
        Some(Attribute::Integer(_) | Attribute::Decimal(_) | Attribute::Boolean(_)) | None => None,
    }
}

/// All attributes, in the order in which they were first set.
#[must_use]
pub fn attributes() -> Vec<(String, Attribute)> {
    host::attributes()
}

/// Sets an attribute for all that comes later in this exchange, the log phase included.
///
/// # Errors
/// Names and texts would exceed 64 KiB, or there would be more than 128 attributes.
pub fn set_attribute(name: &str, value: impl Into<Attribute>) -> Result<(), String> {
    host::set_attribute(name, &value.into())
}

/// Leaves who calls for all that comes later: the attributes `consumer` (the name) and
/// `consumer.groups` (the names of its groups, separated by commas).
///
/// # Errors
/// As [`set_attribute`]; the exchange has no consumer then.
pub fn set_consumer(consumer: &Consumer) -> Result<(), String> {
    set_attribute(GROUPS_ATTRIBUTE, consumer.groups.join(","))?;
    set_attribute(CONSUMER_ATTRIBUTE, consumer.name.as_str())
}

/// The groups that a plugin has left by [`set_consumer`]; empty if there are none.
#[must_use]
pub fn consumer_groups() -> Vec<String> {
    let groups = text_attribute(GROUPS_ATTRIBUTE).unwrap_or_default();
    groups.split(',').filter(|group| !group.is_empty()).map(str::to_owned).collect()
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Attribute {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Attribute {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<i32> for Attribute {
    fn from(number: i32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<u32> for Attribute {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<f64> for Attribute {
    fn from(number: f64) -> Self {
        Self::Decimal(number)
    }
}

impl From<bool> for Attribute {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

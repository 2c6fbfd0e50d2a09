//! One property of a request.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;
use tidegate_plugin::{exchange, request};

use super::Facts;

/// A property that requests are told apart by.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    property: Property,
    /// A letter, and the name with its length in front if there is one.
    label: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Property {
    Ip,
    Consumer,
    /// Lower-case.
    Header(String),
    Claim(String),
    /// Percent-decoded.
    Query(String),
    Route,
    Path,
    Method,
    Global,
}

/// A property's value.
pub(crate) enum Found<'a> {
    /// All requests have the same.
    Nothing,
    Text(Cow<'a, str>),
    Bytes(Vec<u8>),
    /// A JSON number or boolean, which a string of the same characters is not.
    Number(String),
    /// The client's address, in place of what is missing.
    StandIn(&'a str),
}

impl Part {
    pub(crate) fn ip() -> Self {
        Self::new(Property::Ip)
    }

    /// Reads `ip` or `header:x-tenant`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let property = match text.split_once(':') {
            Some((_, "")) => return Err(format!("`{text}` lacks a name after the colon")),
            Some(("header", name)) if name.bytes().all(is_token) => {
                Property::Header(name.to_ascii_lowercase())
            }
            Some(("header", name)) => return Err(format!("`{name}` is not a field name")),
            Some(("claim", name)) => Property::Claim(name.to_owned()),
            Some(("query", name)) => Property::Query(name.to_owned()),
            Some(_) => return Err(unknown(text)),
            None => match text {
                "ip" => Property::Ip,
                "consumer" => Property::Consumer,
                "route" => Property::Route,
                "path" => Property::Path,
                "method" => Property::Method,
                "global" => Property::Global,
                "header" | "claim" | "query" => {
                    return Err(format!("`{text}` lacks a name, such as `{text}:tenant`"));
                }
                _ => return Err(unknown(text)),
            },
        };
        Ok(Self::new(property))
    }

    fn new(property: Property) -> Self {
        let named = |letter: char, name: &str| format!("{letter}{}:{name}", name.len());
        let label = match &property {
            Property::Ip => "i".to_owned(),
            Property::Consumer => "c".to_owned(),
            Property::Header(name) => named('h', name),
            Property::Claim(name) => named('a', name),
            Property::Query(name) => named('q', name),
            Property::Route => "r".to_owned(),
            Property::Path => "p".to_owned(),
            Property::Method => "m".to_owned(),
            Property::Global => "g".to_owned(),
        };
        Self { property, label }
    }

    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// The value of this request. Empty ones tell nobody apart and count as absent.
    pub(crate) fn find<'a>(&self, facts: &'a Facts) -> Option<Found<'a>> {
        match &self.property {
            Property::Ip => facts.address().map(|text| Found::Text(text.into())),
            Property::Consumer => facts.consumer().map(|name| Found::Text(name.into())),
            Property::Header(name) => present(request::header_values(name).join(b", ".as_slice())),
            Property::Claim(name) => claim(facts.claims(), name),
            Property::Query(name) => present(parameter(&request::query()?, name.as_bytes())),
            Property::Route => Some(Found::Text(exchange::route().into())),
            Property::Path => Some(Found::Text(request::path().into())),
            Property::Method => Some(Found::Text(request::method().into())),
            Property::Global => Some(Found::Nothing),
        }
    }

    /// The status for a request that lacks it: what the client sent can be mended, who it is
    /// cannot. Not 401, which must come with a challenge (RFC 9110 section 15.5.2).
    pub(crate) const fn missing_status(&self) -> u16 {
        match self.property {
            Property::Header(_) | Property::Query(_) => 400,
            _ => 403,
        }
    }

    /// What the client is told.
    pub(crate) fn missing_message(&self) -> String {
        match &self.property {
            Property::Header(name) => format!("header `{name}` is missing"),
            Property::Query(name) => format!("query parameter `{name}` is missing"),
            _ => "the caller is not identified".to_owned(),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.property {
            Property::Ip => formatter.write_str("ip"),
            Property::Consumer => formatter.write_str("consumer"),
            Property::Header(name) => write!(formatter, "header:{name}"),
            Property::Claim(name) => write!(formatter, "claim:{name}"),
            Property::Query(name) => write!(formatter, "query:{name}"),
            Property::Route => formatter.write_str("route"),
            Property::Path => formatter.write_str("path"),
            Property::Method => formatter.write_str("method"),
            Property::Global => formatter.write_str("global"),
        }
    }
}

fn unknown(text: &str) -> String {
    format!(
        "`{text}` is not something to count by: ip, consumer, header:<name>, claim:<name>, \
         query:<name>, route, path, method, global"
    )
}

/// RFC 9110 section 5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

fn present<'a>(value: Vec<u8>) -> Option<Found<'a>> {
    (!value.is_empty()).then_some(Found::Bytes(value))
}

/// A claim by its whole name, which may hold dots, or else member by member.
fn claim<'a>(claims: &'a Value, name: &str) -> Option<Found<'a>> {
    let value = claims
        .get(name)
        .or_else(|| name.split('.').try_fold(claims, |inner, member| inner.get(member)))?;
    match value {
        Value::String(text) if !text.is_empty() => Some(Found::Text(text.into())),
        Value::Number(number) => Some(Found::Number(number.to_string())),
        Value::Bool(boolean) => Some(Found::Number(boolean.to_string())),
        _ => None,
    }
}

/// All values of a parameter, decoded, so that no spelling escapes the count; joined by commas.
fn parameter(query: &str, name: &[u8]) -> Vec<u8> {
    let values = query.split('&').filter_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(key) == name).then(|| decoded(value))
    });
    values.collect::<Vec<_>>().join(&b',')
}

/// Undoes percent-encoding and the plus sign for a space; what is not an encoding stays.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        bytes.push(match (first, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, tail @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    rest = tail;
                    high << 4 | low
                }
                _ => b'%',
            },
            _ => *first,
        });
    }
    bytes
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

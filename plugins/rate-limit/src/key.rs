//! Whose requests are counted together.

mod digest;
mod facts;
mod part;

pub(crate) use facts::Facts;
pub(crate) use part::Part;

use std::fmt::Write as _;

use tidegate_plugin::ConfigError;

use crate::config::{By, MissingKey};
use crate::limit::Place;
use part::Found;

/// Bytes of a key that a counter takes.
const KEY_BYTES_MAX: usize = 1_024;

/// The properties of a request that make a counter's key.
///
/// As text it is each part's label and value, both with their length in front, so that no value,
/// whatever a client sends, can pass for another part or another pair of parts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// Never empty, without repetition.
    parts: Vec<Part>,
}

/// What a request's key is.
pub(crate) enum Built<'a> {
    Key(String),
    /// The request lacks this part.
    Missing(&'a Part),
}

impl Key {
    pub(crate) fn check(place: &Place, by: Option<&By>) -> Result<Self, ConfigError> {
        let parse = |below: &str, text: &str| {
            Part::parse(text).map_err(|message| place.refuse(below, message))
        };
        let parts = match by {
            None => vec![Part::ip()],
            Some(By::One(text)) => vec![parse("/by", text)?],
            Some(By::All(texts)) => {
                let mut parts = Vec::with_capacity(texts.len());
                for (index, text) in texts.iter().enumerate() {
                    let below = format!("/by/{index}");
                    let part = parse(&below, text)?;
                    if parts.contains(&part) {
                        return Err(place.refuse(&below, format!("`{text}` is there already")));
                    }
                    parts.push(part);
                }
                parts
            }
        };
        if parts.is_empty() {
            return Err(place.refuse("/by", "an empty list; `global` counts all requests together"));
        }
        Ok(Self { parts })
    }

    /// The parts as the operator wrote them, joined by `+`.
    pub(crate) fn name(&self) -> String {
        let names: Vec<_> = self.parts.iter().map(Part::to_string).collect();
        names.join("+")
    }

    /// The text for one request.
    pub(crate) fn build(&self, facts: &Facts, missing: MissingKey) -> Built<'_> {
        let mut key = String::with_capacity(64);
        for part in &self.parts {
            key.push_str(part.label());
            match part.find(facts) {
                Some(found) => push(&mut key, &found),
                None if missing == MissingKey::Ip => match facts.address() {
                    Some(address) => push(&mut key, &Found::StandIn(address)),
                    None => return Built::Missing(part),
                },
                None => return Built::Missing(part),
            }
        }
        if key.len() > KEY_BYTES_MAX {
            // No label begins with this sign, so a digest cannot pass for a short key.
            key = format!("#{}", digest::hex(key.as_bytes()));
        }
        Built::Key(key)
    }
}

/// Appends the value with its length; a sign in front tells kinds of values apart.
fn push(key: &mut String, found: &Found<'_>) {
    let written = match found {
        Found::Nothing => Ok(()),
        Found::Text(text) => write!(key, "{}:{text}", text.len()),
        Found::Number(text) => write!(key, "n{}:{text}", text.len()),
        Found::StandIn(address) => write!(key, "f{}:{address}", address.len()),
        Found::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => write!(key, "{}:{text}", text.len()),
            // A key is text; its digits take twice the room.
            Err(_) => write!(key, "x{}:", bytes.len() * 2)
                .and_then(|()| bytes.iter().try_for_each(|byte| write!(key, "{byte:02x}"))),
        },
    };
    written.expect("a string takes every text");
}

//! The configuration as the operator writes it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// What `config` holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Edits of the request, before it goes upstream.
    pub request: Edits,
    /// Edits of the response, whoever gives it.
    pub response: Edits,
}

/// Edits of one head, in the order in which they are made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Edits {
    /// Names of headers whose lines are all removed.
    pub remove: Vec<String>,
    /// Headers whose lines are all replaced by one: name to value.
    pub set: BTreeMap<String, String>,
    /// Headers that are added unless there is one of the name: name to value.
    pub default: BTreeMap<String, String>,
    /// Headers that are added after those of the same name: name to value, or to a list of them.
    pub add: BTreeMap<String, Values>,
}

/// The value of one line, or those of several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Values {
    /// One line.
    One(String),
    /// A line for each.
    Several(Vec<String>),
}

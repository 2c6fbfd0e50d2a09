//! One edit of a head, checked.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_plugin::request::HeaderError;
use tidegate_plugin::{ConfigError, request, response};

use crate::config::{Edits, Values};

/// Edits of one head. The host keeps 128 edits of a response for all plugins of a pipeline.
const EDITS_MAX: usize = 64;

/// Fields that the host takes from no plugin. It says so only while a request is there, so they are
/// named once more for the check of a configuration.
pub(crate) const REFUSED: [&str; 8] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// An edit of a head; names are lower-case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Edit {
    Remove(String),
    Set(String, String),
    Default(String, String),
    Append(String, String),
}

impl Edit {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Remove(name)
            | Self::Set(name, _)
            | Self::Default(name, _)
            | Self::Append(name, _) => name,
        }
    }

    pub(crate) fn of_request(&self) -> Result<(), HeaderError> {
        match self {
            Self::Remove(name) => request::remove_header(name),
            Self::Set(name, value) => request::set_header(name, value),
            Self::Default(name, value) => request::default_header(name, value),
            Self::Append(name, value) => request::append_header(name, value),
        }
    }

    pub(crate) fn of_response(&self) -> Result<(), HeaderError> {
        match self {
            Self::Remove(name) => response::remove_header(name),
            Self::Set(name, value) => response::set_header(name, value),
            Self::Default(name, value) => response::default_header(name, value),
            Self::Append(name, value) => response::append_header(name, value),
        }
    }
}

/// The edits of one head in the order in which they are made. Errors point into its table.
pub(crate) fn check(edits: Edits) -> Result<Vec<Edit>, ConfigError> {
    let mut checked = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, name) in edits.remove.iter().enumerate() {
        let pointer = format!("/remove/{index}");
        let name = field_name(name).map_err(|message| ConfigError::at(&pointer, message))?;
        once(&mut seen, &name, &pointer)?;
        checked.push(Edit::Remove(name));
    }
    checked.extend(check_single(edits.set, "/set", Edit::Set)?);
    checked.extend(check_single(edits.default, "/default", Edit::Default)?);
    for (written, values) in edits.add {
        let pointer = format!("/add/{}", escaped(&written));
        let name = field_name(&written).map_err(|message| ConfigError::at(&pointer, message))?;
        let values = match values {
            Values::One(value) => vec![(pointer, value)],
            Values::Several(values) => {
                let places = values.into_iter().enumerate();
                places.map(|(index, value)| (format!("{pointer}/{index}"), value)).collect()
            }
        };
        for (pointer, value) in values {
            check_value(&value, &pointer)?;
            checked.push(Edit::Append(name.clone(), value));
        }
    }
    if checked.len() > EDITS_MAX {
        let message = format!("{} edits; at most {EDITS_MAX}", checked.len());
        return Err(ConfigError::whole(message));
    }
    Ok(checked)
}

/// Edits that give a header one value.
fn check_single(
    table: BTreeMap<String, String>,
    place: &str,
    edit: fn(String, String) -> Edit,
) -> Result<Vec<Edit>, ConfigError> {
    let mut seen = BTreeSet::new();
    let check = |(written, value): (String, String)| {
        let pointer = format!("{place}/{}", escaped(&written));
        let name = field_name(&written).map_err(|message| ConfigError::at(&pointer, message))?;
        once(&mut seen, &name, &pointer)?;
        check_value(&value, &pointer)?;
        Ok(edit(name, value))
    };
    table.into_iter().map(check).collect()
}

/// Names differ in more than their case.
fn once(seen: &mut BTreeSet<String>, name: &str, pointer: &str) -> Result<(), ConfigError> {
    if seen.insert(name.to_owned()) {
        return Ok(());
    }
    Err(ConfigError::at(pointer, format!("`{name}` is there already")))
}

/// The name as the host has it, or what is wrong with it.
fn field_name(name: &str) -> Result<String, String> {
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("`{name}` is not the name of a header"));
    }
    let name = name.to_ascii_lowercase();
    if REFUSED.contains(&name.as_str()) {
        return Err(format!("`{name}` belongs to the gateway and cannot be edited"));
    }
    Ok(name)
}

/// A value arrives as it was sent: no control character, which the host refuses, and no space at an
/// end, which a parser removes (RFC 9110 section 5.5).
fn check_value(value: &str, pointer: &str) -> Result<(), ConfigError> {
    if value.bytes().any(|byte| byte != b'\t' && byte.is_ascii_control()) {
        return Err(ConfigError::at(pointer, "a value cannot have control characters"));
    }
    if value.trim_matches([' ', '\t']) != value {
        return Err(ConfigError::at(pointer, "a value cannot begin or end with a space"));
    }
    Ok(())
}

/// RFC 9110 section 5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// One member's name in a JSON Pointer (RFC 6901 section 3).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

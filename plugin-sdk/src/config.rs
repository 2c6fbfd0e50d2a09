//! The configuration of a plugin, from JSON to a value.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

/// Why a configuration was refused, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// JSON Pointer (RFC 6901) to the value at fault, for example `/keys/2/alg`; empty for the
    /// whole. The gateway shows that place in `gateway.toml`.
    pub pointer: String,
    /// One sentence for the operator, lower-case, without a final dot.
    pub message: String,
}

impl ConfigError {
    /// The value at `pointer` cannot be used.
    #[must_use]
    pub fn at(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }

    /// The configuration as a whole cannot be used.
    #[must_use]
    pub fn whole(message: impl Into<String>) -> Self {
        Self::at("", message)
    }

    /// The same error, for a value that lies deeper in the configuration than its maker knows:
    /// `prefix` goes before the pointer.
    #[must_use]
    pub fn within(mut self, prefix: &str) -> Self {
        self.pointer.insert_str(0, prefix);
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => f.write_str(&self.message),
            pointer => write!(f, "{pointer}: {}", self.message),
        }
    }
}

impl std::error::Error for ConfigError {}

/// The configuration of a plugin that has nothing to configure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// Reads the configuration that the host hands over.
pub(crate) fn parse<C: DeserializeOwned>(json: &str) -> Result<C, ConfigError> {
    let mut source = serde_json::Deserializer::from_str(json);
    let config = serde_path_to_error::deserialize(&mut source).map_err(|error| {
        ConfigError::at(pointer(error.path()), without_position(&error.into_inner()))
    })?;
    source.end().map_err(|error| ConfigError::whole(without_position(&error)))?;
    Ok(config)
}

/// The path as a JSON Pointer.
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
            Segment::Map { key } | Segment::Enum { variant: key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            // What lies below cannot be named.
            Segment::Unknown => break,
        }
    }
    pointer
}

/// The text of the error without the line and column: the operator wrote TOML, not this JSON.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        limit: u32,
        #[serde(default)]
        keys: Vec<Key>,
        #[serde(default)]
        paths: BTreeMap<String, u8>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Key {
        alg: Algorithm,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Algorithm {
        Hs256,
        Custom { bits: u32 },
    }

    fn refusal(json: &str) -> (String, String) {
        let error = parse::<Config>(json).unwrap_err();
        (error.pointer, error.message)
    }

    #[test]
    fn a_type_mismatch_names_the_value_and_what_was_expected() {
        assert_eq!(
            refusal(r#"{"limit": "ten"}"#),
            ("/limit".to_owned(), r#"invalid type: string "ten", expected u32"#.to_owned())
        );
    }

    #[test]
    fn an_unknown_key_is_pointed_at_and_the_known_ones_are_listed() {
        assert_eq!(
            refusal(r#"{"limit": 1, "burts": 2}"#),
            (
                "/burts".to_owned(),
                "unknown field `burts`, expected one of `limit`, `keys`, `paths`".to_owned()
            )
        );
    }

    #[test]
    fn a_missing_key_points_at_the_table_that_lacks_it() {
        assert_eq!(
            refusal(r#"{"limit": 1, "keys": [{"alg": "hs256"}, {}]}"#),
            ("/keys/1".to_owned(), "missing field `alg`".to_owned())
        );
    }

    #[test]
    fn the_pointer_goes_through_lists_and_variants() {
        assert_eq!(
            refusal(r#"{"limit": 1, "keys": [{"alg": {"custom": {"bits": -1}}}]}"#),
            (
                "/keys/0/alg/custom/bits".to_owned(),
                "invalid value: integer `-1`, expected u32".to_owned()
            )
        );
    }

    #[test]
    fn keys_with_slashes_are_escaped_as_rfc_6901_asks() {
        assert_eq!(refusal(r#"{"limit": 1, "paths": {"/a~b": true}}"#).0, "/paths/~1a~0b");
    }

    #[test]
    fn a_good_configuration_is_read() {
        let config: Config = parse(r#"{"limit": 3, "keys": [{"alg": "hs256"}]}"#).unwrap();
        assert_eq!(config.limit, 3);
        assert_eq!(config.keys, [Key { alg: Algorithm::Hs256 }]);
    }

    #[test]
    fn a_plugin_without_configuration_refuses_any_key() {
        assert_eq!(parse("{}"), Ok(NoConfig {}));
        assert_eq!(
            parse::<NoConfig>(r#"{"a": 1}"#),
            Err(ConfigError::at("/a", "unknown field `a`, there are no fields"))
        );
    }

    #[test]
    fn an_error_of_an_inner_value_is_moved_to_its_place() {
        let error = ConfigError::at("/alg", "not known").within("/keys/2");
        assert_eq!(error.to_string(), "/keys/2/alg: not known");
    }
}

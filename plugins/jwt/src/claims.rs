//! What a token claims.

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::refusal::Part;

/// The members of a token's claims set (RFC 7519 section 4), each name once.
#[derive(Debug)]
pub(crate) struct Claims(Value);

impl Claims {
    /// Reads the JSON text of a claims set.
    pub(crate) fn read(json: &str) -> Result<Self, Part> {
        serde_json::from_str(json).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Part::Claims,
            _ => Part::Json,
        })
    }

    /// A claim by its name or, if the name begins with a slash, by JSON Pointer (RFC 6901).
    /// Null is as good as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let found = if name.starts_with('/') { self.0.pointer(name) } else { self.0.get(name) };
        found.filter(|value| !value.is_null())
    }

    /// A claim that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// Any claim as text: a text itself, anything else as compact JSON.
    pub(crate) fn written(&self, name: &str) -> Option<String> {
        self.get(name).map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }

    /// Whether the token says it is for one of these: `aud` is a text or a list of texts
    /// (RFC 7519 section 4.1.3).
    pub(crate) fn is_for(&self, audiences: &[String]) -> bool {
        let is_one = |value: &Value| {
            value.as_str().is_some_and(|name| audiences.iter().any(|audience| audience == name))
        };
        match self.get("aud") {
            Some(Value::Array(names)) => names.iter().any(is_one),
            Some(name) => is_one(name),
            None => false,
        }
    }

    /// Whether the token grants this scope: `scope` is a text of words (RFC 8693 section 4.2),
    /// `scp`, which others use in its place, such a text or a list of texts.
    pub(crate) fn grants(&self, scope: &str) -> bool {
        ["scope", "scp"].iter().any(|name| match self.get(name) {
            Some(Value::String(words)) => words.split(' ').any(|word| word == scope),
            Some(Value::Array(words)) => words.iter().any(|word| word == scope),
            _ => false,
        })
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ClaimsVisitor)
    }
}

/// Collects an object and refuses a second member of one name, of which two readers could
/// believe different ones.
struct ClaimsVisitor;

impl<'de> Visitor<'de> for ClaimsVisitor {
    type Value = Claims;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Claims, A::Error> {
        let mut claims = Map::new();
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            if claims.insert(name, value).is_some() {
                return Err(A::Error::custom("one claim twice"));
            }
        }
        Ok(Claims(Value::Object(claims)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(json: &str) -> Claims {
        Claims::read(json).unwrap()
    }

    #[test]
    fn a_claim_that_comes_twice_is_refused() {
        assert_eq!(Claims::read(r#"{"sub":"a","sub":"a"}"#).err(), Some(Part::Claims));
        assert_eq!(Claims::read(r#"{"sub":"a","s\u0075b":"b"}"#).err(), Some(Part::Claims));
    }

    #[test]
    fn claims_that_are_not_an_object_are_refused() {
        for json in ["[]", "1", "\"a\"", "null", "true"] {
            assert_eq!(Claims::read(json).err(), Some(Part::Claims), "{json}");
        }
    }

    #[test]
    fn broken_json_and_endless_nesting_are_refused() {
        for json in ["", "{", "{\"a\":}", "{} {}", "{\"a\":01}"] {
            assert_eq!(Claims::read(json).err(), Some(Part::Json), "{json}");
        }
        let deep = format!("{{\"a\":{}", "[".repeat(4000));
        assert_eq!(Claims::read(&deep).err(), Some(Part::Json));
    }

    #[test]
    fn a_name_that_begins_with_a_slash_is_a_pointer() {
        let claims = claims(r#"{"realm_access":{"roles":["a","b"]},"https://x/y":1}"#);
        assert_eq!(claims.written("/realm_access/roles/1").as_deref(), Some("b"));
        assert_eq!(claims.written("/realm_access/roles").as_deref(), Some(r#"["a","b"]"#));
        assert_eq!(claims.written("https://x/y").as_deref(), Some("1"));
        assert_eq!(claims.written("/none"), None);
    }

    #[test]
    fn null_is_as_good_as_absent() {
        assert_eq!(claims(r#"{"sub":null}"#).get("sub"), None);
    }

    #[test]
    fn an_audience_may_be_a_text_or_a_list() {
        let own = ["api".to_owned(), "web".to_owned()];
        assert!(claims(r#"{"aud":"api"}"#).is_for(&own));
        assert!(claims(r#"{"aud":["other","web"]}"#).is_for(&own));
        for json in [
            "{}",
            r#"{"aud":"API"}"#,
            r#"{"aud":"api web"}"#,
            r#"{"aud":[]}"#,
            r#"{"aud":[["api"]]}"#,
            r#"{"aud":{"api":true}}"#,
            r#"{"aud":null}"#,
        ] {
            assert!(!claims(json).is_for(&own), "{json}");
        }
    }

    #[test]
    fn a_scope_is_a_whole_word() {
        assert!(claims(r#"{"scope":"a orders:read"}"#).grants("orders:read"));
        assert!(claims(r#"{"scp":["a","orders:read"]}"#).grants("orders:read"));
        assert!(claims(r#"{"scp":"orders:read"}"#).grants("orders:read"));
        assert!(!claims(r#"{"scope":"orders:readwrite"}"#).grants("orders:read"));
        assert!(!claims(r#"{"scope":{"orders:read":1}}"#).grants("orders:read"));
        assert!(!claims("{}").grants("orders:read"));
    }
}

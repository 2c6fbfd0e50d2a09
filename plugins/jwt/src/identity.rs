//! What the upstream and later plugins are told about the caller.

use std::collections::BTreeMap;

use tidegate_plugin::exchange::set_attribute;
use tidegate_plugin::{ConfigError, log, request};

use crate::claims::Claims;
use crate::issuer::Issuer;
use crate::rules::is_claim_name;
use crate::token::Token;

/// Fields that the host owns or that decide how a message is read; none may come from a claim.
const FORBIDDEN: [&str; 11] = [
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Each hyphen doubles the spellings that have to be removed.
const HYPHENS_MAX: usize = 5;

/// Which claims tell who the caller is, and where that is written.
#[derive(Debug)]
pub(crate) struct Identity {
    consumer_claim: String,
    /// Claims and lower-case field names.
    headers: Vec<(String, String)>,
    /// Every spelling of those field names that an upstream could take for them.
    spoofable: Vec<String>,
}

impl Identity {
    /// Checks the names; `carriers` are the fields that tokens come in.
    pub(crate) fn build(
        consumer_claim: String,
        claims_to_headers: BTreeMap<String, String>,
        carriers: &[String],
    ) -> Result<Self, ConfigError> {
        if !is_claim_name(&consumer_claim) {
            let text = "a claim's name has at least one character";
            return Err(ConfigError::at("/consumer_claim", text));
        }
        let mut headers: Vec<(String, String)> = Vec::new();
        for (claim, header) in claims_to_headers {
            let pointer = format!("/claims_to_headers/{}", escaped(&claim));
            let name = header.to_ascii_lowercase();
            if !is_claim_name(&claim) {
                return Err(ConfigError::at(pointer, "a claim's name has at least one character"));
            }
            check_header(&name, carriers)
                .map_err(|text| ConfigError::at(pointer.as_str(), text))?;
            if headers.iter().any(|(_, other)| dashed(other) == dashed(&name)) {
                let text = format!("two claims cannot go to the same header `{name}`");
                return Err(ConfigError::at(pointer, text));
            }
            headers.push((claim, name));
        }
        let spoofable = headers.iter().flat_map(|(_, name)| spellings(name)).collect();
        Ok(Self { consumer_claim, headers, spoofable })
    }

    /// Removes what the client itself sent under the names that only we may set.
    ///
    /// Underscores count as hyphens: WSGI and CGI (RFC 3875 section 4.1.18) show an upstream
    /// `X_User` and `X-User` as the same variable.
    pub(crate) fn strip(&self) {
        for name in &self.spoofable {
            if let Err(error) = request::remove_header(name) {
                log::error(format!("the header {name} cannot be removed: {error:?}"));
            }
        }
    }

    /// Tells who the caller is; an error if it cannot be told in full.
    pub(crate) fn tell(&self, token: &Token<'_>, issuer: &Issuer) -> Result<(), String> {
        let claims = &token.claims;
        if let Some(subject) = claims.written("sub") {
            set_attribute("auth.subject", subject)?;
        }
        if let Some(iss) = &issuer.iss {
            set_attribute("auth.issuer", iss.as_str())?;
        }
        set_attribute("auth.claims", token.payload.as_str())?;
        let consumer = claims.written(&self.consumer_claim);
        if let Some(consumer) = consumer.filter(|consumer| !consumer.is_empty()) {
            set_attribute("consumer", format!("{}{consumer}", issuer.consumer_prefix))?;
        }
        self.write_headers(claims)
    }

    fn write_headers(&self, claims: &Claims) -> Result<(), String> {
        for (claim, header) in &self.headers {
            let Some(value) = claims.written(claim) else {
                continue;
            };
            if !is_field_value(&value) {
                log::warn(format!(
                    "the claim {claim} cannot be sent as a header: control characters or spaces around it"
                ));
                continue;
            }
            request::set_header(header, &value)
                .map_err(|error| format!("the header {header} cannot be set: {error:?}"))?;
        }
        Ok(())
    }
}

fn check_header(name: &str, carriers: &[String]) -> Result<(), String> {
    if !is_field_name(name) {
        return Err(format!("`{name}` is not a header's name"));
    }
    if FORBIDDEN.contains(&name) {
        return Err(format!("`{name}` must not come from a claim"));
    }
    if carriers.iter().any(|carrier| carrier == name) {
        return Err(format!("tokens come in `{name}`, so it cannot be set from a claim"));
    }
    if dashed(name).matches('-').count() > HYPHENS_MAX {
        return Err(format!("a header for a claim has at most {HYPHENS_MAX} hyphens"));
    }
    Ok(())
}

/// A token of RFC 9110 section 5.6.2.
pub(crate) fn is_field_name(name: &str) -> bool {
    let is_token_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token_byte)
}

/// Whether a value arrives as it was sent: no control character (RFC 9110 section 5.5), and no
/// space at an end, which a parser would remove.
fn is_field_value(value: &str) -> bool {
    !value.chars().any(char::is_control) && value.trim_matches(' ') == value
}

fn dashed(name: &str) -> String {
    name.replace('_', "-")
}

/// The name with each hyphen as a hyphen and as an underscore.
fn spellings(name: &str) -> Vec<String> {
    let mut spellings = vec![String::new()];
    for char in dashed(name).chars() {
        let with = |spelling: &String, char: char| format!("{spelling}{char}");
        spellings = if char == '-' {
            let underscored = spellings.iter().map(|spelling| with(spelling, '_'));
            spellings.iter().map(|spelling| with(spelling, '-')).chain(underscored).collect()
        } else {
            spellings.iter().map(|spelling| with(spelling, char)).collect()
        };
    }
    spellings
}

/// One member's name in a JSON Pointer (RFC 6901 section 3).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(pairs: &[(&str, &str)]) -> Result<Identity, ConfigError> {
        let pairs = pairs.iter().map(|&(claim, header)| (claim.to_owned(), header.to_owned()));
        Identity::build("sub".to_owned(), pairs.collect(), &["authorization".to_owned()])
    }

    #[test]
    fn every_spelling_with_underscores_is_removed() {
        let identity = build(&[("sub", "X-Auth-Sub")]).unwrap();
        assert_eq!(identity.spoofable, ["x-auth-sub", "x_auth-sub", "x-auth_sub", "x_auth_sub"]);
    }

    #[test]
    fn a_header_of_the_host_or_of_the_token_cannot_be_set() {
        for name in ["Host", "transfer-encoding", "Authorization", "cookie", "a b", "", "x\r\ny"] {
            let error = build(&[("sub", name)]).unwrap_err();
            assert_eq!(error.pointer, "/claims_to_headers/sub", "{name}");
        }
    }

    #[test]
    fn two_claims_cannot_share_a_header() {
        let error = build(&[("a", "x-user_id"), ("b/c~", "X_User-Id")]).unwrap_err();
        assert_eq!(error.pointer, "/claims_to_headers/b~1c~0");
    }

    #[test]
    fn a_value_with_control_characters_or_outer_spaces_is_not_a_field_value() {
        for value in ["a\r\nx: y", "a\0", "a\tb", "\u{7f}", "a\u{85}", " a", "a "] {
            assert!(!is_field_value(value), "{value:?}");
        }
        for value in ["", "a b", "ä", "{\"a\":[1]}"] {
            assert!(is_field_value(value), "{value:?}");
        }
    }
}

//! A token taken apart, not yet believed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::algorithm::Algorithm;
use crate::claims::Claims;
use crate::refusal::{Part, Refusal};

/// A JSON Web Token in the compact form (RFC 7515 section 7.1) whose parts could be read.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    /// The first two parts with the dot between them: what was signed.
    pub(crate) message: &'a str,
    /// The third part, in base64url.
    pub(crate) signature: &'a str,
    /// How it says it was signed.
    pub(crate) algorithm: Algorithm,
    /// Which key it says was used.
    pub(crate) kid: Option<String>,
    /// What it claims.
    pub(crate) claims: Claims,
    /// The claims as the issuer wrote them, in JSON.
    pub(crate) payload: String,
}

/// The members of a JOSE header that matter. Keys that a token brings along (`jwk`, `jku`, `x5c`,
/// `x5u`) do not: whoever forges a token can add them.
#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    /// Present even if null.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    pub(crate) fn read(text: &'a str) -> Result<Self, Refusal> {
        let (message, signature) = text.rsplit_once('.').ok_or(Refusal::Malformed(Part::Json))?;
        let (header, payload) = message.split_once('.').ok_or(Refusal::Malformed(Part::Json))?;
        let header = read_header(header)?;
        let payload = decode(payload).ok_or(Refusal::Malformed(Part::Json))?;
        let payload = String::from_utf8(payload).ok().ok_or(Refusal::Malformed(Part::Json))?;
        Ok(Self {
            message,
            signature,
            algorithm: header.0,
            kid: header.1,
            claims: Claims::read(&payload).map_err(Refusal::Malformed)?,
            payload,
        })
    }
}

fn read_header(part: &str) -> Result<(Algorithm, Option<String>), Refusal> {
    let json = decode(part).ok_or(Refusal::Malformed(Part::Json))?;
    // Serde would take a list of values for a struct, too.
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err(Refusal::Malformed(Part::Json));
    }
    let header: Header =
        serde_json::from_slice(&json).ok().ok_or(Refusal::Malformed(Part::Json))?;
    let algorithm = header
        .alg
        .and_then(|name| Algorithm::by_name(&name))
        .ok_or(Refusal::Malformed(Part::Algorithm))?;
    if header.crit {
        return Err(Refusal::Malformed(Part::Critical));
    }
    Ok((algorithm, header.kid))
}

/// Base64url without padding; anything else, a dot included, is nothing.
pub(crate) fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, payload: &str) -> String {
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
    }

    #[track_caller]
    fn check_refused(text: &str, part: Part) {
        let refusal = Token::read(text).err();
        assert_eq!(refusal, Some(Refusal::Malformed(part)), "{text}");
    }

    #[test]
    fn the_example_of_rfc_7515_appendix_a_1_is_taken_apart() {
        let text = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9\
            .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ\
            .dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let token = Token::read(text).unwrap();
        assert_eq!(token.algorithm, Algorithm::Hs256);
        assert_eq!(token.kid, None);
        assert_eq!(token.signature, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(
            token.payload,
            "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"
        );
    }

    #[test]
    fn anything_but_three_parts_is_refused() {
        let whole = token(r#"{"alg":"HS256"}"#, "{}");
        let two = whole.rsplit_once('.').unwrap().0;
        for text in
            ["", ".", "..", "...", "a.b.c", two, &format!("{whole}.e30"), &format!(".{whole}")]
        {
            check_refused(text, Part::Json);
        }
    }

    #[test]
    fn an_encrypted_token_with_its_five_parts_is_refused() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#);
        let text = format!("{header}.a2V5.aXY.Y2lwaGVy.dGFn");
        assert!(Token::read(&text).is_err());
    }

    #[test]
    fn padding_and_the_other_alphabet_are_refused() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
        for payload in ["e30=", "e3 0", "+/+/", "e30\n"] {
            check_refused(&format!("{header}.{payload}.c2ln"), Part::Json);
        }
    }

    #[test]
    fn the_algorithm_none_is_refused_in_every_spelling() {
        for alg in ["none", "None", "NONE", "nOnE", ""] {
            let text = token(&format!(r#"{{"alg":"{alg}"}}"#), "{}");
            check_refused(&text, Part::Algorithm);
        }
    }

    #[test]
    fn a_header_without_an_algorithm_is_refused() {
        check_refused(&token("{}", "{}"), Part::Algorithm);
        check_refused(&token(r#"{"alg":null}"#, "{}"), Part::Algorithm);
        check_refused(&token(r#"{"alg":["HS256"]}"#, "{}"), Part::Json);
    }

    #[test]
    fn a_header_that_names_the_algorithm_twice_is_refused() {
        check_refused(&token(r#"{"alg":"HS256","alg":"none"}"#, "{}"), Part::Json);
    }

    #[test]
    fn any_critical_extension_is_refused() {
        for crit in [r#"["exp"]"#, r#"["b64"]"#, "[]", "null", "1"] {
            let text = token(&format!(r#"{{"alg":"HS256","crit":{crit},"b64":false}}"#), "{}");
            check_refused(&text, Part::Critical);
        }
    }

    #[test]
    fn a_header_that_is_not_an_object_is_refused() {
        for header in ["[]", "[\"HS256\"]", "1", "\"alg\"", "null", "{", "{}{}"] {
            check_refused(&token(header, "{}"), Part::Json);
        }
    }

    #[test]
    fn claims_that_are_not_utf_8_are_refused() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
        let payload = URL_SAFE_NO_PAD.encode(b"{\"sub\":\"\xff\"}");
        check_refused(&format!("{header}.{payload}.c2ln"), Part::Json);
    }
}

//! Why a request does not pass, in words that the client can act on.

use std::fmt::Write as _;

/// A reason to answer in place of the upstream.
///
/// The texts are those of Kong's plugin of the same name, wherever it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no token.
    NoToken,
    /// There are tokens that differ.
    SeveralTokens,
    /// The token is longer than `max_token_bytes`.
    TooLong,
    /// The token cannot be read.
    Malformed(Part),
    /// The token has no `iss`, and every issuer has one.
    NoIssuer,
    /// No issuer has this `iss`.
    UnknownIssuer,
    /// The issuer has no key for this `kid`.
    UnknownKey,
    /// The issuer has keys, but none for this algorithm.
    WrongAlgorithm,
    /// None of the keys made this signature.
    WrongSignature,
    /// The token is for somebody else.
    WrongAudience,
    /// `exp` or `nbf` does not hold.
    Time(TimeClaim, TimeFault),
    /// A required claim is absent.
    MissingClaim(String),
    /// A required scope is absent; all that are required, separated by spaces.
    MissingScope(String),
}

/// A part of a token that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Not three parts of base64url with JSON objects in the first two.
    Json,
    /// The header names no algorithm, or an unknown one, or `none`.
    Algorithm,
    /// The header lists an extension that must be understood (RFC 7515 section 4.1.11).
    Critical,
    /// The claims are not an object, or name one claim twice (RFC 7519 section 4).
    Claims,
    /// The signature is not base64url.
    Signature,
}

/// A claim that holds an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeClaim {
    /// `exp`, RFC 7519 section 4.1.4.
    Expiry,
    /// `nbf`, RFC 7519 section 4.1.5.
    NotBefore,
}

/// What is wrong with such a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeFault {
    /// Required but absent, or not a number.
    NotANumber,
    /// The instant is over.
    Expired,
    /// The instant is yet to come.
    TooEarly,
    /// The instant is further away than `max_lifetime`.
    TooFar,
}

impl TimeClaim {
    const fn name(self) -> &'static str {
        match self {
            Self::Expiry => "exp",
            Self::NotBefore => "nbf",
        }
    }
}

impl TimeFault {
    const fn text(self) -> &'static str {
        match self {
            Self::NotANumber => "must be a number",
            Self::Expired => "token expired",
            Self::TooEarly => "token not valid yet",
            Self::TooFar => "exceeds maximum allowed expiration",
        }
    }
}

impl Refusal {
    /// 403 if the caller is known but may not, 401 otherwise.
    pub(crate) const fn status(&self) -> u16 {
        match self {
            Self::MissingScope(_) => 403,
            _ => 401,
        }
    }

    /// One sentence for the client. Nothing in it comes from the request.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::NoToken => "Unauthorized".to_owned(),
            Self::SeveralTokens => "Multiple tokens provided".to_owned(),
            Self::TooLong => "Bad token; too long".to_owned(),
            Self::Malformed(Part::Json) => "Bad token; invalid JSON".to_owned(),
            Self::Malformed(Part::Algorithm) => "Bad token; invalid alg".to_owned(),
            Self::Malformed(Part::Critical) => "Bad token; unsupported crit".to_owned(),
            Self::Malformed(Part::Claims) => "Bad token; invalid claims".to_owned(),
            Self::Malformed(Part::Signature) => "Bad token; invalid signature".to_owned(),
            Self::NoIssuer => "No mandatory 'iss' in claims".to_owned(),
            Self::UnknownIssuer => "No credentials found for given 'iss'".to_owned(),
            Self::UnknownKey => "No credentials found for given 'kid'".to_owned(),
            Self::WrongAlgorithm => "Invalid algorithm".to_owned(),
            Self::WrongSignature => "Invalid signature".to_owned(),
            Self::WrongAudience => "Invalid audience".to_owned(),
            Self::Time(claim, fault) => format!("{}: {}", claim.name(), fault.text()),
            Self::MissingClaim(claim) => format!("No mandatory '{claim}' in claims"),
            Self::MissingScope(_) => "Insufficient scope".to_owned(),
        }
    }

    /// The JSON body. A time claim has Kong's member of its own name beside the message.
    pub(crate) fn body(&self, request_id: &str) -> String {
        let mut body = serde_json::Map::new();
        if let Self::Time(claim, fault) = self {
            body.insert(claim.name().to_owned(), fault.text().into());
        }
        body.insert("message".to_owned(), self.message().into());
        body.insert("request_id".to_owned(), request_id.into());
        serde_json::Value::Object(body).to_string()
    }

    /// The value of `WWW-Authenticate` (RFC 6750 section 3); `realm` holds neither quotes nor
    /// backslashes.
    pub(crate) fn challenge(&self, realm: &str) -> String {
        let mut challenge = format!("Bearer realm=\"{realm}\"");
        let Some(code) = self.code() else {
            return challenge;
        };
        let description = describable(&self.message());
        // Writing to a text cannot fail.
        let _ = write!(challenge, ", error=\"{code}\", error_description=\"{description}\"");
        if let Self::MissingScope(scopes) = self {
            let _ = write!(challenge, ", scope=\"{scopes}\"");
        }
        challenge
    }

    /// RFC 6750 section 3.1: a request without a token gets no error code.
    const fn code(&self) -> Option<&'static str> {
        match self {
            Self::NoToken => None,
            Self::SeveralTokens => Some("invalid_request"),
            Self::MissingScope(_) => Some("insufficient_scope"),
            _ => Some("invalid_token"),
        }
    }
}

/// RFC 6750 section 3: a description holds visible ASCII and spaces, no quote and no backslash.
fn describable(text: &str) -> String {
    text.chars()
        .map(|char| match char {
            '"' | '\\' => '\'',
            ' '..='~' => char,
            _ => '?',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_a_token_gets_a_challenge_without_an_error() {
        assert_eq!(Refusal::NoToken.challenge("api"), "Bearer realm=\"api\"");
        assert_eq!(Refusal::NoToken.body("r1"), r#"{"message":"Unauthorized","request_id":"r1"}"#);
    }

    #[test]
    fn a_bad_token_gets_a_code_and_a_description() {
        assert_eq!(
            Refusal::Malformed(Part::Algorithm).challenge("api"),
            "Bearer realm=\"api\", error=\"invalid_token\", \
             error_description=\"Bad token; invalid alg\""
        );
    }

    #[test]
    fn several_tokens_are_an_invalid_request() {
        assert_eq!(
            Refusal::SeveralTokens.challenge("api"),
            "Bearer realm=\"api\", error=\"invalid_request\", \
             error_description=\"Multiple tokens provided\""
        );
    }

    #[test]
    fn a_missing_scope_is_forbidden_and_says_which_are_needed() {
        let refusal = Refusal::MissingScope("orders:read orders:write".to_owned());
        assert_eq!(refusal.status(), 403);
        assert_eq!(
            refusal.challenge("api"),
            "Bearer realm=\"api\", error=\"insufficient_scope\", \
             error_description=\"Insufficient scope\", scope=\"orders:read orders:write\""
        );
    }

    #[test]
    fn an_expired_token_is_told_so_under_the_claims_own_name() {
        assert_eq!(
            Refusal::Time(TimeClaim::Expiry, TimeFault::Expired).body("r1"),
            r#"{"exp":"token expired","message":"exp: token expired","request_id":"r1"}"#
        );
    }

    #[test]
    fn a_claims_name_cannot_break_out_of_the_description() {
        let refusal = Refusal::MissingClaim("a\"\\b\r\nü".to_owned());
        assert_eq!(
            refusal.challenge("api"),
            "Bearer realm=\"api\", error=\"invalid_token\", \
             error_description=\"No mandatory 'a''b???' in claims\""
        );
    }
}

//! Lets requests pass whose JSON Web Token (RFC 7519) is right, and tells who sent them.
//!
//! ```text
//! carrier   where the token is in the request
//! token     taken apart, not yet believed
//! issuer    whose it says it is: keyring (signature), then rules (claims)
//! identity  what the upstream and later plugins are told
//! refusal   what the client is told otherwise
//! ```

mod algorithm;
mod carrier;
mod claims;
mod config;
mod duration;
mod identity;
mod issuer;
mod key;
mod keyring;
mod provider;
mod refusal;
mod rules;
mod token;

#[cfg(test)]
mod tests;

use tidegate_plugin::{
    Answer, ConfigError, OnRequest, Plugin, RequestAction, clock, exchange, log, request,
};

use carrier::Carriers;
use config::Config;
use identity::Identity;
use issuer::Issuer;
use refusal::Refusal;
use rules::{Rules, Written};
use token::Token;

/// The plugin with one configuration.
struct Jwt {
    /// In the order of the file; no two have the same `iss`.
    issuers: Vec<Issuer>,
    carriers: Carriers,
    max_token_bytes: usize,
    identity: Identity,
    realm: String,
    absence: Absence,
    preflight: Preflight,
    afterwards: Afterwards,
}

/// What becomes of a request without a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Absence {
    Refused,
    Passed,
}

/// What becomes of a CORS preflight request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Preflight {
    Judged,
    Passed,
}

/// What becomes of a token that was believed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Afterwards {
    Forwarded,
    Removed,
}

impl Plugin for Jwt {
    type Config = Config;

    const SUMMARY: &'static str = "Requires a JSON Web Token and tells who sent it";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        provider::install();
        check_realm(&config.realm)?;
        if !(64..=65_536).contains(&config.max_token_bytes) {
            return Err(ConfigError::at("/max_token_bytes", "must be from 64 to 65536"));
        }
        let general = Rules::default().with(Written {
            leeway: config.leeway,
            require_exp: config.require_exp,
            max_lifetime: config.max_lifetime,
            require_claims: config.require_claims,
            require_scopes: config.require_scopes,
        })?;
        let carriers = Carriers::build(config.tokens).map_err(|error| error.within("/tokens"))?;
        let identity =
            Identity::build(config.consumer_claim, config.claims_to_headers, &carriers.headers)?;
        Ok(Self {
            issuers: build_issuers(config.issuers, &general)?,
            carriers,
            max_token_bytes: config.max_token_bytes,
            identity,
            realm: config.realm,
            absence: if config.optional { Absence::Passed } else { Absence::Refused },
            preflight: if config.run_on_preflight { Preflight::Judged } else { Preflight::Passed },
            afterwards: if config.forward_token {
                Afterwards::Forwarded
            } else {
                Afterwards::Removed
            },
        })
    }
}

impl OnRequest for Jwt {
    fn on_request(&self) -> RequestAction {
        self.identity.strip();
        match self.admit() {
            Ok(Ok(())) => RequestAction::Forward,
            Ok(Err(error)) => {
                log::error(format!("a caller cannot be made known: {error}"));
                failed().into()
            }
            Err(refusal) => self.refused(&refusal).into(),
        }
    }
}

impl Jwt {
    /// Whether the request passes; the inner error is ours, not the client's.
    fn admit(&self) -> Result<Result<(), String>, Refusal> {
        if self.preflight == Preflight::Passed && is_preflight() {
            return Ok(Ok(()));
        }
        let Some(text) = self.carriers.find()? else {
            return match self.absence {
                Absence::Passed => Ok(Ok(())),
                Absence::Refused => Err(Refusal::NoToken),
            };
        };
        if text.len() > self.max_token_bytes {
            return Err(Refusal::TooLong);
        }
        let token = Token::read(&text)?;
        let issuer = self.issuer_of(&token)?;
        issuer.judge(&token, now_s())?;
        Ok(self.believe(&token, issuer))
    }

    /// The issuer with the token's `iss`; the one without, for a token without.
    fn issuer_of(&self, token: &Token<'_>) -> Result<&Issuer, Refusal> {
        let is_absent = token.claims.get("iss").is_none();
        let iss = token.claims.text("iss");
        self.issuers
            .iter()
            .find(|issuer| issuer.iss.as_deref() == iss && issuer.iss.is_none() == is_absent)
            .ok_or(if is_absent { Refusal::NoIssuer } else { Refusal::UnknownIssuer })
    }

    fn believe(&self, token: &Token<'_>, issuer: &Issuer) -> Result<(), String> {
        if self.afterwards == Afterwards::Removed {
            self.carriers.empty()?;
        }
        self.identity.tell(token, issuer)
    }

    fn refused(&self, refusal: &Refusal) -> Answer {
        Answer::new(refusal.status())
            .header("www-authenticate", refusal.challenge(&self.realm))
            .header("content-type", "application/json")
            .body(refusal.body(&exchange::id()))
    }
}

/// What the client sees of a fault that is not its own.
fn failed() -> Answer {
    let body = serde_json::json!({
        "message": "An unexpected error occurred",
        "request_id": exchange::id(),
    });
    Answer::json(500, &body)
}

/// A CORS preflight request of the Fetch standard, section 3.2.2.
fn is_preflight() -> bool {
    request::method() == "OPTIONS"
        && !request::header_values("origin").is_empty()
        && !request::header_values("access-control-request-method").is_empty()
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 stay below 2^53")]
fn now_s() -> f64 {
    clock::unix_ms() as f64 / 1000.0
}

fn build_issuers(
    configs: Vec<config::Issuer>,
    general: &Rules,
) -> Result<Vec<Issuer>, ConfigError> {
    let mut issuers: Vec<Issuer> = Vec::with_capacity(configs.len());
    for (at, config) in configs.into_iter().enumerate() {
        let issuer = Issuer::build(config, general)
            .map_err(|error| error.within(&format!("/issuers/{at}")))?;
        if issuers.iter().any(|other| other.iss == issuer.iss) {
            return Err(match issuer.iss {
                Some(_) => ConfigError::at(
                    format!("/issuers/{at}/iss"),
                    "another issuer has the same `iss`; put all keys into one, as `keys`",
                ),
                None => ConfigError::at(
                    format!("/issuers/{at}"),
                    "only one issuer may be without `iss`",
                ),
            });
        }
        issuers.push(issuer);
    }
    if issuers.is_empty() {
        return Err(ConfigError::at("/issuers", "without an issuer no token could ever pass"));
    }
    Ok(issuers)
}

/// The inside of a quoted string (RFC 9110 section 5.6.4) that needs no escapes.
fn check_realm(realm: &str) -> Result<(), ConfigError> {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if !realm.is_empty() && realm.bytes().all(is_plain) {
        Ok(())
    } else {
        let text = "a realm is visible ASCII without quotes and backslashes, and not empty";
        Err(ConfigError::at("/realm", text))
    }
}

tidegate_plugin::export!(Jwt: OnRequest);

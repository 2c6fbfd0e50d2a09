//! Somebody whose tokens are believed.

use tidegate_plugin::ConfigError;

use crate::config;
use crate::keyring::Keyring;
use crate::refusal::Refusal;
use crate::rules::{Rules, Written};
use crate::token::Token;

/// One issuer, ready to judge tokens.
#[derive(Debug)]
pub(crate) struct Issuer {
    /// What `iss` is in its tokens; absent if they have none.
    pub(crate) iss: Option<String>,
    /// Goes before the consumer's name.
    pub(crate) consumer_prefix: String,
    audience: Audience,
    keys: Keyring,
    rules: Rules,
}

/// Who a token must be for.
#[derive(Debug)]
enum Audience {
    /// It must not name anybody.
    Unnamed,
    /// It must name one of these.
    OneOf(Vec<String>),
    /// It does not matter.
    Any,
}

impl Issuer {
    /// Makes the keys and rules ready; pointers are relative to the issuer's table.
    pub(crate) fn build(config: config::Issuer, general: &Rules) -> Result<Self, ConfigError> {
        let keys = Keyring::of(&config)?;
        let audience = match (config.audience, config.any_audience) {
            (None, false) => Audience::Unnamed,
            (None, true) => Audience::Any,
            (Some(_), true) => {
                let text = "`audience` says already who tokens must be for";
                return Err(ConfigError::at("/any_audience", text));
            }
            (Some(audience), false) => match Vec::from(audience) {
                names if names.is_empty() => {
                    let text = "an empty list would refuse every token";
                    return Err(ConfigError::at("/audience", text));
                }
                names => Audience::OneOf(names),
            },
        };
        let rules = general.with(Written {
            leeway: config.leeway,
            require_exp: config.require_exp,
            max_lifetime: config.max_lifetime,
            require_claims: config.require_claims,
            require_scopes: config.require_scopes,
        })?;
        Ok(Self { iss: config.iss, consumer_prefix: config.consumer_prefix, audience, keys, rules })
    }

    /// Whether the token is this issuer's, for us, and in force. The signature comes first: what
    /// an unsigned claim says is nobody's business.
    pub(crate) fn judge(&self, token: &Token<'_>, now_s: f64) -> Result<(), Refusal> {
        self.keys.verify(token)?;
        let is_for_us = match &self.audience {
            Audience::Unnamed => token.claims.get("aud").is_none(),
            Audience::OneOf(names) => token.claims.is_for(names),
            Audience::Any => true,
        };
        if !is_for_us {
            return Err(Refusal::WrongAudience);
        }
        self.rules.check(&token.claims, now_s)
    }
}

//! The keys of one issuer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::Value;
use tidegate_plugin::{ConfigError, log};

use crate::algorithm::Algorithm;
use crate::config;
use crate::key::{self, Key, Member, Usage};
use crate::refusal::Refusal;
use crate::token::Token;

/// As many keys as one issuer may have: a token without `kid` may have to be tried with each.
const KEYS_MAX: usize = 64;

/// Keys in the order in which they are tried. Never empty.
#[derive(Debug)]
pub(crate) struct Keyring(Vec<Key>);

impl Keyring {
    /// All keys that the issuer's table has; pointers are relative to it.
    pub(crate) fn of(issuer: &config::Issuer) -> Result<Self, ConfigError> {
        if issuer.algorithms.as_ref().is_some_and(Vec::is_empty) {
            return Err(ConfigError::at("/algorithms", "at least one algorithm must be allowed"));
        }
        let usage = Usage {
            allowed: issuer.algorithms.as_deref(),
            short_secret: issuer.allow_short_secret,
        };
        let mut keys = Vec::new();
        if let Some((name, key)) = inline(
            issuer.secret.as_deref(),
            issuer.secret_base64.as_deref(),
            issuer.public_key.as_deref(),
        )? {
            keys.push(bind(key, None, usage, format!("/{name}"))?);
        }
        for (at, config) in issuer.keys.iter().enumerate() {
            keys.push(single(config, usage).map_err(|error| error.within(&format!("/keys/{at}")))?);
        }
        if let Some(jwks) = &issuer.jwks {
            keys.extend(set(jwks, usage)?);
        }
        match keys.len() {
            0 => Err(ConfigError::whole(
                "the issuer has no key: give it `secret`, `secret_base64`, `public_key`, `jwks` or `keys`",
            )),
            1..=KEYS_MAX => Ok(Self(keys)),
            many => {
                Err(ConfigError::whole(format!("the issuer has {many} keys, more than {KEYS_MAX}")))
            }
        }
    }

    /// Whether one of the keys made the token's signature.
    ///
    /// The token's `kid` chooses among keys that have one; keys without a name serve for any
    /// `kid` that no key has. Among those chosen, each that fits the token's algorithm is tried.
    pub(crate) fn verify(&self, token: &Token<'_>) -> Result<(), Refusal> {
        let mut chosen = self.chosen(token.kid.as_deref()).peekable();
        if chosen.peek().is_none() {
            return Err(Refusal::UnknownKey);
        }
        let mut refusal = Refusal::WrongAlgorithm;
        for key in chosen.filter(|key| key.fits(token.algorithm)) {
            if key.signed(token)? {
                return Ok(());
            }
            refusal = Refusal::WrongSignature;
        }
        Err(refusal)
    }

    fn chosen<'a>(&'a self, kid: Option<&'a str>) -> impl Iterator<Item = &'a Key> {
        let is_known = kid.is_some() && self.0.iter().any(|key| key.kid.as_deref() == kid);
        self.0.iter().filter(move |key| match kid {
            None => true,
            Some(_) if is_known => key.kid.as_deref() == kid,
            Some(_) => key.kid.is_none(),
        })
    }
}

/// The one key among three ways to write it, with the name of the way.
fn inline(
    secret: Option<&str>,
    secret_base64: Option<&str>,
    public_key: Option<&str>,
) -> Result<Option<(&'static str, DecodingKey)>, ConfigError> {
    let given = [
        secret.map(|text| ("secret", Key::secret(text.as_bytes()))),
        secret_base64.map(|text| ("secret_base64", from_base64(text))),
        public_key.map(|text| ("public_key", Key::pem(text))),
    ];
    let mut given = given.into_iter().flatten();
    let Some((name, key)) = given.next() else {
        return Ok(None);
    };
    if let Some((other, _)) = given.next() {
        let text = format!("beside `{name}`; put each key into a table of its own in `keys`");
        return Err(ConfigError::at(format!("/{other}"), text));
    }
    let key = key.map_err(|message| ConfigError::at(format!("/{name}"), message))?;
    Ok(Some((name, key)))
}

fn single(config: &config::Key, usage: Usage<'_>) -> Result<Key, ConfigError> {
    if config.algorithms.as_ref().is_some_and(Vec::is_empty) {
        return Err(ConfigError::at("/algorithms", "at least one algorithm must be allowed"));
    }
    let allowed: Option<&[Algorithm]> = config.algorithms.as_deref().or(usage.allowed);
    let (name, key) = inline(
        config.secret.as_deref(),
        config.secret_base64.as_deref(),
        config.public_key.as_deref(),
    )?
    .ok_or_else(|| {
        ConfigError::whole("a key is one of `secret`, `secret_base64` and `public_key`")
    })?;
    bind(key, config.kid.clone(), Usage { allowed, ..usage }, format!("/{name}"))
}

fn bind(
    key: DecodingKey,
    kid: Option<String>,
    usage: Usage<'_>,
    pointer: String,
) -> Result<Key, ConfigError> {
    Key::bind(key, kid, None, usage).map_err(|message| ConfigError::at(pointer, message))
}

/// Either alphabet, with or without padding.
fn from_base64(text: &str) -> Result<DecodingKey, String> {
    let plain: String = text
        .trim()
        .trim_end_matches('=')
        .chars()
        .map(|char| match char {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    let secret = STANDARD_NO_PAD.decode(plain).ok().ok_or("not base64")?;
    Key::secret(&secret)
}

fn set(jwks: &config::Jwks, usage: Usage<'_>) -> Result<Vec<Key>, ConfigError> {
    let whole = |message: String| ConfigError::at("/jwks", message);
    let parsed: Value;
    let members = match jwks {
        config::Jwks::Table(table) => table.get("keys"),
        config::Jwks::Text(text) => {
            parsed = serde_json::from_str(text)
                .map_err(|error| whole(format!("not a JWK Set in JSON: {error}")))?;
            parsed.get("keys")
        }
    };
    let members = members
        .and_then(Value::as_array)
        .ok_or_else(|| whole("not a JWK Set: it has no list `keys`".to_owned()))?;

    let mut keys = Vec::new();
    let mut left_out = Vec::new();
    for (at, member) in members.iter().enumerate() {
        match key::from_jwk(member, usage) {
            Ok(Member::Key(key)) => keys.push(*key),
            Ok(Member::LeftOut(reason)) => {
                log::warn(format!("key {at} of a JWK Set is left out: {reason}"));
                left_out.push(format!("key {at}: {reason}"));
            }
            Err(message) => {
                return Err(whole(format!("key {at} {message}")));
            }
        }
    }
    if keys.is_empty() {
        let reasons = left_out.join("; ");
        return Err(whole(format!("none of the keys can be used: {reasons}")));
    }
    Ok(keys)
}

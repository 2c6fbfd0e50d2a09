//! The `config` table as the operator writes it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::algorithm::Algorithm;
use crate::duration::Duration;

/// Room for a token with some 60 groups in it; request heads end at 32 KiB by default.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// What challenges call the protected space unless the operator has a name for it.
const REALM: &str = "api";

/// The claim that names the caller (RFC 7519 section 4.1.2).
const CONSUMER_CLAIM: &str = "sub";

/// The configuration of the plugin.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "these are switches in a file")]
pub(crate) struct Config {
    /// Whose tokens are believed; at least one.
    #[schemars(length(min = 1))]
    pub(crate) issuers: Vec<Issuer>,
    /// Where to look for a token.
    #[serde(default)]
    pub(crate) tokens: Tokens,
    /// The longest token that is looked at, in bytes, from 64 to 65536.
    #[serde(default = "max_token_bytes")]
    #[schemars(range(min = 64, max = 65536))]
    pub(crate) max_token_bytes: usize,
    /// How far the issuers' clocks may be off, for `exp` and `nbf`; none by default.
    #[serde(default)]
    pub(crate) leeway: Option<Duration>,
    /// Whether a token must have `exp`; it must by default.
    #[serde(default)]
    pub(crate) require_exp: Option<bool>,
    /// How far away `exp` may be at most; as far as it likes by default.
    #[serde(default)]
    pub(crate) max_lifetime: Option<Duration>,
    /// Claims that a token must have; a name, or a JSON Pointer if it begins with a slash.
    #[serde(default)]
    pub(crate) require_claims: Option<Vec<String>>,
    /// Scopes that a token must grant, all of them, in `scope` or `scp`; else the answer is 403.
    #[serde(default)]
    pub(crate) require_scopes: Option<Vec<String>>,
    /// The claim whose value becomes the attribute `consumer`.
    #[serde(default = "consumer_claim")]
    pub(crate) consumer_claim: String,
    /// Request headers to set from claims: claim to header. What the client sent under these
    /// names is always removed.
    #[serde(default)]
    pub(crate) claims_to_headers: BTreeMap<String, String>,
    /// The `realm` in challenges.
    #[serde(default = "realm")]
    pub(crate) realm: String,
    /// Whether a request without any token may pass, without a consumer.
    #[serde(default)]
    pub(crate) optional: bool,
    /// Whether CORS preflight requests, which browsers send without credentials, need a token too.
    #[serde(default = "yes")]
    pub(crate) run_on_preflight: bool,
    /// Whether the upstream gets to see the token.
    #[serde(default = "yes")]
    pub(crate) forward_token: bool,
}

/// Where to look for a token; all places are looked at.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tokens {
    /// Names of headers. In `authorization` the scheme `Bearer` is required, elsewhere optional.
    pub(crate) headers: Vec<String>,
    /// Names of query parameters. They end up in logs and histories: prefer headers.
    pub(crate) query: Vec<String>,
    /// Names of cookies.
    pub(crate) cookies: Vec<String>,
}

impl Default for Tokens {
    fn default() -> Self {
        Self { headers: vec!["authorization".to_owned()], query: Vec::new(), cookies: Vec::new() }
    }
}

/// Somebody whose tokens are believed. At least one key is needed, in any of the five ways.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Issuer {
    /// What `iss` must be, to the letter. Without it this entry is for tokens without `iss`.
    pub(crate) iss: Option<String>,
    /// Who a token must be for: one of these must be in `aud`. Without it a token with `aud` is
    /// refused (RFC 7519 section 4.1.3).
    pub(crate) audience: Option<OneOrMany>,
    /// Accepts tokens for anybody; not together with `audience`.
    pub(crate) any_audience: bool,
    /// The algorithms that may be used, as far as the keys are able to. By default HS256 for
    /// secrets, RS256 for RSA, the curve's own for the rest, and for a JWK what its `alg` says.
    #[schemars(length(min = 1))]
    pub(crate) algorithms: Option<Vec<Algorithm>>,
    /// A shared secret, as text.
    pub(crate) secret: Option<String>,
    /// A shared secret in base64 or base64url.
    pub(crate) secret_base64: Option<String>,
    /// A public RSA, EC or Ed25519 key, or a certificate with one, in PEM.
    pub(crate) public_key: Option<String>,
    /// A JWK Set (RFC 7517 section 5), as a table or as JSON text.
    pub(crate) jwks: Option<Jwks>,
    /// More keys, each with a name and algorithms of its own.
    pub(crate) keys: Vec<Key>,
    /// Accepts secrets that are shorter than RFC 7518 section 3.2 demands.
    pub(crate) allow_short_secret: bool,
    /// In place of the plugin's `leeway`.
    pub(crate) leeway: Option<Duration>,
    /// In place of the plugin's `require_exp`.
    pub(crate) require_exp: Option<bool>,
    /// In place of the plugin's `max_lifetime`.
    pub(crate) max_lifetime: Option<Duration>,
    /// In place of the plugin's `require_claims`.
    pub(crate) require_claims: Option<Vec<String>>,
    /// In place of the plugin's `require_scopes`.
    pub(crate) require_scopes: Option<Vec<String>>,
    /// Goes before the consumer's name, so that two issuers cannot name the same consumer.
    pub(crate) consumer_prefix: String,
}

/// One key; exactly one of `secret`, `secret_base64` and `public_key`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Key {
    /// The name that tokens ask for with `kid`.
    pub(crate) kid: Option<String>,
    /// In place of the issuer's `algorithms`.
    #[schemars(length(min = 1))]
    pub(crate) algorithms: Option<Vec<Algorithm>>,
    /// A shared secret, as text.
    pub(crate) secret: Option<String>,
    /// A shared secret in base64 or base64url.
    pub(crate) secret_base64: Option<String>,
    /// A public RSA, EC or Ed25519 key, or a certificate with one, in PEM.
    pub(crate) public_key: Option<String>,
}

/// A text, or a list of them.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    /// One.
    One(String),
    /// Any of them.
    Many(Vec<String>),
}

impl From<OneOrMany> for Vec<String> {
    fn from(texts: OneOrMany) -> Self {
        match texts {
            OneOrMany::One(text) => vec![text],
            OneOrMany::Many(texts) => texts,
        }
    }
}

/// A JWK Set.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Jwks {
    /// As JSON.
    Text(String),
    /// As a table with `keys`.
    Table(BTreeMap<String, Value>),
}

const fn max_token_bytes() -> usize {
    MAX_TOKEN_BYTES
}

const fn yes() -> bool {
    true
}

fn consumer_claim() -> String {
    CONSUMER_CLAIM.to_owned()
}

fn realm() -> String {
    REALM.to_owned()
}

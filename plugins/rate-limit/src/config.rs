//! The configuration as the operator writes it.

use schemars::JsonSchema;
use serde::Deserialize;

/// What `config` holds: one limit, written directly, or several in `limits`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Several limits at once; a request must have room in all of them. From 1 to 16.
    pub limits: Option<Vec<LimitConfig>>,
    /// The only limit's name; see `limits`.
    pub name: Option<String>,
    /// The only limit's requests in a period; see `limits`.
    pub limit: Option<u32>,
    /// The only limit's period; see `limits`.
    pub per: Option<String>,
    /// The only limit's rate as nginx writes it; see `limits`.
    pub rate: Option<String>,
    /// The only limit's algorithm; see `limits`.
    pub algorithm: Option<Algorithm>,
    /// What may come at once beside the only limit; see `limits`.
    pub burst: Option<u32>,
    /// Whether the only limit's excess waits; see `limits`.
    pub nodelay: Option<bool>,
    /// How much of the only limit's excess does not wait; see `limits`.
    pub delay: Option<u32>,
    /// Whose requests the only limit counts together; see `limits`.
    pub by: Option<By>,
    /// Bits of an IPv4 address that tell clients apart, from 0 to 32.
    pub ipv4_prefix: u8,
    /// Bits of an IPv6 address that tell clients apart, from 0 to 128.
    pub ipv6_prefix: u8,
    /// What happens if a request lacks what `by` names.
    pub missing_key: MissingKey,
    /// What happens if the gateway has no room for another counter.
    pub on_unavailable: OnUnavailable,
    /// Which headers tell the client where it stands.
    pub headers: HeaderFamily,
    /// The status of a refusal, from 400 to 599.
    pub status: u16,
    /// The `message` of a refusal's body.
    pub message: String,
    /// Counts and reports, but refuses and delays nobody.
    pub dry_run: bool,
    /// Who is not limited.
    pub skip: Skip,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: None,
            name: None,
            limit: None,
            per: None,
            rate: None,
            algorithm: None,
            burst: None,
            nodelay: None,
            delay: None,
            by: None,
            ipv4_prefix: IPV4_PREFIX,
            ipv6_prefix: IPV6_PREFIX,
            missing_key: MissingKey::Refuse,
            on_unavailable: OnUnavailable::Refuse,
            headers: HeaderFamily::Both,
            status: STATUS,
            message: MESSAGE.to_owned(),
            dry_run: false,
            skip: Skip::default(),
        }
    }
}

/// A whole IPv4 address: networks of several customers share shorter prefixes.
const IPV4_PREFIX: u8 = 32;

/// What one customer is given at least (RFC 6177 section 2); longer prefixes would let a client
/// choose from 2^64 addresses of its own.
const IPV6_PREFIX: u8 = 64;

/// Too Many Requests, RFC 6585 section 4.
const STATUS: u16 = 429;

/// The text that clients of Kong know.
const MESSAGE: &str = "API rate limit exceeded";

/// One limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitConfig {
    /// What headers and metrics call it, at most 64 visible ASCII characters without `"` and `\`;
    /// unique. By default the period, such as `minute`.
    pub name: Option<String>,
    /// Requests in a period, at least 1.
    pub limit: Option<u32>,
    /// `second`, `minute`, `hour`, `day`, or a number with one of the units `ms`, `s`, `m`, `h`
    /// and `d`, such as `10s`; at most 365 days.
    pub per: Option<String>,
    /// In place of `limit` and `per`, as nginx writes it: `10r/s` or `30r/m`.
    /// The algorithm is `leaky`.
    pub rate: Option<String>,
    /// How requests are counted; `sliding` by default, `leaky` with `rate`.
    pub algorithm: Option<Algorithm>,
    /// For `token`, how many may come at once (at least 1; `limit` by default). For `leaky`, how
    /// many may be in excess of the rate (0 by default).
    pub burst: Option<u32>,
    /// For `leaky`: requests in excess do not wait for their turn.
    pub nodelay: Option<bool>,
    /// For `leaky`: so many requests in excess do not wait, the others do.
    pub delay: Option<u32>,
    /// Whose requests are counted together; `ip` by default.
    pub by: Option<By>,
}

/// How requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// Windows begin at whole multiples of their length since 1970-01-01T00:00:00Z.
    Fixed,
    /// Never more than the limit in any span of the period's length.
    Sliding,
    /// A bucket of `burst` tokens that gains `limit` tokens a period.
    Token,
    /// nginx's `limit_req`.
    Leaky,
}

/// Whose requests are counted together: one of `ip`, `consumer`, `header:<name>`,
/// `claim:<name>`, `query:<name>`, `route`, `path`, `method` and `global`, or a list of them,
/// which counts each combination.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum By {
    /// One property.
    One(String),
    /// A combination of properties.
    All(Vec<String>),
}

/// What happens if a request lacks what `by` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MissingKey {
    /// It is refused: 403 without a consumer or claim, 400 without a header or parameter.
    Refuse,
    /// The limit does not apply to it.
    Skip,
    /// The client's address stands in for what is missing.
    Ip,
}

/// What happens if the gateway has no room for another counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnUnavailable {
    /// The request is answered with 503.
    Refuse,
    /// The request goes on, unlimited.
    Admit,
}

/// Which headers tell the client where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HeaderFamily {
    /// `X-RateLimit-Limit-Minute` and the like, `RateLimit-Limit`, `RateLimit-Remaining` and
    /// `RateLimit-Reset`.
    Kong,
    /// `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers.
    Ietf,
    /// Both of them.
    Both,
    /// No header at all, `Retry-After` included.
    None,
}

/// Who is not limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Skip {
    /// Addresses and networks such as `10.0.0.0/8`.
    pub ip: Vec<String>,
    /// Names of consumers.
    pub consumer: Vec<String>,
}

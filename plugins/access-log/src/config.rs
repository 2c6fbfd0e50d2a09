//! The configuration as the operator writes it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::field::Field;

/// What `config` holds.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How a line looks; `json` by default, `template` if there is a template.
    pub format: Option<FormatName>,
    /// For the format `template`: text with variables such as `$status` and
    /// `${header_user-agent}`; `$$` is a dollar sign.
    pub template: Option<String>,
    /// Where lines go: `stdout`, `stderr`, or a name among the `outputs` of gateway.toml.
    pub output: String,
    /// For the format `json`: the members of a line, in this order.
    pub fields: Option<Vec<Field>>,
    /// For the format `json`: request headers, as members of `request_headers`.
    pub request_headers: Vec<String>,
    /// For the format `json`: response headers, as members of `response_headers`.
    pub response_headers: Vec<String>,
    /// For the format `json`: attributes of the exchange, as members of `attributes`.
    pub attributes: Vec<String>,
    /// Headers, query parameters and attributes whose values are never shown, in place of the
    /// built-in names; an empty list shows everything.
    pub redact: Option<Vec<String>>,
    /// More of such names.
    pub redact_also: Vec<String>,
    /// The share of exchanges that are logged, from 0.0 to 1.0.
    pub sample: f64,
    /// What is logged whatever the share says: a status such as `404`, a class such as `5xx`,
    /// `failed` or `incomplete`.
    pub always: Vec<String>,
    /// Exchanges that take at least this long are logged whatever the share says: a number with
    /// one of the units `ms`, `s` and `m`.
    pub slow: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            format: None,
            template: None,
            output: "stdout".to_owned(),
            fields: None,
            request_headers: Vec::new(),
            response_headers: Vec::new(),
            attributes: Vec::new(),
            redact: None,
            redact_also: Vec::new(),
            sample: 1.0,
            // Whoever samples wants fewer lines about what went well.
            always: vec!["5xx".to_owned(), "failed".to_owned()],
            slow: None,
        }
    }
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FormatName {
    /// One JSON object a line.
    Json,
    /// The combined format of nginx and Apache.
    Combined,
    /// The text of `template`.
    Template,
}

//! What can be told about every exchange.

use schemars::JsonSchema;
use serde::Deserialize;
use tidegate_plugin::{Source, Summary, exchange, request};

use crate::redact::Redaction;
use crate::value::Value;

/// A fact under a name that does not change between versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// When the request's head was in; RFC 3339 in UTC with milliseconds.
    Time,
    /// The same moment as `21/Nov/2026:03:51:29 +0000`.
    TimeLocal,
    /// The request id.
    RequestId,
    /// The route's name.
    Route,
    /// The client's IP address.
    Client,
    /// The request's method.
    Method,
    /// `http` or `https`.
    Scheme,
    /// The host that the client asked for.
    Host,
    /// The canonical path.
    Path,
    /// The query, with credentials redacted.
    Query,
    /// `HTTP/1.0`, `HTTP/1.1` or `HTTP/2`.
    Version,
    /// Method, target and version as nginx shows them: `GET /a?b=c HTTP/2.0`.
    Request,
    /// The response's status.
    Status,
    /// Who answered: `upstream`, `plugin` or `gateway`.
    Source,
    /// Why the exchange failed; absent if it did not.
    Failure,
    /// From the request's head to the last byte of the response, in milliseconds.
    DurationMs,
    /// Until the upstream's response head, in milliseconds; absent if there was none.
    UpstreamMs,
    /// Bytes of the request's body.
    RequestBytes,
    /// Bytes of the response's body.
    ResponseBytes,
    /// The upstream's name.
    Upstream,
    /// The address of the endpoint that was asked last.
    Endpoint,
    /// How many endpoints were asked.
    Attempts,
    /// The caller's name.
    Consumer,
    /// The request's `User-Agent`.
    UserAgent,
    /// The request's `Referer`, with credentials in its query redacted.
    Referer,
    /// Whether the whole response was handed over.
    Complete,
    /// `TLSv1.2` or `TLSv1.3`; absent on a plain connection.
    Tls,
}

impl Field {
    /// All of them; in the order of a JSON line.
    pub(crate) const ALL: [Self; 27] = [
        Self::Time,
        Self::TimeLocal,
        Self::RequestId,
        Self::Route,
        Self::Client,
        Self::Method,
        Self::Scheme,
        Self::Host,
        Self::Path,
        Self::Query,
        Self::Version,
        Self::Request,
        Self::Status,
        Self::Source,
        Self::Failure,
        Self::DurationMs,
        Self::UpstreamMs,
        Self::RequestBytes,
        Self::ResponseBytes,
        Self::Upstream,
        Self::Endpoint,
        Self::Attempts,
        Self::Consumer,
        Self::UserAgent,
        Self::Referer,
        Self::Complete,
        Self::Tls,
    ];

    /// The members of a JSON line unless the operator chooses: all but those that repeat others.
    pub(crate) fn default_list() -> Vec<Self> {
        let repeats = [Self::TimeLocal, Self::Request];
        Self::ALL.into_iter().filter(|field| !repeats.contains(field)).collect()
    }

    /// As written in the configuration and in a line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::TimeLocal => "time_local",
            Self::RequestId => "request_id",
            Self::Route => "route",
            Self::Client => "client",
            Self::Method => "method",
            Self::Scheme => "scheme",
            Self::Host => "host",
            Self::Path => "path",
            Self::Query => "query",
            Self::Version => "version",
            Self::Request => "request",
            Self::Status => "status",
            Self::Source => "source",
            Self::Failure => "failure",
            Self::DurationMs => "duration_ms",
            Self::UpstreamMs => "upstream_ms",
            Self::RequestBytes => "request_bytes",
            Self::ResponseBytes => "response_bytes",
            Self::Upstream => "upstream",
            Self::Endpoint => "endpoint",
            Self::Attempts => "attempts",
            Self::Consumer => "consumer",
            Self::UserAgent => "user_agent",
            Self::Referer => "referer",
            Self::Complete => "complete",
            Self::Tls => "tls",
        }
    }

    /// Asks the host for this fact, and for no other.
    pub(crate) fn value<'a>(self, summary: &'a Summary, redaction: &Redaction) -> Value<'a> {
        match self {
            Self::Time => Value::Time(summary.received_at_ms),
            Self::TimeLocal => Value::TimeLocal(summary.received_at_ms),
            Self::RequestId => Value::text(exchange::id()),
            Self::Route => Value::text(exchange::route()),
            Self::Client => Value::text(exchange::client().address),
            Self::Method => Value::text(request::method()),
            Self::Scheme => Value::text(request::scheme()),
            Self::Host => Value::some(Some(request::host()).filter(|host| !host.is_empty())),
            Self::Path => Value::text(request::path()),
            Self::Query => Value::some(query(redaction)),
            Self::Version => Value::text(request::version()),
            Self::Request => Value::text(request_line(redaction)),
            Self::Status => Value::Number(summary.status.into()),
            Self::Source => Value::Text(source(summary.source).into()),
            Self::Failure => Value::borrowed(summary.failure.as_deref()),
            Self::DurationMs => Value::Micros(summary.duration_us),
            Self::UpstreamMs => summary.upstream_us.map_or(Value::Absent, Value::Micros),
            Self::RequestBytes => Value::Number(summary.request_body_bytes),
            Self::ResponseBytes => Value::Number(summary.response_body_bytes),
            Self::Upstream => Value::borrowed(summary.upstream.as_deref()),
            Self::Endpoint => Value::borrowed(summary.endpoint.as_deref()),
            Self::Attempts => Value::Number(summary.attempts.into()),
            Self::Consumer => Value::attribute(exchange::attribute("consumer")),
            Self::UserAgent => Value::lines(request::header_values("user-agent")),
            Self::Referer => {
                Value::lines(request::header_values("referer")).without_credentials(redaction)
            }
            Self::Complete => Value::Truth(summary.complete),
            Self::Tls => Value::some(exchange::tls().map(|tls| tls.version)),
        }
    }
}

const fn source(source: Source) -> &'static str {
    match source {
        Source::Upstream => "upstream",
        Source::Plugin => "plugin",
        Source::Handler => "handler",
        Source::Gateway => "gateway",
    }
}

fn query(redaction: &Redaction) -> Option<String> {
    request::query().map(|query| redaction.query(query))
}

/// The request as nginx's `$request` shows it.
fn request_line(redaction: &Redaction) -> String {
    let mut line = request::method();
    line.push(' ');
    line.push_str(&request::path());
    if let Some(query) = query(redaction) {
        line.push('?');
        line.push_str(&query);
    }
    line.push(' ');
    let version = request::version();
    line.push_str(&version);
    // The minor version is in every line of nginx, and in the patterns of those who read them.
    if !version.contains('.') {
        line.push_str(".0");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::Field;

    #[test]
    fn a_field_is_configured_by_the_name_that_it_has_in_a_line() {
        for field in Field::ALL {
            let json = format!("\"{}\"", field.name());
            assert_eq!(serde_json::from_str::<Field>(&json).unwrap(), field);
        }
    }
}

//! The tables `[upstreams.<name>]`.

use std::time::Duration;

use http::header::{self, HeaderName, HeaderValue};

use super::admission::{self, Keys};
use super::endpoints::Endpoints;
use super::limits::WAIT_RANGE;
use super::names::Names;
use super::tree::Kind;
use super::value::{Entry, Text, Value, each};
use super::{
    Endpoint, Finding, HealthCheck, HostPolicy, Identity, Owner, PipelineEntry, Probe, Protocol,
    ProxyVersion, Retry, Upstream, UpstreamId, UpstreamTls,
};
use super::{balancing, breaker, canary, destination, host, pipeline, retry};

/// One lost SYN is sent again after 1 s, a second one after 3 s; a healthy network needs neither.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Longer than a page that anyone waits for, shorter than the route's whole time, so that the
/// answer says who was slow.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Shorter than the 75 s after which common servers close an idle connection, so that we close
/// first and never send into a closing one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Of an endpoint that has none: all share alike.
const WEIGHT: u32 = 1;

/// Finer than any share of traffic that can be told apart.
const WEIGHT_MAX: u32 = 65_535;

/// Endpoints of one upstream. More than one name stands for; turns count with 16 bits.
const ENDPOINTS_MAX: usize = 10_000;

/// What bounds the requests of an upstream.
const REQUESTS: Keys =
    Keys { at_once: "max_requests", queue: "queue", queue_timeout: "queue_timeout" };

/// Nobody waits unless it is said: a queue hides that an upstream is too slow.
const QUEUE: usize = 0;

/// Of a URL without one (RFC 9110 section 4.2).
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

/// The upstream of this id, and the pipeline that routes to it end with.
pub(super) fn read(
    entry: &Entry<'_>,
    id: UpstreamId,
    plugins: &Names<'_>,
) -> Option<(Upstream, Vec<PipelineEntry>)> {
    let wait = |value: &Value<'_>| value.duration(&WAIT_RANGE);
    let mut table = entry.value.table()?;
    let Endpoints { all: endpoints, at: place } = super::endpoints::read(&mut table);
    let balancing = balancing::read(&mut table);
    let connect_timeout = table.or("connect_timeout", CONNECT_TIMEOUT, wait);
    let response_timeout = table.or("response_timeout", RESPONSE_TIMEOUT, wait);
    let idle_timeout = table.or("idle_timeout", IDLE_TIMEOUT, wait);
    let host = table.or("host", HostPolicy::Client, host_policy);
    let pipeline = table.or("pipeline", Vec::new(), |value| {
        let called = format!("upstream `{}`", entry.key);
        pipeline::read(value, &called, Owner::Upstream(id), plugins)
    });
    let deadline_header =
        table.or("deadline_header", None, |value| deadline_header(value).map(Some));
    let retry = table.or("retry", Some(Retry::default()), retry::read);
    let breaker = table.or("breaker", None, |value| breaker::read(value).map(Some));
    let admission = admission::read(&mut table, &REQUESTS, QUEUE);
    let protocol = table.or("protocol", Protocol::default(), |value| {
        value.one_of(&[("http/1.1", Protocol::Http1), ("h2", Protocol::Http2)])
    });
    let proxy_protocol = table.or("proxy_protocol", None, |value| {
        Some(Some(if value.integer(1..=2)? == 1 { ProxyVersion::V1 } else { ProxyVersion::V2 }))
    });
    let tls = table.take("tls");
    table.end();
    let is_https = endpoints.as_ref().map(|all| all.iter().any(|endpoint| endpoint.is_https));
    let tls = match (&tls, place, is_https) {
        (Some(value), _, is_https) => tls_of(value, is_https).map(Some),
        (None, Some(place), Some(true)) => {
            let at = place.clone();
            Some(Some(UpstreamTls { ca: None, server_name: None, identity: None, at }))
        }
        (None, ..) => Some(None),
    };
    if is_https == Some(true)
        && let Some(Some(HealthCheck { probe: Probe::Grpc { .. }, .. })) =
            balancing.as_ref().map(|balancing| &balancing.health)
    {
        let finding =
            entry.value.finding("checks by `grpc` are not encrypted, but an endpoint is `https`");
        return entry.value.refuse(finding.hint("write `health = { tcp = true }`"));
    }
    let upstream = Upstream {
        name: entry.key.to_owned(),
        endpoints: endpoints?,
        connect_timeout: connect_timeout?,
        response_timeout: response_timeout?,
        idle_timeout: idle_timeout?,
        host: host?,
        protocol: protocol?,
        proxy_protocol: proxy_protocol?,
        tls: tls?,
        balancing: balancing?,
        deadline_header: deadline_header?,
        retry: retry?,
        breaker: breaker?,
        admission: admission?,
    };
    Some((upstream, pipeline?))
}

/// `is_https` says whether one of the endpoints is, if that is known.
fn tls_of(value: &Value<'_>, is_https: Option<bool>) -> Option<UpstreamTls> {
    let mut table = value.table()?;
    let ca = table.or("ca", None, |value| value.check.path(value).map(Some));
    let server_name = table.or("server_name", None, |value| server_name(value).map(Some));
    let identity = match (table.take("certificate"), table.take("key")) {
        (None, None) => Some(None),
        (Some(certificate), Some(key)) => identity(&certificate, &key).map(Some),
        (Some(_), None) => {
            drop(table.need("key", "\"gateway-key.pem\""));
            None
        }
        (None, Some(_)) => {
            drop(table.need("certificate", "\"gateway.pem\""));
            None
        }
    };
    table.end();
    if is_https == Some(false) {
        let finding = value.finding("`tls` has no effect, because no endpoint is `https`");
        return value.refuse(finding.hint("write `https://` where the endpoints are encrypted"));
    }
    Some(UpstreamTls {
        ca: ca?,
        server_name: server_name?,
        identity: identity?,
        at: value.at().clone(),
    })
}

fn identity(certificate: &Value<'_>, key: &Value<'_>) -> Option<Identity> {
    let (certificate, key) = (certificate.check.path(certificate), key.check.path(key));
    Some(Identity { certificate: certificate?, key: key? })
}

fn server_name(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    match host::canonical(&text.value) {
        Ok(name) => Some(name.trim_start_matches('[').trim_end_matches(']').to_owned()),
        Err(reason) => {
            let message = format!("{} cannot be the name of a server: {reason}", text.quoted());
            value.refuse(value.finding(message))
        }
    }
}

pub(super) fn endpoints(value: &Value<'_>) -> Option<Vec<Endpoint>> {
    let endpoints = each(&value.some_items()?, endpoint)?;
    if endpoints.len() > ENDPOINTS_MAX {
        let message = format!("there are {} endpoints", endpoints.len());
        let finding = value.finding(message).label(format!("{ENDPOINTS_MAX} at most"));
        return value.refuse(finding);
    }
    if endpoints.iter().all(|endpoint| endpoint.weight == 0) {
        let finding = value.finding("every endpoint has weight 0");
        return value.refuse(finding.label("nothing would get traffic"));
    }
    Some(endpoints)
}

fn endpoint(value: &Value<'_>) -> Option<Endpoint> {
    if let Kind::Text(_) = value.node.kind {
        let Url { is_https, host, port } = url(value)?;
        return Some(Endpoint { is_https, host, port, weight: WEIGHT, priority: 0 });
    }
    let Kind::Table(_) = value.node.kind else {
        return value.wrong("a URL or a table with `url` and `weight`");
    };
    let mut table = value.table()?;
    let address = table.need("url", "\"http://127.0.0.1:9001\"").and_then(|value| url(&value));
    let weight = table.or("weight", WEIGHT, |value| value.integer(0..=WEIGHT_MAX));
    let priority = table.or("priority", 0, |value| value.integer(0..=u8::MAX));
    table.end();
    let Url { is_https, host, port } = address?;
    Some(Endpoint { is_https, host, port, weight: weight?, priority: priority? })
}

/// Of an endpoint.
struct Url {
    is_https: bool,
    /// Without brackets.
    host: String,
    port: u16,
}

/// The findings do not quote the URL: it may hold a password that should not be there.
fn url(value: &Value<'_>) -> Option<Url> {
    let text = value.text()?;
    match parse(&text) {
        Ok(address) => Some(address),
        Err((message, hint)) => {
            let finding: Finding = value.finding(message);
            value.refuse(finding.maybe_hint(hint))
        }
    }
}

pub(super) type Fault = (String, Option<String>);

fn parse(text: &Text<'_>) -> Result<Url, Fault> {
    let Some((scheme, rest)) = text.value.split_once("://") else {
        let hint = match text.literal() {
            Some(literal) => format!("write `http://{literal}`"),
            None => "write `http://host:port`".to_owned(),
        };
        return Err(("the URL has no scheme".to_owned(), Some(hint)));
    };
    let is_https = scheme.eq_ignore_ascii_case("https");
    if !is_https && !scheme.eq_ignore_ascii_case("http") {
        return Err(("the scheme of an endpoint must be `http` or `https`".to_owned(), None));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        let hint = "credentials belong in a header; a plugin can add it";
        return Err(("an endpoint has no user and password".to_owned(), Some(hint.to_owned())));
    }
    if !matches!(path, "" | "/") {
        let hint = "to add or change a path, use `rewrite` in the route";
        return Err((
            "an endpoint has no path, query or fragment".to_owned(),
            Some(hint.to_owned()),
        ));
    }
    let (host, port) = host_and_port(authority)?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = port.unwrap_or(if is_https { HTTPS_PORT } else { HTTP_PORT });
    Ok(Url { is_https, host, port })
}

/// The canonical host, and the port if there is one.
pub(super) fn host_and_port(authority: &str) -> Result<(String, Option<u16>), Fault> {
    let colon = authority
        .rfind(':')
        .filter(|colon| authority.rfind(']').is_none_or(|bracket| bracket < *colon));
    let (host, port) = match colon.map(|colon| authority.split_at(colon)) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => (authority, None),
    };
    let host = host::canonical(host)
        .map_err(|reason| (format!("the URL has no valid host: {reason}"), None))?;
    let Some(port) = port else { return Ok((host, None)) };
    match port.parse::<u16>() {
        Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok((host, Some(number)))
        }
        _ => Err(("the port must be from 1 to 65535".to_owned(), None)),
    }
}

fn deadline_header(value: &Value<'_>) -> Option<HeaderName> {
    let name = canary::header(value)?;
    if name == header::HOST || destination::REFUSED_FIELDS.contains(&name) {
        let finding = value.finding(format!("the header `{name}` cannot hold a deadline"));
        let hint = "write a name of its own, such as `x-deadline-ms`, or `grpc-timeout`";
        return value.refuse(finding.label("the gateway takes care of it").hint(hint));
    }
    Some(name)
}

pub(super) fn host_policy(value: &Value<'_>) -> Option<HostPolicy> {
    let text = value.text()?;
    match text.value.as_ref() {
        "client" => return Some(HostPolicy::Client),
        "endpoint" => return Some(HostPolicy::Endpoint),
        _ => {}
    }
    let fixed = host_and_port(&text.value).map(|(host, port)| match port {
        Some(port) => format!("{host}:{port}"),
        None => host,
    });
    if let Some(fixed) = fixed.ok().and_then(|text| HeaderValue::from_str(&text).ok()) {
        return Some(HostPolicy::Fixed(fixed));
    }
    let finding = value.finding(format!("{} is not a host", text.quoted()));
    value.refuse(finding.hint("write `client`, `endpoint`, or a host such as `api.example.com`"))
}

//! The tables `[[routes]]`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::check::Check;
use super::compression;
use super::limits::{WAIT_RANGE, body_bytes};
use super::names::{self, Names, Unique};
use super::value::{Value, each};
use super::{Destination, Finding, HostMatcher, Matcher, Owner, PathMatcher};
use super::{
    Rewrite, Route, RouteCompression, ValueMatcher, destination, matcher, pipeline, upgrade,
};

/// From the request's head read to the last byte of the response: twice the 30 s that an upstream
/// has for its head, so that its own timeout speaks first and a page has time to arrive.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Reads `routes` of all files, each with its own pipeline alone.
pub(super) fn read(
    check: &Check<'_>,
    arrays: &[Value<'_>],
    upstreams: &Names<'_>,
    plugins: &Names<'_>,
) -> Option<Vec<Route>> {
    let mut unique = Unique::new("route");
    let routes = each(arrays, |array| {
        each(&array.tables()?, |value| route(value, &mut unique, upstreams, plugins))
    });
    let routes: Vec<Route> = routes?.into_iter().flatten().collect();
    if routes.is_empty() {
        let finding = Finding::about(check.sources.name(0), "there is no route");
        check.warn(finding.hint("every request is answered with 404"));
    }
    warn_of_shadowed(check, &routes);
    Some(routes)
}

fn route(
    value: &Value<'_>,
    unique: &mut Unique,
    upstreams: &Names<'_>,
    plugins: &Names<'_>,
) -> Option<Route> {
    let mut table = value.table()?;
    let name_at = table.need("name", "\"users\"");
    let name = name_at.as_ref().and_then(|value| names::read(value, "a route"));
    if let (Some(name), Some(place)) = (&name, &name_at) {
        unique.add(value.check, place.at(), name);
    }
    let called = match name_at.as_ref().and_then(Value::quoted) {
        Some(name) => format!("route {name}"),
        None => "the route".to_owned(),
    };
    let allow_encoded_slash = table.or("allow_encoded_slash", false, Value::boolean);
    let encoded_slash = allow_encoded_slash.unwrap_or(true);
    let match_at = table.need("match", "{ path = \"/\" }");
    let matcher = match_at.as_ref().and_then(|value| matcher::read(value, encoded_slash));
    let rewrite_at = table.take("rewrite");
    let pipeline = table
        .or("pipeline", Vec::new(), |value| pipeline::read(value, &called, Owner::Route, plugins));
    let gateway_pipeline = table.or("gateway_pipeline", true, Value::boolean);
    let (destination, handler_at) = match destination::read(&mut table, &called, upstreams, plugins)
    {
        Some((destination, at)) => (Some(destination), at),
        None => (None, None),
    };
    let rewrite = rewrite_at.map_or(Some(None), |value| {
        let matched = matcher.as_ref().map(|matcher| &matcher.path);
        rewrite(&value, matched, destination.as_ref(), encoded_slash).map(Some)
    });
    let compression = table.or("compression", RouteCompression::Inherited, |value| {
        compression::read(value).map(RouteCompression::Own)
    });
    let upgrade =
        table.or("upgrade", upgrade::default(), |value| upgrade::read(value, destination.as_ref()));
    let timeout = table.or("timeout", TIMEOUT, |value| value.duration(&WAIT_RANGE));
    let request_body_bytes = table.or("request_body", None, |value| body_bytes(value).map(Some));
    table.end();
    let at = match_at.as_ref().map_or(value.at(), Value::at);
    Some(Route {
        name: name?,
        matcher: matcher?,
        rewrite: rewrite?,
        pipeline: pipeline?,
        gateway_pipeline: gateway_pipeline?,
        destination: destination?,
        timeout: timeout?,
        request_body_bytes: request_body_bytes?,
        allow_encoded_slash: allow_encoded_slash?,
        compression: compression?,
        upgrade: upgrade?,
        at: at.clone(),
        handler_at: handler_at.unwrap_or_else(|| at.clone()),
    })
}

fn rewrite(
    value: &Value<'_>,
    matched: Option<&PathMatcher>,
    destination: Option<&Destination>,
    encoded_slash: bool,
) -> Option<Rewrite> {
    if let Some(Destination::Fixed(_) | Destination::Redirect(_)) = destination {
        let finding = value.finding("`rewrite` works only with `upstream` and `handler`");
        return value.refuse(finding.label("nothing is forwarded here"));
    }
    destination::rewrite(value, matched, encoded_slash)
}

/// Of two routes with the same match, the second never gets a request.
fn warn_of_shadowed(check: &Check<'_>, routes: &[Route]) {
    let mut first: BTreeMap<String, &Route> = BTreeMap::new();
    for route in routes {
        let Some(winner) = first.get(&identity(&route.matcher)) else {
            first.insert(identity(&route.matcher), route);
            continue;
        };
        let message = format!("route `{}` never gets a request", route.name);
        let finding = check.sources.finding(&route.at, message);
        let hint = format!(
            "route `{}` at {} has the same match and comes first",
            winner.name,
            check.sources.line_of(&winner.at)
        );
        check.warn(finding.hint(hint));
    }
}

/// The same for matchers that take the same requests in the same rank.
fn identity(matcher: &Matcher) -> String {
    let value = |value: &ValueMatcher| match value {
        ValueMatcher::Present => "present".to_owned(),
        ValueMatcher::Exact(text) => format!("is {text:?}"),
        ValueMatcher::Regex(regex) => format!("like {:?}", regex.as_str()),
    };
    let path = match &matcher.path {
        PathMatcher::Exact(path) => format!("is {path:?}"),
        PathMatcher::Prefix(path) => format!("below {path:?}"),
        PathMatcher::Regex(regex) => format!("like {:?}", regex.as_str()),
    };
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list.dedup();
        list
    };
    let host = |host: &HostMatcher| match host {
        HostMatcher::Exact(host) | HostMatcher::Suffix(host) => host.clone(),
    };
    let headers = matcher.headers.iter().map(|m| format!("{} {}", m.name, value(&m.value)));
    let query = matcher.query.iter().map(|m| format!("{:?} {}", m.name, value(&m.value)));
    format!(
        "{:?}",
        (
            path,
            sorted(matcher.hosts.iter().map(host).collect()),
            sorted(matcher.methods.iter().map(ToString::to_string).collect()),
            sorted(headers.collect()),
            sorted(query.collect()),
        )
    )
}

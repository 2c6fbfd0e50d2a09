//! The tables `[[routes]]`.

use std::collections::btree_map::{BTreeMap, Entry};
use std::time::Duration;

use super::check::Check;
use super::compression;
use super::destination::Known;
use super::limits::{WAIT_RANGE, body_bytes};
use super::names::{self, Names, Unique};
use super::rewrite::Rewriting;
use super::table::Table;
use super::value::{Value, each};
use super::{Destination, Finding, HeaderEdits, HostMatcher, Matcher, Mirror, Owner, PathMatcher};
use super::{PrefixMode, Route, RouteCompression, Segment, ValueMatcher};
use super::{destination, header_edits, matcher, mirror, pipeline, rewrite, upgrade};

/// From the request's head read to the last byte of the response: twice the 30 s that an upstream
/// has for its head, so that its own timeout speaks first and a page has time to arrive.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Those whose rules a prefix may follow.
const PREFIX_MODES: [(&str, PrefixMode); 2] =
    [("kong", PrefixMode::Kong), ("nginx", PrefixMode::Nginx)];

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
    let mode = table.or("prefix_mode", None, |value| value.one_of(&PREFIX_MODES).map(Some));
    // nginx decodes them or passes them on.
    let takes_slashes = matches!(mode, Some(Some(PrefixMode::Nginx)));
    let allow_encoded_slash = table.or("allow_encoded_slash", takes_slashes, Value::boolean);
    let encoded_slash = allow_encoded_slash.unwrap_or(true);
    let match_at = table.need("match", "{ path = \"/\" }");
    let matcher =
        match_at.as_ref().zip(mode).and_then(|(at, mode)| match_of(at, encoded_slash, mode));
    let matched = matcher.as_ref().map(|matcher| &matcher.path);
    let rewrite_at = table.take("rewrite");
    let pipeline = table
        .or("pipeline", Vec::new(), |value| pipeline::read(value, &called, Owner::Route, plugins));
    let gateway_pipeline = table.or("gateway_pipeline", true, Value::boolean);
    let known = Known { upstreams, plugins, matched, encoded_slash };
    let (destination, handler_at) = match destination::read(&mut table, &called, known) {
        Some((destination, at)) => (Some(destination), at),
        None => (None, None),
    };
    let fit = rewrite::Fit { matched, encoded_slash, mode: mode.flatten() };
    let rewriting = forwarded(rewrite_at.as_ref(), "rewrite", destination.as_ref())
        .and_then(|()| rewrite::read(rewrite_at.as_ref(), &fit));
    if let (Some(Destination::Handler(_)), Some(Rewriting { host: Some(_), .. }), Some(value)) =
        (&destination, &rewriting, &rewrite_at)
    {
        let finding = value.finding("`rewrite.host` works only with `upstream`");
        value.check.refuse(finding.label("a handler is no host"));
    }
    let edits = Edits::read(&mut table, &called, destination.as_ref(), upstreams);
    let compression = table.or("compression", RouteCompression::Inherited, |value| {
        compression::read(value).map(RouteCompression::Own)
    });
    let upgrade =
        table.or("upgrade", upgrade::default(), |value| upgrade::read(value, destination.as_ref()));
    let timeout = table.or("timeout", TIMEOUT, |value| value.duration(&WAIT_RANGE));
    let request_body_bytes = table.or("request_body", None, |value| body_bytes(value).map(Some));
    table.end();
    let at = match_at.as_ref().map_or(value.at(), Value::at);
    let (rewriting, edits) = (rewriting?, edits?);
    let matcher = matcher.map(|matcher| without_bare(matcher, destination.as_ref()));
    Some(Route {
        name: name?,
        matcher: matcher?,
        rewrite: rewriting.path,
        host: rewriting.host,
        request_headers: edits.request,
        response_headers: edits.response,
        mirror: edits.mirror,
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

/// The match, with a prefix if other gateways' rules hold for it.
fn match_of(value: &Value<'_>, encoded_slash: bool, mode: Option<PrefixMode>) -> Option<Matcher> {
    let matcher = matcher::read(value, encoded_slash, mode)?;
    // Without a condition for the path there is the prefix of all.
    match (mode, &matcher.path) {
        (None, _) | (Some(_), PathMatcher::Start { .. }) => Some(matcher),
        (Some(_), PathMatcher::Prefix(all)) => {
            let path = PathMatcher::Start { text: all.clone(), bare: false };
            Some(Matcher { path, ..matcher })
        }
        (Some(_), PathMatcher::Exact(_) | PathMatcher::Regex(_) | PathMatcher::Pattern(_)) => {
            let finding = value.finding("`prefix_mode` needs a route that matches a prefix");
            value.refuse(finding.hint("without it `exact`, `pattern` and `regex` work"))
        }
    }
}

/// Only what forwards is redirected to where its location begins.
fn without_bare(mut matcher: Matcher, destination: Option<&Destination>) -> Matcher {
    if let (
        PathMatcher::Start { bare, .. },
        Some(Destination::Fixed(_) | Destination::Redirect(_)),
    ) = (&mut matcher.path, destination)
    {
        *bare = false;
    }
    matcher
}

/// Refuses a key where nothing is forwarded.
fn forwarded(
    value: Option<&Value<'_>>,
    key: &str,
    destination: Option<&Destination>,
) -> Option<()> {
    match (value, destination) {
        (Some(value), Some(Destination::Fixed(_) | Destination::Redirect(_))) => {
            let message = format!("`{key}` works only with `upstream` and `handler`");
            value.refuse(value.finding(message).label("nothing is forwarded here"))
        }
        _ => Some(()),
    }
}

/// What a route does beside sending requests on.
struct Edits {
    request: HeaderEdits,
    response: HeaderEdits,
    mirror: Option<Mirror>,
}

impl Edits {
    fn read(
        table: &mut Table<'_>,
        route: &str,
        destination: Option<&Destination>,
        upstreams: &Names<'_>,
    ) -> Option<Self> {
        let request_at = table.take("request_headers");
        let request =
            forwarded(request_at.as_ref(), "request_headers", destination).and_then(|()| {
                request_at.as_ref().map_or(Some(HeaderEdits::default()), header_edits::read)
            });
        let response = table.or("response_headers", HeaderEdits::default(), header_edits::read);
        let mirror = table.or("mirror", None, |value| {
            if let Some(
                Destination::Fixed(_) | Destination::Redirect(_) | Destination::Handler(_),
            ) = destination
            {
                let finding = value.finding("`mirror` works only with `upstream`");
                return value.refuse(finding.label("nothing is forwarded here"));
            }
            mirror::read(value, route, upstreams).map(Some)
        });
        Some(Self { request: request?, response: response?, mirror: mirror? })
    }
}

/// Of two routes with the same match, the second never gets a request.
fn warn_of_shadowed(check: &Check<'_>, routes: &[Route]) {
    let mut first: BTreeMap<String, &Route> = BTreeMap::new();
    for route in routes {
        let winner = match first.entry(identity(&route.matcher)) {
            Entry::Vacant(none) => {
                none.insert(route);
                continue;
            }
            Entry::Occupied(winner) => *winner.get(),
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
        PathMatcher::Start { text, .. } => format!("begins {text:?}"),
        // What parameters are called makes no difference.
        PathMatcher::Pattern(pattern) => {
            let shown = pattern.segments().iter().map(|segment| match segment {
                Segment::Literal(text) => text.as_str(),
                Segment::Parameter(_) => "{}",
                Segment::Rest(_) => "{+}",
            });
            format!("pattern {:?}", shown.collect::<Vec<_>>())
        }
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
            sorted(matcher.clients.iter().map(ToString::to_string).collect()),
            sorted(matcher.snis.iter().map(ToString::to_string).collect()),
        )
    )
}

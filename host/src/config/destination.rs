//! Where a route ends up: the keys `upstream`, `handler`, `respond`, `redirect` and `rewrite`.

use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};

use super::names::Names;
use super::table::Table;
use super::tree::Kind;
use super::value::{Entry, Value, each};
use super::{
    Destination, FixedResponse, Location, PathMatcher, PluginId, Redirect, Rewrite, UpstreamId,
};
use super::{host, matcher, path, suggest};

/// The ways that exclude each other.
const WAYS: [&str; 4] = ["upstream", "handler", "respond", "redirect"];

/// Found, not moved for good: a browser keeps a 301 for months, mistakes included. It is what the
/// Gateway API has as its default, too.
const REDIRECT_STATUS: StatusCode = StatusCode::FOUND;

/// The statuses that carry a `Location` for the client to follow.
const REDIRECT_STATUSES: [u16; 5] = [301, 302, 303, 307, 308];

/// Fields that are the gateway's business (RFC 9110 sections 7.6.1 and 8.6).
pub(super) const REFUSED_FIELDS: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::PROXY_AUTHENTICATE,
];

/// Reads the one destination of a route, which messages call `route`, with the place of a handler.
pub(super) fn read(
    table: &mut Table<'_>,
    route: &str,
    upstreams: &Names<'_>,
    plugins: &Names<'_>,
) -> Option<(Destination, Option<Location>)> {
    let given: Vec<(&str, Value<'_>)> =
        WAYS.into_iter().filter_map(|way| Some((way, table.take(way)?))).collect();
    if let [(first, _), (second, place), ..] = given.as_slice() {
        let message = format!("{route} has both `{first}` and `{second}`");
        let finding = place.finding(message).label("a route has one destination");
        return place.refuse(finding);
    }
    let Some((way, value)) = given.first() else {
        let finding = table.finding(format!("{route} leads nowhere"));
        return table.refuse(finding.hint(format!("add one of {}", suggest::list(WAYS))));
    };
    let destination = match *way {
        "upstream" => upstreams
            .find(value, &format!("{route} sends to"))
            .map(|index| Destination::Upstream(UpstreamId(index))),
        "handler" => plugins
            .find(value, &format!("{route} is answered by"))
            .map(|index| Destination::Handler(PluginId(index))),
        "respond" => respond(value).map(Destination::Fixed),
        _ => redirect(value).map(Destination::Redirect),
    };
    let handler_at = (*way == "handler").then(|| value.at().clone());
    Some((destination?, handler_at))
}

fn respond(value: &Value<'_>) -> Option<FixedResponse> {
    let mut table = value.table()?;
    let status = table.or("status", StatusCode::OK, |value| status(value, 200));
    let headers = table.or("headers", Vec::new(), headers);
    let place = table.take("body");
    let body = place.as_ref().map_or(Some(String::new()), |value| Some(value.text()?.value.into()));
    table.end();
    let (status, body) = (status?, body?);
    // RFC 9110 sections 15.3.5 and 15.4.5.
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) && !body.is_empty() {
        let place = place?;
        let message = format!("an answer with status {} has no body", status.as_u16());
        return place.refuse(place.finding(message));
    }
    Some(FixedResponse { status, headers: headers?, body })
}

fn status(value: &Value<'_>, least: u16) -> Option<StatusCode> {
    value.integer(least..=599).and_then(|number| StatusCode::from_u16(number).ok())
}

fn headers(value: &Value<'_>) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let fields = each(&value.entries()?, |entry| {
        let name = field_name(value, entry);
        let items = entry.value.one_or_more()?;
        let values = each(&items, |item| {
            let text = item.text()?;
            HeaderValue::from_str(&text.value).ok().or_else(|| {
                let finding = item.finding("not the value of a header");
                item.refuse(finding.label("it has a control character"))
            })
        });
        Some((name?, values?))
    })?;
    let each_value = |(name, values): (HeaderName, Vec<HeaderValue>)| {
        values.into_iter().map(move |value| (name.clone(), value))
    };
    Some(fields.into_iter().flat_map(each_value).collect())
}

fn field_name(value: &Value<'_>, entry: &Entry<'_>) -> Option<HeaderName> {
    let Ok(name) = HeaderName::from_bytes(entry.key.as_bytes()) else {
        return value.refuse(matcher::header_name(value, entry.key, entry.key_at));
    };
    if REFUSED_FIELDS.contains(&name) {
        let message = format!("the header `{name}` cannot be set");
        let finding = value.check.sources.finding(entry.key_at, message);
        return value.refuse(finding.label("the gateway takes care of it"));
    }
    Some(name)
}

fn redirect(value: &Value<'_>) -> Option<Redirect> {
    let mut table = value.table()?;
    let schemes = [("http", "http"), ("https", "https")];
    let scheme =
        table.or("scheme", None, |value| value.one_of(&schemes).map(str::to_owned).map(Some));
    let host = table.or("host", None, |value| redirect_host(value).map(Some));
    let port = table.or("port", None, |value| value.integer(1..=u16::MAX).map(Some));
    let path = table.or("path", None, |value| path::read(value, false).map(Some));
    let status = table.or("status", REDIRECT_STATUS, redirect_status);
    table.end();
    let (scheme, host, port, path) = (scheme?, host?, port?, path?);
    if scheme.is_none() && host.is_none() && port.is_none() && path.is_none() {
        let finding = value.finding("the redirect leads back to where it began");
        return value.refuse(finding.hint("set `scheme`, `host`, `port` or `path`"));
    }
    Some(Redirect { status: status?, scheme, host, port, path })
}

fn redirect_host(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    match host::canonical(&text.value) {
        Ok(host) => Some(host),
        Err(reason) => {
            let finding = value.finding(format!("{} is not a host", text.quoted()));
            value.refuse(finding.label(reason))
        }
    }
}

fn redirect_status(value: &Value<'_>) -> Option<StatusCode> {
    let status = status(value, 200)?;
    if REDIRECT_STATUSES.contains(&status.as_u16()) {
        return Some(status);
    }
    let finding = value.finding(format!("{} is not the status of a redirect", status.as_u16()));
    value.refuse(finding.hint("it can be 301, 302, 303, 307 or 308"))
}

/// Reads `rewrite`, which fits to the route's path and destination.
pub(super) fn rewrite(
    value: &Value<'_>,
    matched: Option<&PathMatcher>,
    encoded_slash: bool,
) -> Option<Rewrite> {
    let table = value.table()?;
    let (key, value) = table.exactly_one(&["strip_prefix", "replace_prefix", "replace_path"])?;
    if key == "replace_path" {
        return path::read(&value, encoded_slash).map(Rewrite::ReplacePath);
    }
    let prefix = match matched? {
        PathMatcher::Prefix(prefix) => prefix.clone(),
        PathMatcher::Exact(_) | PathMatcher::Regex(_) => {
            let finding = value.finding(format!("`{key}` needs a route that matches a prefix"));
            return value.refuse(finding.hint("`replace_path` works with every match"));
        }
    };
    if key == "replace_prefix" {
        let with = path::prefix(&value, encoded_slash)?;
        return Some(Rewrite::ReplacePrefix { prefix, with });
    }
    strip(&value, &prefix, encoded_slash).map(Rewrite::StripPrefix)
}

/// What is removed: the whole prefix of the route, or some of its first segments.
fn strip(value: &Value<'_>, prefix: &str, encoded_slash: bool) -> Option<String> {
    let stripped = match value.node.kind {
        Kind::Boolean(true) => prefix.to_owned(),
        Kind::Text(_) => path::prefix(value, encoded_slash)?,
        _ => return value.wrong("`true` or a path"),
    };
    if stripped == "/" {
        return value.refuse(value.finding("there is no prefix to strip"));
    }
    if path::behind(prefix, &stripped).is_none() {
        let finding = value.finding("the route does not match the prefix that is to be stripped");
        return value.refuse(finding.hint("`strip_prefix = true` strips what the route matches"));
    }
    Some(stripped)
}

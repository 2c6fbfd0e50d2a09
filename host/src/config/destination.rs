//! Where a route ends up: the keys `upstream` with `split`, `handler`, `respond` and `redirect`.

use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};

use super::names::Names;
use super::table::Table;
use super::tree::Kind;
use super::value::{Entry, Value, each};
use super::{Destination, FixedResponse, Location, PathMatcher, PluginId, Redirect, UpstreamId};
use super::{host, matcher, rewrite, split, suggest};

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

/// What a destination may refer to.
#[derive(Clone, Copy)]
pub(super) struct Known<'k, 'a> {
    pub(super) upstreams: &'k Names<'a>,
    pub(super) plugins: &'k Names<'a>,
    /// The route's condition for the path, if it could be read.
    pub(super) matched: Option<&'k PathMatcher>,
    /// Whether `%2F` and `%5C` may stand in a path.
    pub(super) encoded_slash: bool,
}

/// Reads the one destination of a route, which messages call `route`, with the place of a handler.
pub(super) fn read(
    table: &mut Table<'_>,
    route: &str,
    known: Known<'_, '_>,
) -> Option<(Destination, Option<Location>)> {
    let Known { upstreams, plugins, .. } = known;
    let options = table.take("split");
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
    let is_split = *way == "upstream" && matches!(value.node.kind, Kind::Array(_));
    if let Some(options) = options.as_ref().filter(|_| !is_split) {
        let finding = options.finding("`split` works only with several upstreams");
        let hint =
            "write `upstream = [{ name = \"a\", weight = 9 }, { name = \"b\", weight = 1 }]`";
        return options.refuse(finding.hint(hint));
    }
    let destination = match *way {
        "upstream" if is_split => {
            split::read(value, options.as_ref(), route, upstreams).map(Destination::Split)
        }
        "upstream" => upstreams
            .find(value, &format!("{route} sends to"))
            .map(|index| Destination::Upstream(UpstreamId(index))),
        "handler" => plugins
            .find(value, &format!("{route} is answered by"))
            .map(|index| Destination::Handler(PluginId(index))),
        "respond" => respond(value).map(Destination::Fixed),
        _ => redirect(value, known).map(Destination::Redirect),
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
    fields(value, &REFUSED_FIELDS, |item| field_value(item, &item.text()?.value))
}

/// The value of a field line.
pub(super) fn field_value(value: &Value<'_>, text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text).ok().or_else(|| {
        let finding = value.finding("not the value of a header");
        value.refuse(finding.label("it has a control character"))
    })
}

/// Names and values of field lines; `refused` are those that are not the file's business.
pub(super) fn fields<T>(
    value: &Value<'_>,
    refused: &[HeaderName],
    read: impl Fn(&Value<'_>) -> Option<T>,
) -> Option<Vec<(HeaderName, T)>> {
    let fields = each(&value.entries()?, |entry| {
        let name = field_name(value, entry, refused);
        let items = entry.value.one_or_more()?;
        let values = each(&items, &read);
        Some((name?, values?))
    })?;
    let each_value = |(name, values): (HeaderName, Vec<T>)| {
        values.into_iter().map(move |value| (name.clone(), value))
    };
    Some(fields.into_iter().flat_map(each_value).collect())
}

fn field_name(value: &Value<'_>, entry: &Entry<'_>, refused: &[HeaderName]) -> Option<HeaderName> {
    let Ok(name) = HeaderName::from_bytes(entry.key.as_bytes()) else {
        return value.refuse(matcher::header_name(value, entry.key, entry.key_at));
    };
    if refused.contains(&name) {
        let message = format!("the header `{name}` cannot be set");
        let finding = value.check.sources.finding(entry.key_at, message);
        return value.refuse(finding.label("the gateway takes care of it"));
    }
    Some(name)
}

fn redirect(value: &Value<'_>, known: Known<'_, '_>) -> Option<Redirect> {
    let mut table = value.table()?;
    let schemes = [("http", "http"), ("https", "https")];
    let scheme =
        table.or("scheme", None, |value| value.one_of(&schemes).map(str::to_owned).map(Some));
    let host = table.or("host", None, |value| redirect_host(value).map(Some));
    let port = table.or("port", None, |value| value.integer(1..=u16::MAX).map(Some));
    let path = rewrite::of_redirect(&mut table, known);
    let status = table.or("status", REDIRECT_STATUS, redirect_status);
    table.end();
    let (scheme, host, port, path) = (scheme?, host?, port?, path?.0);
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

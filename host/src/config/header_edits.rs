//! The tables `request_headers` and `response_headers` of a route.

use http::header::{self, HeaderName};

use super::template::{self, Words};
use super::tree::Kind;
use super::value::{Value, each};
use super::{FieldText, HeaderEdits, Matcher, destination};

/// Fields about the connection and the framing (RFC 9110 sections 7.6.1 and 8.6), `Host`, which
/// `rewrite.host` is for, and the request id, which is the gateway's.
const REFUSED: [HeaderName; 17] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy"),
    HeaderName::from_static("proxy-authentication-info"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("proxy-status"),
    HeaderName::from_static("x-request-id"),
];

/// Reads edits of a route; `matcher` is its match, if it could be read.
pub(super) fn read(value: &Value<'_>, matcher: Option<&Matcher>) -> Option<HeaderEdits> {
    let mut table = value.table()?;
    let fields =
        |value: &Value<'_>| destination::fields(value, &REFUSED, |item| text(item, matcher));
    if matches!(&value.node.kind, Kind::Table(members) if members.is_empty()) {
        let finding = table.finding(format!("there is nothing in `{}`", value.name));
        return table.refuse(finding.hint("add one of `set`, `add`, `remove`"));
    }
    let set_at = table.take("set");
    let set = set_at.as_ref().map_or(Some(Vec::new()), fields);
    let add = table.or("add", Vec::new(), fields);
    let remove = table.or("remove", Vec::new(), |value| each(&value.one_or_more()?, name));
    table.end();
    let (set, add, remove) = (set?, add?, remove?);
    let mut names: Vec<&HeaderName> = set.iter().map(|(name, _)| name).collect();
    names.sort_by_key(|name| name.as_str());
    if let (Some(place), true) = (&set_at, names.windows(2).any(|pair| pair.first() == pair.last()))
    {
        let finding = place.finding("`set` gives a header two values");
        return place.refuse(finding.hint("set the first, and write the other into `add`"));
    }
    Some(HeaderEdits { remove, set, add })
}

fn text(value: &Value<'_>, matcher: Option<&Matcher>) -> Option<FieldText> {
    match template::words(value, matcher)? {
        Words::Plain(text) => destination::field_value(value, &text).map(FieldText::Fixed),
        Words::Template(template) => {
            destination::field_value(value, &template.sample())?;
            Some(FieldText::Made(template))
        }
    }
}

fn name(value: &Value<'_>) -> Option<HeaderName> {
    let text = value.text()?;
    let Ok(name) = HeaderName::from_bytes(text.value.as_bytes()) else {
        let finding = value.finding(format!("{} is not the name of a header", text.quoted()));
        return value.refuse(finding);
    };
    if REFUSED.contains(&name) {
        let finding = value.finding(format!("the header `{name}` cannot be removed"));
        return value.refuse(finding.label("the gateway takes care of it"));
    }
    Some(name)
}

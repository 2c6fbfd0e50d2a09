//! Several upstreams of one route: the array `upstream`, and the table `split` beside it.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::names::Names;
use super::tree::Kind;
use super::value::{Value, each};
use super::{Split, SplitKey, SplitTarget, StickyCookie, UpstreamId};
use super::{canary, path};

/// Of an upstream that has none: all share alike.
const WEIGHT: u32 = 1;

/// As that of endpoints.
const WEIGHT_MAX: u32 = 65_535;

/// `Max-Age` counts seconds, and browsers keep no cookie for longer than 400 days; the end is a year.
const TTL_RANGE: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(31_557_600);

/// Reads the upstreams of a route, which messages call `route`, and how requests choose among them.
pub(super) fn read(
    value: &Value<'_>,
    options: Option<&Value<'_>>,
    route: &str,
    upstreams: &Names<'_>,
) -> Option<Split> {
    let mut targets: Vec<SplitTarget> = Vec::new();
    let read = each(&value.some_items()?, |item| {
        let target = target(item, route, upstreams)?;
        if targets.iter().any(|other| other.upstream == target.upstream) {
            let finding = item.finding(format!("{route} sends to an upstream twice"));
            return item.refuse(finding.label("the second"));
        }
        targets.push(target);
        Some(())
    });
    let options = options.map_or(Some((SplitKey::Request, None)), |options| {
        let mut table = options.table()?;
        let by = table.or("by", SplitKey::Request, key);
        let force_header = table.or("force_header", None, |value| canary::header(value).map(Some));
        table.end();
        Some((by?, force_header?))
    });
    read?;
    if targets.iter().all(|target| target.weight == 0) {
        let finding = value.finding("every upstream has weight 0");
        return value.refuse(finding.label("nothing would get traffic"));
    }
    let (by, force_header) = options?;
    Some(Split { targets, by, force_header })
}

fn target(item: &Value<'_>, route: &str, upstreams: &Names<'_>) -> Option<SplitTarget> {
    let sentence = format!("{route} sends to");
    match item.node.kind {
        Kind::Text(_) => {
            let upstream = UpstreamId(upstreams.find(item, &sentence)?);
            Some(SplitTarget { upstream, weight: WEIGHT })
        }
        Kind::Table(_) => {
            let mut table = item.table()?;
            let name = table.need("name", "\"v1\"");
            let upstream = name.and_then(|name| upstreams.find(&name, &sentence)).map(UpstreamId);
            let weight = table.or("weight", WEIGHT, |value| value.integer(0..=WEIGHT_MAX));
            table.end();
            Some(SplitTarget { upstream: upstream?, weight: weight? })
        }
        _ => item.wrong("the name of an upstream, or a table of `name` and `weight`"),
    }
}

fn key(value: &Value<'_>) -> Option<SplitKey> {
    if let Kind::Table(_) = value.node.kind {
        let mut table = value.table()?;
        let (header, cookie) = (table.take("header"), table.take("cookie"));
        let path = table.take("path");
        let ttl = table.take("ttl");
        table.end();
        let (header, cookie) = match (header, cookie) {
            (Some(_), Some(place)) => {
                return place.refuse(place.finding("`header` and `cookie` exclude each other"));
            }
            (None, None) => {
                let finding = value.finding("there is nothing to stay by");
                return value.refuse(finding.hint("add one of `header`, `cookie`"));
            }
            given => given,
        };
        let Some(cookie) = cookie else {
            if let Some(place) = path.or(ttl) {
                let message = format!("`{}` is that of a cookie", place.name);
                return place.refuse(place.finding(message));
            }
            return canary::header(&header?).map(SplitKey::Header);
        };
        let name = cookie_name(&cookie);
        let path = path.map_or(Some("/".to_owned()), |value| path::read(&value, false));
        let ttl = ttl.map_or(Some(None), |value| value.duration(&TTL_RANGE).map(Some));
        return Some(SplitKey::Cookie(StickyCookie { name: name?, path: path?, ttl: ttl? }));
    }
    value.one_of(&[("request", true), ("client", false)]).map(|is_request| match is_request {
        true => SplitKey::Request,
        false => SplitKey::Client,
    })
}

/// A token (RFC 6265 section 4.1.1, RFC 9110 section 5.6.2), which is what names of methods are too.
fn cookie_name(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    if http::Method::from_bytes(text.value.as_bytes()).is_ok() {
        return Some(text.value.into_owned());
    }
    let finding = value.finding(format!("{} is not the name of a cookie", text.quoted()));
    value.refuse(finding.hint("letters, digits, `-`, `_` and `.` are fine"))
}

//! How an upstream's endpoints are asked how they are: the key `health`.

use std::ops::RangeInclusive;
use std::time::Duration;

use http::HeaderValue;
use http::uri::PathAndQuery;

use super::limits::WAIT_RANGE;
use super::tree::Kind;
use super::upstream::host_and_port;
use super::value::Value;
use super::{HealthCheck, Probe, StatusRange};

/// A failure is noticed within 15 s, and a check costs an endpoint next to nothing.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);

/// From ten checks a second, which tests want, to one a day.
const HEALTH_INTERVAL_RANGE: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(24 * 60 * 60);

/// Shorter than the interval; an endpoint that takes longer to say that it is well is not.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

/// One good answer may be luck.
const RISE: u32 = 2;

/// Two bad ones may be a lost packet and a pause for garbage collection.
const FALL: u32 = 3;

/// Nobody means more than a hundred in a row.
const ROW_RANGE: RangeInclusive<u32> = 1..=100;

/// What load balancers take for good if they are told nothing.
const GOOD_STATUS: StatusRange = StatusRange { least: 200, most: 399 };

/// What a check can ask.
const PROBES: [&str; 3] = ["path", "tcp", "grpc"];

pub(super) fn read(value: &Value<'_>) -> Option<HealthCheck> {
    let mut table = value.table()?;
    let ways: Vec<(&str, Value<'_>)> =
        PROBES.into_iter().filter_map(|way| Some((way, table.take(way)?))).collect();
    let host = table.take("host");
    let status = table.take("status");
    let body = table.take("body");
    let interval =
        table.or("interval", HEALTH_INTERVAL, |value| value.duration(&HEALTH_INTERVAL_RANGE));
    let timeout = table.or("timeout", HEALTH_TIMEOUT, |value| value.duration(&WAIT_RANGE));
    let rise = table.or("rise", RISE, |value| value.integer(ROW_RANGE));
    let fall = table.or("fall", FALL, |value| value.integer(ROW_RANGE));
    table.end();
    if let [(first, _), (second, place), ..] = ways.as_slice() {
        return place.refuse(place.finding(format!("`{first}` and `{second}` exclude each other")));
    }
    let Some((way, asked)) = ways.first() else {
        let finding = value.finding("`health` does not say what is asked");
        return value.refuse(finding.hint("add `path = \"/healthz\"` or `tcp = true`"));
    };
    let idle = host.as_ref().or(status.as_ref()).or(body.as_ref());
    let probe = match (*way, idle) {
        ("path", _) => Probe::Http {
            target: target(asked)?,
            host: match &host {
                Some(host) => Some(host_value(host)?),
                None => None,
            },
            status: match &status {
                Some(status) => status_range(status)?,
                None => GOOD_STATUS,
            },
            body: match &body {
                Some(body) => Some(body.text()?.value.into_owned()),
                None => None,
            },
        },
        (way, Some(idle)) => {
            let finding = idle.finding(format!("`{}` has no effect with `{way}`", idle.name));
            return idle.refuse(finding.hint(format!("write `path` in place of `{way}`")));
        }
        ("tcp", None) => tcp(asked)?,
        (_, None) => Probe::Grpc { service: grpc_service(asked)? },
    };
    Some(HealthCheck { probe, interval: interval?, timeout: timeout?, rise: rise?, fall: fall? })
}

/// `true`, which is the only thing that can be meant.
fn tcp(value: &Value<'_>) -> Option<Probe> {
    if value.boolean()? {
        return Some(Probe::Tcp);
    }
    let finding = value.finding("`tcp = false` asks nothing");
    value.refuse(finding.hint("leave `health` out to ask nothing"))
}

/// `true` for the whole server, or the name of a service.
fn grpc_service(value: &Value<'_>) -> Option<String> {
    match &value.node.kind {
        Kind::Boolean(true) => Some(String::new()),
        Kind::Text(_) => Some(value.text()?.value.into_owned()),
        _ => value.wrong("`true` or the name of a service"),
    }
}

/// What a check asks for: a path, with a query if need be.
fn target(value: &Value<'_>) -> Option<PathAndQuery> {
    let text = value.text()?;
    let target = PathAndQuery::try_from(text.value.as_ref());
    match target.ok().filter(|_| text.value.starts_with('/') && !text.value.contains('#')) {
        Some(target) => Some(target),
        None => {
            let finding = value.finding(format!("{} is not a path", text.quoted()));
            value.refuse(finding.hint("a path begins with `/`, such as `/healthz`"))
        }
    }
}

fn host_value(value: &Value<'_>) -> Option<HeaderValue> {
    let text = value.text()?;
    let written = host_and_port(&text.value).map(|(host, port)| match port {
        Some(port) => format!("{host}:{port}"),
        None => host,
    });
    match written.ok().and_then(|text| HeaderValue::from_str(&text).ok()) {
        Some(host) => Some(host),
        None => value.refuse(value.finding(format!("{} is not a host", text.quoted()))),
    }
}

/// One status, or two with a line between.
fn status_range(value: &Value<'_>) -> Option<StatusRange> {
    if let Kind::Integer(_) = value.node.kind {
        let status = value.integer(100..=599)?;
        return Some(StatusRange { least: status, most: status });
    }
    let Kind::Text(_) = value.node.kind else {
        return value.wrong("a status, or two such as \"200-299\"");
    };
    let text = value.text()?;
    let (least, most) = text.value.split_once('-').unwrap_or((&text.value, &text.value));
    let number = |text: &str| text.trim().parse::<u16>().ok().filter(|n| (100..=599).contains(n));
    match (number(least), number(most)) {
        (Some(least), Some(most)) if least <= most => Some(StatusRange { least, most }),
        _ => {
            let finding = value.finding(format!("{} is no range of statuses", text.quoted()));
            value.refuse(finding.hint("write `\"200-299\"`, or one status from 100 to 599"))
        }
    }
}

//! How an upstream balances: the keys `balance`, `health`, `outlier`, `panic_threshold`, `slow_start`,
//! `max_connections` and `dns`.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use http::HeaderValue;
use http::header::HeaderName;
use http::uri::PathAndQuery;

use super::limits::WAIT_RANGE;
use super::model::PANIC_PERCENT;
use super::table::Table;
use super::tree::Kind;
use super::upstream::host_and_port;
use super::value::{Value, each};
use super::{
    BalancePolicy, Balancing, Dns, ErrorRate, HashKey, HealthCheck, Outlier, Probe, StatusRange,
    suggest,
};

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

/// Five failures in a row are no accident at the usual share of failures.
const CONSECUTIVE_ERRORS: u32 = 5;

/// Of fewer attempts a share says nothing.
const REQUESTS_MIN: u32 = 20;

/// Long enough for a share to mean something, short enough to be about now.
const ERROR_INTERVAL: Duration = Duration::from_secs(10);

/// Time for a restart.
const BASE_EJECTION: Duration = Duration::from_secs(30);

/// After ten ejections it is not the length of them that would help.
const MAX_EJECTION: Duration = Duration::from_secs(300);

/// Half of the endpoints may be enough for the load; fewer hardly are.
const MAX_EJECTED_PERCENT: u8 = 50;

/// Names change rarely, and their answers say how long they hold.
const DNS_REFRESH: Duration = Duration::from_secs(10);

/// From what tests want to a day.
const DNS_REFRESH_RANGE: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(24 * 60 * 60);

/// Of name servers (RFC 1035 section 4.2).
const DNS_PORT: u16 = 53;

/// What a check can ask.
const PROBES: [&str; 3] = ["path", "tcp", "grpc"];

/// The policies that are one word.
const POLICIES: [&str; 5] =
    ["round_robin", "least_connections", "peak_ewma", "power_of_two", "random"];

/// The values that are hashed without a name.
const HASHED: [&str; 3] = ["ip", "path", "consumer"];

/// Takes its keys out of the upstream's table.
pub(super) fn read(table: &mut Table<'_>) -> Option<Balancing> {
    let wait = |value: &Value<'_>| value.duration(&WAIT_RANGE);
    let policy = table.or("balance", BalancePolicy::RoundRobin, policy);
    let health = table.or("health", None, |value| health(value).map(Some));
    let outlier = table.or("outlier", None, |value| outlier(value).map(Some));
    let panic = table.take("panic_threshold");
    let panic_percent = match &panic {
        Some(value) => value.integer(0..=100),
        None => Some(PANIC_PERCENT),
    };
    let slow = table.take("slow_start");
    let slow_start = match &slow {
        Some(value) => wait(value).map(Some),
        None => Some(None),
    };
    let exchanges_max =
        table.or("max_connections", None, |value| value.integer(1..=1_000_000).map(Some));
    let dns = table.or("dns", None, |value| dns(value).map(Some));
    let balancing = Balancing {
        policy: policy?,
        health: health?,
        outlier: outlier?,
        panic_percent: panic_percent?,
        slow_start: slow_start?,
        exchanges_max: exchanges_max?,
        dns: dns?,
    };
    if let (Some(value), BalancePolicy::Hash(_)) = (&slow, &balancing.policy) {
        let finding = value.finding("`slow_start` has no effect, because `balance` hashes");
        return value.refuse(finding.label("a value would change its endpoint while one warms up"));
    }
    if let (Some(value), None, None) = (&panic, &balancing.health, &balancing.outlier) {
        let finding =
            value.finding("`panic_threshold` has no effect without `health` or `outlier`");
        return value.refuse(finding.hint("add `health = { path = \"/healthz\" }`"));
    }
    Some(balancing)
}

fn policy(value: &Value<'_>) -> Option<BalancePolicy> {
    if let Kind::Table(_) = value.node.kind {
        let (_, key) = value.table()?.exactly_one(&["hash"])?;
        return hash_key(&key).map(BalancePolicy::Hash);
    }
    let Kind::Text(_) = value.node.kind else {
        return value.wrong("a word, or a table with `hash`");
    };
    let text = value.text()?;
    match text.value.as_ref() {
        "round_robin" => Some(BalancePolicy::RoundRobin),
        "least_connections" => Some(BalancePolicy::LeastConnections),
        "peak_ewma" => Some(BalancePolicy::PeakEwma),
        "power_of_two" => Some(BalancePolicy::PowerOfTwo),
        "random" => Some(BalancePolicy::Random),
        "hash" => {
            let finding = value.finding("`balance` does not say what is hashed");
            value.refuse(finding.hint("write `balance = { hash = \"ip\" }`"))
        }
        _ => {
            let finding = value.finding(format!("`balance` cannot be {}", text.quoted()));
            value.refuse(finding.maybe_hint(suggest::hint(&text.value, POLICIES, "it can be")))
        }
    }
}

fn hash_key(value: &Value<'_>) -> Option<HashKey> {
    if let Kind::Table(_) = value.node.kind {
        let (key, name) = value.table()?.exactly_one(&["header", "cookie"])?;
        let text = name.text()?;
        if key == "header" {
            return match HeaderName::from_bytes(text.value.as_bytes()) {
                Ok(header) => Some(HashKey::Header(header)),
                Err(_) => name
                    .refuse(name.finding(format!("{} is not the name of a header", text.quoted()))),
            };
        }
        // RFC 6265 section 4.1.1: a cookie's name is a token, as a field's is.
        return match HeaderName::from_bytes(text.value.as_bytes()) {
            Ok(_) => Some(HashKey::Cookie(text.value.into_owned())),
            Err(_) => {
                name.refuse(name.finding(format!("{} is not the name of a cookie", text.quoted())))
            }
        };
    }
    let Kind::Text(_) = value.node.kind else {
        return value.wrong("a word, or a table with `header` or `cookie`");
    };
    let text = value.text()?;
    match text.value.as_ref() {
        "ip" => Some(HashKey::Ip),
        "path" => Some(HashKey::Path),
        "consumer" => Some(HashKey::Consumer),
        _ => {
            let finding = value.finding(format!("`hash` cannot be {}", text.quoted()));
            let hint = suggest::hint(&text.value, HASHED, "it can be");
            let hint = hint.map(|hint| {
                format!("{hint}, or a table such as `{{ header = \"x-user\" }}` or `{{ cookie = \"sid\" }}`")
            });
            value.refuse(finding.maybe_hint(hint))
        }
    }
}

fn health(value: &Value<'_>) -> Option<HealthCheck> {
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

fn outlier(value: &Value<'_>) -> Option<Outlier> {
    let mut table = value.table()?;
    let wait = |value: &Value<'_>| value.duration(&WAIT_RANGE);
    let consecutive_errors =
        table.or("consecutive_errors", CONSECUTIVE_ERRORS, |value| value.integer(1..=1_000_000));
    let error_rate = error_rate(&mut table);
    let base_ejection = table.or("base_ejection", BASE_EJECTION, wait);
    let longest = table.take("max_ejection");
    let max_ejection = match &longest {
        Some(value) => wait(value),
        None => base_ejection.map(|base| base.max(MAX_EJECTION)),
    };
    let max_ejected_percent =
        table.or("max_ejected", MAX_EJECTED_PERCENT, |value| value.integer(1..=100));
    table.end();
    let (base_ejection, max_ejection) = (base_ejection?, max_ejection?);
    if let Some(value) = longest.filter(|_| max_ejection < base_ejection) {
        return value.refuse(value.finding("`max_ejection` is shorter than `base_ejection`"));
    }
    Some(Outlier {
        consecutive_errors: consecutive_errors?,
        error_rate: error_rate?,
        base_ejection,
        max_ejection,
        max_ejected_percent: max_ejected_percent?,
    })
}

/// The keys of `outlier` that are about a share of failed attempts.
#[expect(clippy::option_option, reason = "the outer one says that there is a finding")]
fn error_rate(table: &mut Table<'_>) -> Option<Option<ErrorRate>> {
    let percent = table.or("error_rate", None, |value| value.integer(1..=100).map(Some));
    let least = table.take("min_requests");
    let interval = table.take("interval");
    let Some(percent) = percent? else {
        let Some(idle) = least.as_ref().or(interval.as_ref()) else { return Some(None) };
        let finding = idle.finding(format!("`{}` has no effect without `error_rate`", idle.name));
        return idle.refuse(finding.hint("add `error_rate = 50`"));
    };
    let attempts_min = match &least {
        Some(value) => value.integer(1..=1_000_000),
        None => Some(REQUESTS_MIN),
    };
    let interval = match &interval {
        Some(value) => value.duration(&WAIT_RANGE),
        None => Some(ERROR_INTERVAL),
    };
    Some(Some(ErrorRate { percent, attempts_min: attempts_min?, interval: interval? }))
}

fn dns(value: &Value<'_>) -> Option<Dns> {
    let mut table = value.table()?;
    let refresh = table.or("refresh", DNS_REFRESH, |value| value.duration(&DNS_REFRESH_RANGE));
    let servers = table.or("servers", Vec::new(), |value| each(&value.some_items()?, name_server));
    let srv = table.or("srv", false, Value::boolean);
    table.end();
    Some(Dns { refresh: refresh?, servers: servers?, srv: srv? })
}

fn name_server(value: &Value<'_>) -> Option<SocketAddr> {
    let text = value.text()?;
    let with_port = text.value.parse::<SocketAddr>().ok().filter(|server| server.port() > 0);
    let alone = || text.value.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, DNS_PORT));
    with_port.or_else(alone).or_else(|| {
        let finding =
            value.finding(format!("{} is not the address of a name server", text.quoted()));
        value.refuse(finding.hint("write `10.0.0.2`, or `10.0.0.2:53` with its port"))
    })
}

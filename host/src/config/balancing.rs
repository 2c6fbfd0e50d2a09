//! How an upstream balances: the keys `balance`, `health`, `outlier`, `panic_threshold`, `slow_start`,
//! `max_connections` and `dns`.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use http::header::HeaderName;

use super::limits::WAIT_RANGE;
use super::model::PANIC_PERCENT;
use super::table::Table;
use super::tree::Kind;
use super::value::{Value, each};
use super::{BalancePolicy, Balancing, Dns, ErrorRate, HashKey, Outlier, health, suggest};

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

/// The policies that are one word.
const POLICIES: [&str; 5] =
    ["round_robin", "least_connections", "peak_ewma", "power_of_two", "random"];

/// The values that are hashed without a name.
const HASHED: [&str; 3] = ["ip", "path", "consumer"];

/// Takes its keys out of the upstream's table.
pub(super) fn read(table: &mut Table<'_>) -> Option<Balancing> {
    let wait = |value: &Value<'_>| value.duration(&WAIT_RANGE);
    let policy = table.or("balance", BalancePolicy::RoundRobin, policy);
    let health = table.or("health", None, |value| health::read(value).map(Some));
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

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
use super::{BalancePolicy, Balancing, Dns, HashKey, health, outlier, suggest};

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
    let outlier = table.or("outlier", None, |value| outlier::read(value).map(Some));
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

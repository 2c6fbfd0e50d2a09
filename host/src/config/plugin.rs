//! The tables `[plugins.<name>]`.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::check::Check;
use super::grants::{self, Known};
use super::table::Table;
use super::tree::Kind;
use super::value::{Entry, Value};
use super::{
    Budget, Component, Isolation, Location, OnError, OnLargeBody, Plugin, PluginPlaces, Secret,
    Version, canary, condition, json, names, pin,
};

/// Calls that a pooled instance serves, unless said otherwise.
///
/// A leak of 1 KiB a call ends at 10 MiB, and a fresh start every 10 000 calls costs nothing that
/// could be measured.
const POOLED_CALLS: u32 = 10_000;

/// Never retired, for all practical purposes.
const POOLED_CALLS_MAX: u32 = 1_000_000_000;

/// Idle instances of a pooled plugin, unless said otherwise: more than threads serve connections
/// on common machines, so that steady traffic starts none afresh.
const POOLED_IDLE: usize = 32;

/// As many as can be alive.
const POOLED_IDLE_MAX: usize = 10_000;

/// Room for a script engine in the guest; a Rust plugin uses 1 to 2 MiB of it.
const MEMORY_BYTES: usize = 64 << 20;

/// From one page to the largest memory that the engine reserves room for.
const MEMORY_RANGE: RangeInclusive<u64> = 64 * 1024..=1 << 30;

/// A hundred times what a policy needs, and a stall that users do not yet notice.
const CPU: Duration = Duration::from_millis(50);

/// What runs longer is no policy.
const CPU_RANGE: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(60);

/// Waiting for a slow store included.
const WALL: Duration = Duration::from_secs(1);

/// As long as a default route may take in all, and ten times that for special cases.
const WALL_RANGE: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(600);

/// A quarter of what the gateway allows in all by default, so that one plugin cannot starve the
/// others.
const INSTANCES: usize = 256;

/// More than the address space of one process has room for.
const INSTANCES_MAX: usize = 10_000;

/// Enough to ask every service that a page is made of at once.
const CALLS: usize = 8;

/// Each holds a connection, and one exchange should not hold hundreds.
const CALLS_MAX: usize = 256;

/// One for each instance, by default; each holds a descriptor.
const CALLS_TOTAL: usize = 256;

/// More than one process has descriptors for.
const CALLS_TOTAL_MAX: usize = 100_000;

/// Four for each instance; who waits behind them would time out.
const QUEUE: usize = 1024;

/// Each waiting exchange holds a connection, and there are no more of those.
const QUEUE_MAX: usize = 1_000_000;

/// A form or a JSON document; what is longer should stream.
const BODY_BYTES: u64 = 1 << 20;

/// What fits into the largest memory twice.
const BODY_RANGE: RangeInclusive<u64> = 1..=512 << 20;

pub(super) fn read(entry: &Entry<'_>, check: &Check<'_>, known: &Known<'_>) -> Option<Plugin> {
    let mut table = entry.value.table()?;
    let place = table.need("component", "\"jwt\"");
    let component = place.as_ref().and_then(|value| component(value, check));
    let pin = pin::read(&mut table, check, known.trusted_keys);
    let config = table.take("config");
    let mut places = Vec::new();
    let config = match &config {
        Some(value) => object(value, &mut places),
        None => {
            places.push((String::new(), entry.value.at().clone()));
            Some("{}".to_owned())
        }
    };
    places.sort_by(|(one, _), (other, _)| one.cmp(other));
    let isolation = table.or("isolation", Isolation::Request, isolation);
    let on_error = table.or("on_error", OnError::Deny, on_error);
    let on_large_body = table.or("on_large_body", OnLargeBody::Deny, on_large_body);
    let granted = table.take("grants");
    let granted_at = granted.as_ref().map_or(entry.value.at(), Value::at).clone();
    let grants =
        granted.map_or(Some(None), |value| grants::read(&value, entry.key, known).map(Some));
    let budget = table.section("limits").and_then(budget);
    let clauses = condition::clauses(&mut table);
    let shadow = table.or("shadow", false, Value::boolean);
    let canary = table.take("canary");
    table.end();
    let (place, (pin, [sha256_at, signature_at])) = (place?, pin?);
    let mut plugin = Plugin {
        name: entry.key.to_owned(),
        component: component?,
        pin,
        config: Secret::new(config?),
        isolation: isolation?,
        on_error: on_error?,
        on_large_body: on_large_body?,
        grants: grants?,
        budget: budget?,
        clauses: clauses?,
        shadow: shadow?,
        version: Version::Stable,
        canary: None,
        at: PluginPlaces {
            table: entry.value.at().clone(),
            component: place.at().clone(),
            sha256: sha256_at.unwrap_or_else(|| place.at().clone()),
            signature: signature_at.unwrap_or_else(|| place.at().clone()),
            grants: granted_at,
            config: places,
        },
    };
    if let Some(value) = canary {
        plugin.canary = Some(Box::new(canary::read(&value, &plugin, check)?));
    }
    Some(plugin)
}

/// A name, or a path that ends in `.wasm`.
pub(super) fn component(value: &Value<'_>, check: &Check<'_>) -> Option<Component> {
    let text = value.text()?;
    let path = Path::new(text.value.as_ref());
    if path.extension().is_some_and(|extension| extension == "wasm") {
        return check.path(value).map(Component::File);
    }
    if text.value.contains(['/', '\\']) {
        let finding = value.finding(format!("the path {} does not end in `.wasm`", text.quoted()));
        return value.refuse(finding.hint("a name without slashes is looked up in `plugins_dir`"));
    }
    names::read(value, "a component").map(Component::Named)
}

pub(super) fn object(value: &Value<'_>, places: &mut Vec<(String, Location)>) -> Option<String> {
    match value.node.kind {
        Kind::Table(_) => json::convert(value, "", places).map(|json| json.to_string()),
        _ => value.wrong("a table"),
    }
}

fn isolation(value: &Value<'_>) -> Option<Isolation> {
    let pooled = Isolation::Pooled { calls: POOLED_CALLS, idle: POOLED_IDLE };
    if let Kind::Table(_) = value.node.kind {
        let mut table = value.table()?;
        let inner = table.need("pooled", "{ calls = 10000, idle = 32 }");
        table.end();
        let mut table = inner?.table()?;
        let calls = table.or("calls", POOLED_CALLS, |value| value.integer(1..=POOLED_CALLS_MAX));
        let idle = table.or("idle", POOLED_IDLE, |value| value.integer(1..=POOLED_IDLE_MAX));
        table.end();
        return Some(Isolation::Pooled { calls: calls?, idle: idle? });
    }
    value.one_of(&[("request", Isolation::Request), ("pooled", pooled)])
}

fn on_error(value: &Value<'_>) -> Option<OnError> {
    value.one_of(&[("deny", OnError::Deny), ("skip", OnError::Skip)])
}

fn on_large_body(value: &Value<'_>) -> Option<OnLargeBody> {
    value.one_of(&[("deny", OnLargeBody::Deny), ("skip", OnLargeBody::Skip)])
}

fn budget(mut table: Table<'_>) -> Option<Budget> {
    let memory_bytes = table.or("memory", MEMORY_BYTES, |value| value.size(&MEMORY_RANGE));
    let cpu_at = table.take("cpu");
    let cpu = cpu_at.as_ref().map_or(Some(CPU), |value| value.duration(&CPU_RANGE));
    let wall_at = table.take("wall");
    let wall = wall_at.as_ref().map_or(Some(WALL), |value| value.duration(&WALL_RANGE));
    let instances = table.or("instances", INSTANCES, |value| value.integer(1..=INSTANCES_MAX));
    let calls = table.or("calls", CALLS, |value| value.integer(1..=CALLS_MAX));
    let calls_total =
        table.or("calls_total", CALLS_TOTAL, |value| value.integer(1..=CALLS_TOTAL_MAX));
    let queue = table.or("queue", QUEUE, |value| value.integer(0..=QUEUE_MAX));
    let body_bytes = table.or("body", BODY_BYTES, |value| value.size(&BODY_RANGE));
    table.end();
    let (cpu, wall) = (cpu?, wall?);
    if cpu > wall {
        let place = wall_at.or(cpu_at)?;
        let finding = place.finding("`wall` is shorter than `cpu`");
        let hint = format!(
            "`wall` counts running and waiting; by default `cpu` is {} and `wall` {}",
            humantime::format_duration(CPU),
            humantime::format_duration(WALL),
        );
        return place.refuse(finding.hint(hint));
    }
    Some(Budget {
        memory_bytes: memory_bytes?,
        cpu,
        wall,
        instances: instances?,
        calls: calls?,
        calls_total: calls_total?,
        queue: queue?,
        body_bytes: body_bytes?,
    })
}

//! The table `[limits]`.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Limits;
use super::admission::{self, Keys};
use super::table::Table;
use super::tree::Kind;
use super::value::Value;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Request line and field lines of one request, in bytes.
///
/// Room for a 16 KiB cookie field and an 8 KiB token. Each open connection may hold one head, so
/// 10 000 connections cost at most 313 MiB.
const REQUEST_HEAD_BYTES: usize = 32 * 1024;

/// From the least buffer that HTTP/1.1 parsing works with to more than any origin takes.
const REQUEST_HEAD_RANGE: RangeInclusive<u64> = 8 * KIB..=MIB;

/// Browsers send about 20, a chain of proxies adds some; Apache stops at 100 too.
const REQUEST_HEADERS: usize = 100;

/// Each costs a slot in a table, filled or not.
const REQUEST_HEADERS_MAX: usize = 1024;

/// Room for a photo or a document; nothing is collected, so it guards the upstream, not us.
const REQUEST_BODY_BYTES: u64 = 16 * MIB;

/// With two descriptors for each (client and upstream), below the common limit of 65 536.
const CONNECTIONS: usize = 10_000;

/// More than one process has ports and descriptors for.
const CONNECTIONS_MAX: usize = 1_000_000;

/// A head is one or two packets; who needs longer is slow on purpose (slowloris).
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Longer than the 60 s after which common load balancers in front close an idle connection, so
/// that they close first and never send into a closing one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// A phone in a tunnel comes back within a minute.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// What RFC 9113 section 6.5.2 recommends is at least 100.
const HTTP2_STREAMS: u32 = 128;

/// Each may hold a request; more belongs on another connection.
const HTTP2_STREAMS_MAX: u32 = 65_535;

/// One for each consumer and limit; about 100 bytes each, so 100 MiB.
const COUNTERS: usize = 1_000_000;

/// 10 GiB of counters.
const COUNTERS_MAX: usize = 100_000_000;

/// Room for a million short entries of one plugin.
const KV_BYTES: usize = 64 << 20;

/// At least one entry of the greatest size that `kv` takes.
const KV_RANGE: RangeInclusive<u64> = MIB..=64 * GIB;

/// Two hundred and fifty-six bodies of the size that a plugin may hold by default.
const HELD_BODIES_BYTES: u64 = 256 * MIB;

/// From one body of the default size on.
const HELD_BODIES_RANGE: RangeInclusive<u64> = MIB..=1024 * GIB;
/// A few thousand pages or documents; a quarter of it is the largest one.
const CACHE_BYTES: usize = 64 << 20;

/// From the least that keeps an ordinary page to more than a machine has.
const CACHE_RANGE: RangeInclusive<u64> = MIB..=64 * GIB;

/// Each reserves address space and may fill its memory; 1 000 keep several hundred requests in
/// plugins at the same instant.
const INSTANCES: u32 = 1000;

/// Address space ends soon after.
const INSTANCES_MAX: u32 = 100_000;

/// What bounds the exchanges of the whole gateway.
const EXCHANGES: Keys = Keys {
    at_once: "exchanges",
    queue: "exchanges_queue",
    queue_timeout: "exchanges_queue_timeout",
};

/// Heads of at most 32 MiB by default; a burst, not a crowd.
const EXCHANGES_QUEUE: usize = 1000;

/// What a wait may be: zero would end everything at once, and what waits more than a day has been
/// forgotten.
pub(super) const WAIT_RANGE: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(24 * 60 * 60);

pub(super) fn read(mut table: Table<'_>) -> Option<Limits> {
    let wait = |value: &Value<'_>| value.duration(&WAIT_RANGE);
    let request_head_bytes =
        table.or("request_head", REQUEST_HEAD_BYTES, |value| value.size(&REQUEST_HEAD_RANGE));
    let request_headers = table
        .or("request_headers", REQUEST_HEADERS, |value| value.integer(1..=REQUEST_HEADERS_MAX));
    let request_body_bytes = table.or("request_body", REQUEST_BODY_BYTES, body_bytes);
    let connections =
        table.or("connections", CONNECTIONS, |value| value.integer(1..=CONNECTIONS_MAX));
    let header_timeout = table.or("header_timeout", HEADER_TIMEOUT, wait);
    let idle_timeout = table.or("idle_timeout", IDLE_TIMEOUT, wait);
    let body_timeout = table.or("body_timeout", BODY_TIMEOUT, wait);
    let http2_streams =
        table.or("http2_streams", HTTP2_STREAMS, |value| value.integer(1..=HTTP2_STREAMS_MAX));
    let counters = table.or("counters", COUNTERS, |value| value.integer(1..=COUNTERS_MAX));
    let kv_bytes = table.or("kv", KV_BYTES, |value| value.size(&KV_RANGE));
    let held_bodies_bytes =
        table.or("held_bodies", HELD_BODIES_BYTES, |value| value.size(&HELD_BODIES_RANGE));
    let cache_bytes = table.or("cache", CACHE_BYTES, |value| value.size(&CACHE_RANGE));
    let instances = table.or("instances", INSTANCES, |value| value.integer(1..=INSTANCES_MAX));
    let exchanges = admission::read(&mut table, &EXCHANGES, EXCHANGES_QUEUE);
    table.end();
    Some(Limits {
        request_head_bytes: request_head_bytes?,
        request_headers: request_headers?,
        request_body_bytes: request_body_bytes?,
        connections: connections?,
        header_timeout: header_timeout?,
        idle_timeout: idle_timeout?,
        body_timeout: body_timeout?,
        http2_streams: http2_streams?,
        counters: counters?,
        kv_bytes: kv_bytes?,
        held_bodies_bytes: held_bodies_bytes?,
        cache_bytes: cache_bytes?,
        instances: instances?,
        exchanges: exchanges?,
    })
}

/// A size, or `unlimited`, which is [`u64::MAX`].
pub(super) fn body_bytes(value: &Value<'_>) -> Option<u64> {
    if let Kind::Text(_) = value.node.kind
        && value.text()?.value == "unlimited"
    {
        return Some(u64::MAX);
    }
    value.size(&(0..=u64::MAX))
}

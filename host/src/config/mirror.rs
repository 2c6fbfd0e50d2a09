//! The table `mirror` of a route.

use std::ops::RangeInclusive;

use super::names::Names;
use super::value::Value;
use super::{Mirror, Share, UpstreamId, canary};

/// Nearly all bodies of requests to an API.
const BODY_BYTES: u64 = 64 << 10;

/// Nothing but requests without a body, to what a gateway should hold of a request that nobody waits for.
const BODY_RANGE: RangeInclusive<u64> = 0..=(16 << 20);

/// With bodies of the default size they hold 6 MiB at the most.
const CONCURRENCY: usize = 100;

/// Each may hold a connection and a body.
const CONCURRENCY_MAX: usize = 10_000;

/// Reads the table of a route, which messages call `route`.
pub(super) fn read(value: &Value<'_>, route: &str, upstreams: &Names<'_>) -> Option<Mirror> {
    let mut table = value.table()?;
    let upstream = table
        .need("upstream", "\"shadow\"")
        .and_then(|value| upstreams.find(&value, &format!("{route} is mirrored to")));
    let share = table.or("percent", Share::ALL, canary::percent);
    let body_bytes = table.or("body", BODY_BYTES, |value| value.size(&BODY_RANGE));
    let concurrency =
        table.or("concurrency", CONCURRENCY, |value| value.integer(1..=CONCURRENCY_MAX));
    table.end();
    Some(Mirror {
        upstream: UpstreamId(upstream?),
        share: share?,
        body_bytes: body_bytes?,
        concurrency: concurrency?,
    })
}

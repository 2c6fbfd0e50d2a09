//! The key `retry` of an upstream.

use std::ops::RangeInclusive;
use std::time::Duration;

use http::{Method, StatusCode};

use super::limits::WAIT_RANGE;
use super::matcher;
use super::table::Table;
use super::tree::Kind;
use super::value::{Value, each};
use super::{Retry, RetryBudget, RetryFault, RetryOn};

/// One makes good what is lost with a single connection or endpoint; more multiply the load of an
/// upstream that is in trouble.
const ATTEMPTS: u32 = 1;

/// After so many tries the eleventh will not succeed either.
const ATTEMPTS_MAX: u32 = 10;

/// Those that say nothing of the request.
const FAULTS: [RetryFault; 2] = [RetryFault::Connect, RetryFault::Reset];

/// As Envoy has it.
const BUDGET_PERCENT: u32 = 20;

/// As Linkerd has it: a fifth of nearly no traffic would be nothing.
const BUDGET_MIN_PER_SECOND: u32 = 10;

/// More than a gateway serves.
const BUDGET_MIN_PER_SECOND_MAX: u32 = 1_000_000;

/// Nothing is kept unless it is asked for: it costs memory for each request under way.
const BODY_BYTES: u64 = 0;

/// What is longer is an upload, which nobody wants in memory.
const BODY_RANGE: RangeInclusive<u64> = 0..=16 << 20;

/// As Envoy has it.
const BACKOFF: Duration = Duration::from_millis(25);

/// From none to what a client still waits for, ten times over.
const BACKOFF_RANGE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(10);

/// The least that `Retry-After` can say, but for nothing.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(1);

/// From none to what no client waits for.
const MAX_RETRY_AFTER_RANGE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(300);

/// Client errors are the client's, but for those that pass by themselves, which the user may list.
const STATUS_RANGE: RangeInclusive<u16> = 400..=599;

/// Idempotent by RFC 9110 section 9.2.2, so that twice does what once does.
const METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE, Method::TRACE];

/// What holds if nothing is said.
impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: ATTEMPTS,
            on: RetryOn { faults: FAULTS.to_vec(), statuses: Vec::new() },
            methods: METHODS.to_vec(),
            budget: RetryBudget { percent: BUDGET_PERCENT, min_per_second: BUDGET_MIN_PER_SECOND },
            body_bytes: BODY_BYTES,
            per_try_timeout: None,
            backoff: BACKOFF,
            max_retry_after: MAX_RETRY_AFTER,
        }
    }
}

/// `None` in it if nothing is sent again.
#[expect(clippy::option_option, reason = "the outer one is that of all readers")]
pub(super) fn read(value: &Value<'_>) -> Option<Option<Retry>> {
    match &value.node.kind {
        Kind::Boolean(false) => Some(None),
        Kind::Table(_) => value.table().and_then(retry).map(Some),
        _ => value.wrong("a table or `false`"),
    }
}

fn retry(mut table: Table<'_>) -> Option<Retry> {
    let Retry { attempts, on, methods, budget, body_bytes, .. } = Retry::default();
    let attempts = table.or("attempts", attempts, |value| value.integer(0..=ATTEMPTS_MAX));
    let on = table.or("on", on, causes);
    let methods = table.or("methods", methods, matcher::methods);
    let budget = table.or("budget", budget, |value| value.table().and_then(self::budget));
    let body_bytes = table.or("body", body_bytes, |value| value.size(&BODY_RANGE));
    let per_try_timeout =
        table.or("per_try_timeout", None, |value| value.duration(&WAIT_RANGE).map(Some));
    let backoff = table.or("backoff", BACKOFF, |value| value.duration(&BACKOFF_RANGE));
    let max_retry_after = table
        .or("max_retry_after", MAX_RETRY_AFTER, |value| value.duration(&MAX_RETRY_AFTER_RANGE));
    table.end();
    Some(Retry {
        attempts: attempts?,
        on: on?,
        methods: methods?,
        budget: budget?,
        body_bytes: body_bytes?,
        per_try_timeout: per_try_timeout?,
        backoff: backoff?,
        max_retry_after: max_retry_after?,
    })
}

fn budget(mut table: Table<'_>) -> Option<RetryBudget> {
    let percent = table.or("percent", BUDGET_PERCENT, |value| value.integer(0..=100));
    let min_per_second = table.or("min_per_second", BUDGET_MIN_PER_SECOND, |value| {
        value.integer(0..=BUDGET_MIN_PER_SECOND_MAX)
    });
    table.end();
    Some(RetryBudget { percent: percent?, min_per_second: min_per_second? })
}

/// What one item of `on` says.
#[derive(Clone, Copy)]
enum Cause {
    Fault(RetryFault),
    Status(StatusCode),
}

fn causes(value: &Value<'_>) -> Option<RetryOn> {
    let mut on = RetryOn::default();
    for cause in each(&value.some_items()?, cause)? {
        match cause {
            Cause::Fault(fault) => on.faults.push(fault),
            Cause::Status(status) => on.statuses.push(status),
        }
    }
    Some(on)
}

fn cause(value: &Value<'_>) -> Option<Cause> {
    match &value.node.kind {
        Kind::Integer(_) => {
            let status = value.integer(STATUS_RANGE)?;
            StatusCode::from_u16(status).ok().map(Cause::Status)
        }
        Kind::Text(_) => {
            let fault = value.one_of(&[
                ("connect_failure", RetryFault::Connect),
                ("reset", RetryFault::Reset),
                ("timeout", RetryFault::Timeout),
            ])?;
            Some(Cause::Fault(fault))
        }
        _ => value.wrong("a status or one of `connect_failure`, `reset` and `timeout`"),
    }
}

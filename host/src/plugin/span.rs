//! A call of a phase as a span of the log.

use std::time::Duration;

use serde::Serialize;
use tracing::Span;
use tracing::field::Empty;

use super::fault::Fault;
use super::guest::Moment;
use super::meter::Spent;
use super::trace;
use crate::facts::Exchange;
use crate::telemetry::SPANS;
use crate::telemetry::metrics::HostCalls;

/// Begins the span of a call within that of its exchange, if there is one and anybody wants it.
pub(super) fn begin(
    plugin: &str,
    moment: Moment,
    (isolation, instance): (&'static str, &'static str),
    exchange: Option<&Exchange>,
) -> Span {
    let none = Span::none();
    tracing::debug_span!(
        target: SPANS,
        parent: exchange.map_or(&none, |exchange| &exchange.span),
        "plugin",
        plugin,
        phase = moment.as_str(),
        isolation,
        instance,
        outcome = Empty,
        host_calls = Empty,
        duration_us = Empty,
        cpu_us = Empty,
    )
}

/// Notes what came of the call.
pub(super) fn end<T: Serialize>(
    span: &Span,
    result: &Result<T, Fault>,
    spent: Spent,
    calls: HostCalls,
) {
    if span.is_disabled() {
        return;
    }
    let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    match result {
        Ok(value) => span.record("outcome", trace::word(value).as_str()),
        Err(fault) => span.record("outcome", fault.as_str()),
    };
    span.record("host_calls", calls.sum());
    span.record("duration_us", us(spent.duration));
    span.record("cpu_us", us(spent.ran));
}

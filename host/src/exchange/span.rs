//! An exchange as a span of the log.

use std::time::Duration;

use tracing::field::Empty;
use tracing::{Level, Span};

use super::fields::Trace;
use crate::facts::Exchange;
use crate::telemetry::SPANS;

/// Begins the span of an exchange whose route is known, if anybody wants it.
///
/// `trace` is where the exchange stands in its trace, if that was looked up already.
pub(super) fn begin(exchange: &Exchange, trace: Option<Trace>) -> Span {
    if !tracing::span_enabled!(target: SPANS, Level::DEBUG) {
        return Span::none();
    }
    let request = &exchange.request;
    let trace = trace.unwrap_or_else(|| Trace::of(&request.headers));
    let span = tracing::debug_span!(
        target: SPANS,
        parent: None,
        "exchange",
        request_id = %exchange.id,
        method = %request.method,
        path = request.path(),
        route = %exchange.route,
        trace_id = %format_args!("{:032x}", trace.trace_id),
        span_id = %format_args!("{:016x}", trace.span_id),
        parent_id = Empty,
        status = Empty,
        source = Empty,
        duration_us = Empty,
    );
    if let Some(parent) = trace.parent_id {
        span.record("parent_id", tracing::field::display(format_args!("{parent:016x}")));
    }
    span
}

/// Notes what came of it. The span is closed with the exchange, after its log phases.
pub(super) fn end(exchange: &Exchange, status: u16, duration: Duration) {
    let span = &exchange.span;
    if !span.is_disabled() {
        span.record("status", status);
        span.record("source", exchange.source.as_str());
        span.record("duration_us", u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }
}

//! How hyper is set up for HTTP/2, and what it says of a connection's end.

use std::error::Error as _;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::TokioTimer;

use super::streams::Streams;
use crate::config;
use crate::telemetry::metrics::Complaint;

pub(super) use hyper::server::conn::http2::Connection;

/// With our tasks for its streams.
pub(super) type Builder = http2::Builder<Streams>;

/// Between two HTTP/2 pings, each of which must be answered within the same time. A peer that has
/// vanished without a word is noticed after 40 seconds at the latest.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// How much larger than allowed a head of HTTP/2 may be and still be answered as others are.
///
/// What is larger is refused by h2, which can say nothing but 431, and what is four times as large as
/// that ends the connection. Until a head is refused it is held: with 128 streams and heads of
/// 32 KiB, 8 MiB for a connection that sends nothing else.
const HEAD_SLACK: u32 = 2;

/// Streams that a client may reset before we have looked at them; one more ends the connection with
/// `ENHANCE_YOUR_CALM` (CVE-2023-44487). What comes at once is looked at once it is read, so this
/// is what one read may bring of them; [`Watch`](super::watch::Watch) counts the others.
const UNSEEN_RESETS_MAX: usize = 20;

/// Streams that a client may make us reset over the life of a connection, by errors or by opening
/// more than are allowed (CVE-2025-8671). It is many, because a connection of another proxy carries
/// the mistakes of many clients; [`Watch`](super::watch::Watch) counts how many come at once.
const ERRORS_MAX: usize = 1024;

/// What all streams of a connection may have under way to us.
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// What h2 may hold of one response that is not written yet, beyond the part that it took last.
const SEND_BYTES_MAX: usize = 64 * 1024;

/// What h2 takes of a head, as RFC 9113 section 6.5.2 counts it.
pub(super) fn head_bytes(limits: &config::Limits) -> u32 {
    let bytes = u32::try_from(limits.request_head_bytes).unwrap_or(u32::MAX);
    bytes.saturating_mul(HEAD_SLACK)
}

/// The windows of streams stay at the protocol's 64 KiB: a client must not make us hold more of a
/// body than its upstream takes. All bounds on what a client makes us hold or do are set here, so
/// that they are ours and not those of a version of hyper.
pub(super) fn builder(limits: &config::Limits) -> Builder {
    let mut builder = http2::Builder::new(Streams { patience: limits.body_timeout });
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.http2_streams)
        .max_header_list_size(head_bytes(limits))
        .max_frame_size(16 * 1024)
        .header_table_size(4096)
        .initial_stream_window_size(64 * 1024 - 1)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .adaptive_window(false)
        .max_send_buf_size(SEND_BYTES_MAX)
        .max_pending_accept_reset_streams(UNSEEN_RESETS_MAX)
        .max_local_error_reset_streams(ERRORS_MAX)
        // RFC 8441: WebSockets over HTTP/2.
        .enable_connect_protocol()
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_INTERVAL);
    builder
}

/// What the client did, if hyper has ended the connection for it.
pub(super) fn complaint(error: &hyper::Error) -> Option<Complaint> {
    let error = error.source()?.downcast_ref::<h2::Error>()?;
    // GOAWAY of the client is its own affair.
    let reason = error.reason().filter(|_| error.is_library() && error.is_go_away())?;
    Some(match reason {
        h2::Reason::PROTOCOL_ERROR => Complaint::Protocol,
        h2::Reason::FLOW_CONTROL_ERROR => Complaint::FlowControl,
        h2::Reason::FRAME_SIZE_ERROR => Complaint::FrameSize,
        h2::Reason::ENHANCE_YOUR_CALM => Complaint::Calm,
        _ => Complaint::Other,
    })
}

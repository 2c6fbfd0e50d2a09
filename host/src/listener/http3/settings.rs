//! What the HTTP/3 connections of one listener have in common.

use std::sync::Arc;
use std::time::Duration;

use quinn::{IdleTimeout, TransportConfig, VarInt};

use crate::config;
use crate::listener::drive::Times;
use crate::listener::tls::Acceptor;

/// Between two PINGs while a client is silent; one that answers none is gone after twice the time, as with
/// HTTP/2.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// What a client may have under way at once beside requests: its control stream, two of QPACK, and what
/// extensions bring (RFC 9114 section 6.2 asks for three at least).
const UNI_STREAMS: VarInt = VarInt::from_u32(16);

/// What a client may send of one body before its upstream takes it.
const STREAM_WINDOW_BYTES: VarInt = VarInt::from_u32(256 * 1024);

/// The same, of all bodies of a connection; as much as with HTTP/2.
const CONNECTION_WINDOW_BYTES: VarInt = VarInt::from_u32(1024 * 1024);

/// What is kept of responses until a client has acknowledged it: 20 MB in a second if a round trip takes 50
/// ms.
const SEND_WINDOW_BYTES: u64 = 1024 * 1024;

/// What the HTTP/3 connections of one listener have in common.
#[derive(Debug, Clone)]
pub struct Settings {
    quic: Arc<quinn::ServerConfig>,
    tls: Acceptor,
    times: Times,
    head_bytes: usize,
}

impl Settings {
    /// Prepares what the limits ask for.
    #[must_use]
    pub fn new(limits: &config::Limits, tls: &Acceptor) -> Self {
        let mut transport = TransportConfig::default();
        transport
            .max_concurrent_bidi_streams(VarInt::from_u32(limits.http2_streams))
            .max_concurrent_uni_streams(UNI_STREAMS)
            .stream_receive_window(STREAM_WINDOW_BYTES)
            .receive_window(CONNECTION_WINDOW_BYTES)
            .send_window(SEND_WINDOW_BYTES)
            .datagram_receive_buffer_size(None)
            .keep_alive_interval(Some(PING_INTERVAL))
            .max_idle_timeout(IdleTimeout::try_from(2 * PING_INTERVAL).ok());
        let mut quic = quinn::ServerConfig::with_crypto(Arc::new(tls.quic()));
        quic.transport_config(Arc::new(transport));
        Self {
            quic: Arc::new(quic),
            tls: tls.clone(),
            times: Times {
                header: limits.header_timeout,
                idle: limits.idle_timeout,
                write: limits.body_timeout,
                rest: None,
            },
            head_bytes: limits.request_head_bytes,
        }
    }

    pub(super) fn quic(&self) -> Arc<quinn::ServerConfig> {
        Arc::clone(&self.quic)
    }

    pub(super) const fn tls(&self) -> &Acceptor {
        &self.tls
    }

    pub(super) const fn times(&self) -> Times {
        self.times
    }

    /// Of all field lines of a section together, counted as in RFC 9114 section 4.2.2.
    pub(super) const fn head_bytes(&self) -> usize {
        self.head_bytes
    }
}

//! What is counted of a listener.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

/// The connections of one listener.
#[derive(Debug, Default)]
pub struct ListenerMetrics {
    /// Open now.
    pub open: Gauge,
    /// Accepted so far.
    pub accepted: Counter,
    /// Clients of HTTP/3 that had to show first that they are where they say.
    pub retries: Counter,
    full: Counter,
    resumed: Counter,
    failed: Counter,
    /// In the order of [`Complaint::ALL`].
    complaints: [Counter; Complaint::ALL.len()],
    /// The end of each certificate by its file, in seconds since 1970; empty on a plain listener.
    certificates: Mutex<BTreeMap<String, i64>>,
}

/// What came of a handshake of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    /// The client was shown a certificate.
    Full,
    /// It went on with a session that it had before.
    Resumed,
    /// There was no agreement, or not in time.
    Failed,
}

/// Why the gateway has ended a connection of HTTP/2 (RFC 9113 section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Complaint {
    /// Frames that are not allowed, or not there.
    Protocol,
    /// More than there was room for, or more room than there can be.
    FlowControl,
    /// A frame of a size that it cannot have.
    FrameSize,
    /// A flood.
    Calm,
    /// Another code.
    Other,
}

impl Complaint {
    const ALL: [Self; 5] =
        [Self::Protocol, Self::FlowControl, Self::FrameSize, Self::Calm, Self::Other];

    const fn code(self) -> &'static str {
        match self {
            Self::Protocol => "PROTOCOL_ERROR",
            Self::FlowControl => "FLOW_CONTROL_ERROR",
            Self::FrameSize => "FRAME_SIZE_ERROR",
            Self::Calm => "ENHANCE_YOUR_CALM",
            Self::Other => "other",
        }
    }
}

impl ListenerMetrics {
    /// Counts a connection of HTTP/2 that was ended for what its client did.
    pub fn complain(&self, complaint: Complaint) {
        let counters = Complaint::ALL.iter().zip(&self.complaints);
        for (_, counter) in counters.filter(|(other, _)| **other == complaint) {
            counter.inc();
        }
    }

    /// By code.
    pub(super) fn complaints(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counters = Complaint::ALL.iter().zip(&self.complaints);
        counters.map(|(complaint, counter)| (complaint.code(), counter.get()))
    }

    /// Counts a handshake.
    pub fn handshake(&self, outcome: Handshake) {
        match outcome {
            Handshake::Full => self.full.inc(),
            Handshake::Resumed => self.resumed.inc(),
            Handshake::Failed => self.failed.inc(),
        };
    }

    /// Sets when the certificates end that are shown from now on: the file of each, and seconds since
    /// 1970.
    pub fn set_certificates(&self, certificates: impl Iterator<Item = (String, i64)>) {
        *self.lock() = certificates.collect();
    }

    /// By word; nothing on a listener that never was one of TLS.
    pub(super) fn handshakes(&self) -> Vec<(&'static str, u64)> {
        let all = [("full", &self.full), ("resumed", &self.resumed), ("failed", &self.failed)];
        let all = all.map(|(outcome, counter)| (outcome, counter.get()));
        let is_tls = !self.lock().is_empty() || all.iter().any(|(_, count)| *count > 0);
        if is_tls { all.to_vec() } else { Vec::new() }
    }

    /// Sorted by file.
    pub(super) fn certificates(&self) -> Vec<(String, i64)> {
        self.lock().iter().map(|(file, end)| (file.clone(), *end)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, i64>> {
        self.certificates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

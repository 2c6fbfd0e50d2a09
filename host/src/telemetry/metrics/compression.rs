//! Responses that were compressed.

use prometheus_client::metrics::counter::Counter;

use super::model::Coding;

/// The responses of one route that were compressed.
#[derive(Debug, Default)]
pub struct CompressionMetrics {
    responses: [Counter; Coding::ALL.len()],
    read_bytes: Counter,
    written_bytes: Counter,
}

impl CompressionMetrics {
    /// Counts a response.
    pub fn began(&self, coding: Coding) {
        if let Some(responses) = self.responses.get(coding as usize) {
            responses.inc();
        }
    }

    /// Counts bytes before compression.
    pub fn read(&self, bytes: usize) {
        self.read_bytes.inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// Counts bytes after it.
    pub fn wrote(&self, bytes: usize) {
        self.written_bytes.inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// How many there were in each coding.
    pub(super) fn responses(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let codings = Coding::ALL.iter().map(|coding| coding.as_str());
        codings.zip(self.responses.iter().map(Counter::get)).filter(|(_, n)| *n > 0)
    }

    /// Bytes before and after.
    pub(super) fn bytes(&self) -> [(&'static str, u64); 2] {
        [("before", self.read_bytes.get()), ("after", self.written_bytes.get())]
    }
}

//! Who waits for a place, and who gets none.

use prometheus_client::metrics::gauge::Gauge;

use super::tokens::Tokens;

/// The places at something that takes so many at once.
#[derive(Debug, Default)]
pub struct GateMetrics {
    /// Places that are taken.
    pub active: Gauge,
    /// Those who wait for one.
    pub waiting: Gauge,
    refused: Tokens,
}

impl GateMetrics {
    /// Counts one who got no place, by a word of the code.
    pub fn refused(&self, reason: &'static str) {
        self.refused.count(reason);
    }

    /// Each reason and its number.
    pub(super) fn refusals(&self) -> Vec<(&'static str, u64)> {
        self.refused.all()
    }
}

//! What an upstream's circuit breaker does.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::tokens::Tokens;

/// What an upstream's circuit breaker does.
#[derive(Debug, Default)]
pub struct BreakerMetrics {
    /// 0 closed, 1 half-open, 2 open.
    pub state: Gauge,
    /// Requests that it kept from the upstream.
    pub refused: Counter,
    transitions: Tokens,
}

impl BreakerMetrics {
    /// Counts a change to the state of this name.
    pub fn changed(&self, to: &'static str) {
        self.transitions.count(to);
    }

    /// Each state that it came to and how often.
    pub(super) fn transitions(&self) -> Vec<(&'static str, u64)> {
        self.transitions.all()
    }
}

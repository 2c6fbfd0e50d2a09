//! How many requests an upstream takes at once, and how many wait.

use std::sync::Arc;

use crate::config;
use crate::failure::Failure;
use crate::gate::{Discipline, Gate, Place, Refused};
use crate::telemetry::Metrics;

/// How many requests an upstream takes at once, and how many wait.
#[derive(Debug)]
pub struct Admission {
    bounds: config::Admission,
    /// Shared with the next snapshot, in which the requests of this one are under way as well.
    gate: Arc<Gate>,
}

impl Admission {
    pub(super) fn build(
        bounds: config::Admission,
        upstream: &str,
        metrics: &Metrics,
        previous: Option<&Self>,
    ) -> Self {
        let gate = match previous {
            Some(previous) => Arc::clone(&previous.gate),
            None => Gate::new(Discipline::Fair, metrics.gate(upstream)),
        };
        Self { bounds, gate }
    }

    /// As in the configuration.
    #[must_use]
    pub const fn bounds(&self) -> &config::Admission {
        &self.bounds
    }

    /// Requests under way.
    #[must_use]
    pub fn active(&self) -> i64 {
        self.gate.active()
    }

    /// Requests that wait.
    #[must_use]
    pub fn waiting(&self) -> i64 {
        self.gate.waiting()
    }

    /// Waits for a place, which is kept until the end of the response. A drop waits no longer.
    pub(super) async fn enter(&self) -> Result<Place, Failure> {
        self.gate.enter(&self.bounds).await.map_err(|refused| {
            Failure::UpstreamOverloaded(match refused {
                Refused::Full => "too many requests wait for the upstream",
                Refused::Late | Refused::Shed => "the upstream had no room for the request in time",
            })
        })
    }
}

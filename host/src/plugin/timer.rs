//! Ticks: what a plugin does without a request.
//!
//! A plugin ticks on one instance in the whole gateway, which is born with the first tick and kept with
//! its memory. A tick that traps or takes too long ends it; the next tick has a new one. It is
//! counted in no `limits.instances`, because whoever waits for an instance would wait for good.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Plugin;
use super::instance::Lease;
use crate::clock;
use crate::telemetry::metrics::Phase;

/// What a plugin may ask for, in milliseconds: shorter is work for every request, and what is done
/// less than daily is no work for a gateway.
pub(super) const PERIOD_MS_RANGE: std::ops::RangeInclusive<u64> = 100..=24 * 60 * 60 * 1000;

/// How much of a period each interval may differ from it, in both directions.
const JITTER: f64 = 0.1;

/// What stands for the route and the request id in the log.
const NO_EXCHANGE: &str = "-";

impl Plugin {
    /// Between the starts of two ticks; absent if the plugin has no timer.
    #[must_use]
    pub const fn period(&self) -> Option<Duration> {
        self.period
    }

    /// Ticks at once and then at each interval, until `end` is cancelled; a tick that is under way
    /// then is finished. A drop cuts it.
    pub async fn tick(&self, end: &CancellationToken) {
        let Some(period) = self.period else { return };
        let mut kept = None;
        while !end.is_cancelled() {
            let next = Instant::now() + varied(period, fastrand::f64());
            kept = self.tick_once(kept).await;
            tokio::select! {
                biased;
                () = end.cancelled() => {}
                () = sleep_until(next) => {}
            }
        }
    }

    /// Gives the instance back if it can tick again.
    async fn tick_once<'p>(&'p self, kept: Option<Lease<'p>>) -> Option<Lease<'p>> {
        let began = clock::now();
        let lease = match kept {
            Some(lease) => Ok(lease),
            None => self.instances.extra().await,
        };
        let ticked = match lease {
            Ok(mut lease) => {
                let ticked = lease.tick().await;
                self.metrics().called(Phase::Timer, clock::now().duration_since(began));
                ticked.map(|()| lease)
            }
            Err(fault) => Err(fault),
        };
        match ticked {
            Ok(lease) => Some(lease),
            Err(fault) => {
                self.count(&fault);
                fault.report(&self.name, NO_EXCHANGE, NO_EXCHANGE, "timer");
                None
            }
        }
    }
}

/// A period that differs by up to [`JITTER`]; `random` is from 0 to 1.
fn varied(period: Duration, random: f64) -> Duration {
    period.mul_f64(1.0 - JITTER + 2.0 * JITTER * random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_differ_by_a_tenth_at_most() {
        let period = Duration::from_secs(10);
        assert_eq!(varied(period, 0.0), Duration::from_secs(9));
        assert_eq!(varied(period, 0.5), Duration::from_secs(10));
        assert_eq!(varied(period, 1.0), Duration::from_secs(11));
    }
}

//! What one call of a plugin takes: the time from start to end, and for how much of it it runs.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::{Duration, Instant};

use crate::clock;
use crate::telemetry::metrics::PluginMetrics;

/// Adds up the time for which a plugin runs on its worker, while it runs.
///
/// Suspended it is while the host waits for something on its behalf, and when it has run for so
/// long that the worker's other exchanges have their turn. The clock is asked at the beginning and
/// at the end, and twice for each suspension.
#[derive(Debug)]
pub(super) struct Meter {
    began: Instant,
    /// When what runs now began to; absent while it is suspended.
    running: Option<Instant>,
    ran: Duration,
}

/// What a call took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spent {
    /// From start to end.
    pub(super) duration: Duration,
    /// The part of it for which it ran.
    pub(super) ran: Duration,
}

impl Meter {
    /// Begins to run.
    pub(super) const fn begin(now: Instant) -> Self {
        Self { began: now, running: Some(now), ran: Duration::ZERO }
    }

    /// Runs a part of it.
    ///
    /// After a drop of the future half-way the meter says how long it ran until then.
    pub(super) async fn run<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            self.resume();
            let polled = future.as_mut().poll(context);
            if polled.is_pending() {
                self.suspend(clock::now());
            }
            polled
        })
        .await
    }

    /// It runs, unless it does already.
    pub(super) fn resume(&mut self) {
        if self.running.is_none() {
            self.running = Some(clock::now());
        }
    }

    /// For how long it has run.
    pub(super) fn ran(&self, now: Instant) -> Duration {
        let last = self.running.map(|began| now.saturating_duration_since(began));
        self.ran + last.unwrap_or_default()
    }

    /// The time since it began.
    pub(super) fn duration(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }

    /// It waits, until it goes on.
    pub(super) fn suspend(&mut self, now: Instant) {
        if let Some(began) = self.running.take() {
            self.ran += now.saturating_duration_since(began);
        }
    }

    /// The call is over.
    fn end(&mut self, now: Instant) -> Spent {
        self.suspend(now);
        Spent { duration: now.saturating_duration_since(self.began), ran: self.ran }
    }
}

/// A meter whose running time reaches the metrics however the call ends, also by a drop.
pub(super) struct Metered<'p> {
    pub(super) meter: Meter,
    metrics: &'p PluginMetrics,
}

impl<'p> Metered<'p> {
    pub(super) const fn new(meter: Meter, metrics: &'p PluginMetrics) -> Self {
        Self { meter, metrics }
    }

    /// The call is over.
    pub(super) fn end(mut self) -> Spent {
        self.meter.end(clock::now())
    }
}

impl Drop for Metered<'_> {
    fn drop(&mut self) {
        self.metrics.ran(self.meter.ran);
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn what_is_suspended_does_not_run() {
        let start = clock::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut meter = Meter::begin(start);
        meter.suspend(at(2));
        meter.suspend(at(50));
        meter.running = Some(at(100));
        let spent = meter.end(at(103));
        let ms = Duration::from_millis;
        assert_eq!(spent, Spent { duration: ms(103), ran: ms(5) });
    }

    #[test]
    fn a_future_runs_from_each_poll_until_it_waits() {
        let mut meter = Meter::begin(clock::now());
        let mut polls = 0;
        let mut future = Box::pin(meter.run(poll_fn(|_| {
            polls += 1;
            if polls == 1 { Poll::Pending } else { Poll::Ready(()) }
        })));
        let mut context = Context::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut context).is_pending());
        assert!(future.as_mut().poll(&mut context).is_ready());
        drop(future);
        assert!(meter.running.is_some(), "it runs on until its end is told");
        assert!(meter.ran > Duration::ZERO);
    }
}

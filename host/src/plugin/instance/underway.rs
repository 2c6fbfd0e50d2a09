//! A guest that runs, together with the instance that it runs in.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use ouroboros::self_referencing;

use super::live::{Live, Running};
use super::{Instances, was_interrupted, within};
use crate::clock;
use crate::plugin::engine::Engine;
use crate::plugin::fault::Fault;
use crate::plugin::meter::{Meter, Metered, Spent};
use crate::telemetry::metrics::PluginMetrics;

/// Running time after which a call leaves its worker when it is next interrupted. Policies take a
/// tenth of it; what takes longer holds up the worker's other exchanges.
const SHORT: Duration = Duration::from_micros(250);

/// A call under way. It owns its instance, so that it may go on in another thread, and gives the
/// instance back also if it is given up.
#[self_referencing]
pub(super) struct Underway<T: 'static> {
    live: Box<Live>,
    #[borrows(mut live)]
    #[not_covariant]
    running: Running<'this, T>,
}

impl<T> Underway<T> {
    /// Begins a call.
    pub(super) fn begin(
        live: Box<Live>,
        run: impl for<'s> FnOnce(&'s mut Live) -> Running<'s, T>,
    ) -> Self {
        Self::new(live, |live| run(live))
    }

    /// Has the guest go on.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<wasmtime::Result<T>> {
        self.with_running_mut(|running| running.as_mut().poll(context))
    }

    /// The instance, and what the call came to; it is given up if its time was up before.
    fn settle(
        self,
        outcome: Option<wasmtime::Result<T>>,
        wall: Duration,
    ) -> (Box<Live>, Result<T, Fault>) {
        let mut live = self.into_heads().live;
        let result = match outcome {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => Err(Fault::of_call(&error, live.store.data_mut())),
            None => Err(Fault::WallTime(wall)),
        };
        (live, result)
    }
}

/// What is driven with what, and for how long.
pub(super) struct Drive<'i> {
    pub(super) instances: &'i Instances,
    /// Whether the call may leave its worker.
    pub(super) may_leave: bool,
    pub(super) meter: Meter,
}

/// What came of a call, and what it took.
type Driven<T> = (Box<Live>, Result<T, Fault>, Spent);

impl Drive<'_> {
    /// Drives a call to its end: here while it is short, and beside the workers from then on.
    ///
    /// A plugin whose last call was long begins there, so that only the first of many long calls
    /// holds up a worker.
    pub(super) async fn run<T: Send + 'static>(self, mut underway: Underway<T>) -> Driven<T> {
        let Self { instances, may_leave, meter } = self;
        let Instances { engine, budget, metrics, were_long, .. } = instances;
        let mut metered = Metered::new(meter, metrics);
        if !(may_leave && were_long.load(Ordering::Relaxed)) {
            let meter = &mut metered.meter;
            let here = poll_fn(|context| {
                meter.resume();
                if let Poll::Ready(outcome) = underway.poll(context) {
                    return Poll::Ready(Some(outcome));
                }
                let now = clock::now();
                if may_leave && was_interrupted() && meter.ran(now) >= SHORT {
                    return Poll::Ready(None);
                }
                meter.suspend(now);
                Poll::Pending
            });
            let polled = within(engine, budget.wall, here).await;
            let Some(None) = polled else {
                let (live, result) = underway.settle(polled.flatten(), budget.wall);
                return (live, result, metered.end());
            };
        }

        metrics.long_calls.inc();
        let now = clock::now();
        metered.meter.suspend(now);
        let left = budget.wall.saturating_sub(metered.meter.duration(now));
        let there = finish(underway, Arc::clone(engine), Arc::clone(metrics), (left, budget.wall));
        let (live, result, ran) = match engine.lanes().run(Box::pin(there)) {
            Ok(there) => {
                there.await.expect("it ends by itself, and whatever a guest does is a trap")
            }
            Err(here) => here.await,
        };
        were_long.store(ran >= SHORT, Ordering::Relaxed);
        let mut spent = metered.end();
        spent.ran += ran;
        (live, result, spent)
    }
}

/// Drives a call to its end within what is left of its time; gives for how long it ran.
async fn finish<T>(
    mut underway: Underway<T>,
    engine: Arc<Engine>,
    metrics: Arc<PluginMetrics>,
    (left, wall): (Duration, Duration),
) -> (Box<Live>, Result<T, Fault>, Duration) {
    let mut metered = Metered::new(Meter::begin(clock::now()), &metrics);
    let running = poll_fn(|context| underway.poll(context));
    let outcome = within(&engine, left, metered.meter.run(running)).await;
    // Here as well, because a backtrace takes longer than most calls.
    let (live, result) = underway.settle(outcome, wall);
    (live, result, metered.end().ran)
}

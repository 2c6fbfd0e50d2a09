//! A guest that runs, together with the instance that it runs in.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ouroboros::self_referencing;

use super::live::{Live, Running};
use super::{was_interrupted, within};
use crate::clock;
use crate::plugin::engine::Engine;
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

    /// The instance; what was under way is given up.
    fn stop(self) -> Box<Live> {
        self.into_heads().live
    }
}

/// Drives a call to its end: here while it is short, and beside the workers from then on. Gives what it
/// came to, unless the time was up before, and what it took.
pub(super) async fn drive<T: Send + 'static>(
    mut underway: Underway<T>,
    (engine, metrics): (&Arc<Engine>, &Arc<PluginMetrics>),
    wall: Duration,
    may_leave: bool,
    meter: Meter,
) -> (Box<Live>, Option<wasmtime::Result<T>>, Spent) {
    let mut metered = Metered::new(meter, metrics);
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
    let polled = within(engine, wall, here).await;
    let Some(None) = polled else {
        return (underway.stop(), polled.flatten(), metered.end());
    };

    metrics.long_calls.inc();
    let now = clock::now();
    metered.meter.suspend(now);
    let left = wall.saturating_sub(metered.meter.duration(now));
    let there = finish(underway, Arc::clone(engine), Arc::clone(metrics), left);
    let (live, outcome, ran) = match engine.lanes().run(Box::pin(there)) {
        Ok(there) => there.await.expect("it ends by itself, and whatever a guest does is a trap"),
        Err(here) => here.await,
    };
    let mut spent = metered.end();
    spent.ran += ran;
    (live, outcome, spent)
}

/// Drives a call to its end; gives for how long it ran.
async fn finish<T>(
    mut underway: Underway<T>,
    engine: Arc<Engine>,
    metrics: Arc<PluginMetrics>,
    left: Duration,
) -> (Box<Live>, Option<wasmtime::Result<T>>, Duration) {
    let mut metered = Metered::new(Meter::begin(clock::now()), &metrics);
    let running = poll_fn(|context| underway.poll(context));
    let outcome = within(&engine, left, metered.meter.run(running)).await;
    (underway.stop(), outcome, metered.end().ran)
}

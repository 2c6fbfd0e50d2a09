//! Instances: how one is born, what it serves, and what ends it.
//!
//! An instance is born from its plugin's image, in which `configure` has already run (or, if the
//! component cannot be snapshotted, is configured first). With `isolation = "request"` it serves one
//! call, and is then made new again ([`super::renewal`]) or, where that cannot be done, dropped. With
//! `"pooled"` it goes back to the pool as it is after a call that answered, and is retired after a
//! number of calls. A trap, a timeout and a dropped future all end it: an instance goes back only
//! through [`Lease::give_back`].
//!
//! Each call runs on a fiber. The engine's ticks interrupt it every millisecond, so that a guest
//! that computes for long shares its worker with the other exchanges until its running time is up.

mod lease;
mod live;
mod part;
mod pool;
mod underway;

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::component::{ComponentExportIndex, Instance, InstancePre, WasmList};
use wasmtime::{PoolConcurrencyLimitError, Store, UpdateDeadline};

pub(super) use lease::{Kept, Lease};
pub(super) use part::Part;

use super::contract::Exports;
use super::contract::bindings::exports::tidegate::plugin::lifecycle::ConfigError;
use super::engine::{Engine, TICK};
use super::fault::Fault;
use super::guest::{Guest, Shared};
use super::meter::{Meter, Metered};
use super::renewal::{Memory, Pristine};
use crate::clock;
use crate::config::{Budget, Isolation, Secret};
use crate::telemetry::metrics::PluginMetrics;
use live::{Functions, Live, New, Running};
use pool::Pool;

/// What fresh instances are made from.
pub(super) struct Image {
    pub(super) pre: InstancePre<Guest>,
    pub(super) exports: Exports,
    /// What each instance is configured with, unless that is in the image already.
    pub(super) config: Option<Secret>,
    /// Absent if instances cannot be made new again, or need not.
    pub(super) renewal: Option<Renewal>,
}

/// What it takes to make an instance new again.
pub(super) struct Renewal {
    /// Tells where the memory lies.
    pub(super) memory: ComponentExportIndex,
    pub(super) pristine: Pristine,
}

/// All instances of a plugin.
pub(super) struct Instances {
    engine: Arc<Engine>,
    image: Image,
    shared: Arc<Shared>,
    budget: Budget,
    /// Those that wait for their next call; absent if each serves one only.
    pool: Option<Pool>,
    permits: Semaphore,
    waiting: AtomicUsize,
    /// Whether the last call beside the workers was long, and so the next may be.
    were_long: AtomicBool,
    metrics: Arc<PluginMetrics>,
}

/// The right to have one more instance, counted in the metrics.
struct Permit<'p> {
    /// Absent for an instance beside those of exchanges.
    _slot: Option<SemaphorePermit<'p>>,
    shared: &'p Shared,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.shared.metrics.instances.dec();
    }
}

impl Instances {
    pub(super) fn new(
        engine: Arc<Engine>,
        image: Image,
        shared: Arc<Shared>,
        budget: Budget,
        isolation: Isolation,
    ) -> Self {
        let pool = Pool::of(isolation, image.renewal.is_some(), &engine);
        let permits = Semaphore::new(budget.instances);
        let (waiting, were_long) = (AtomicUsize::new(0), AtomicBool::new(false));
        let metrics = Arc::clone(&shared.metrics);
        Self { engine, image, shared, budget, pool, permits, waiting, were_long, metrics }
    }

    pub(super) fn live(&self) -> usize {
        self.budget.instances.saturating_sub(self.permits.available_permits())
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(super) fn idle(&self) -> usize {
        self.pool.as_ref().map_or(0, Pool::idle)
    }

    pub(super) const fn metrics(&self) -> &Arc<PluginMetrics> {
        &self.metrics
    }

    pub(super) const fn image(&self) -> &Image {
        &self.image
    }

    /// Lends an instance for one call, waiting for its turn if all are lent.
    ///
    /// A drop while waiting gives up the place.
    pub(super) async fn lend(&self) -> Result<Lease<'_>, Fault> {
        let permit = self.permit().await?;
        self.lend_with(permit).await
    }

    /// Lends an instance for one call, unless all are lent.
    pub(super) async fn lend_at_once(&self) -> Result<Lease<'_>, Fault> {
        let slot = self.permits.try_acquire().map_err(|_all_lent| Fault::Saturated)?;
        self.lend_with(self.permitted(slot)).await
    }

    async fn lend_with<'p>(&'p self, permit: Permit<'p>) -> Result<Lease<'p>, Fault> {
        let mut meter = Meter::begin(clock::now());
        let mut live = match self.pool.as_ref().and_then(Pool::take) {
            Some(live) => live,
            None => match self.make(&mut meter).await {
                Ok(live) => live,
                Err(fault) => {
                    Metered::new(meter, &self.metrics).end();
                    return Err(fault);
                }
            },
        };
        live.meter = Some(meter);
        Ok(Lease::new(live, self, permit))
    }

    /// Puts an instance that has answered back into the pool, unless it has served enough or has to be
    /// made new and cannot be.
    fn take_back(&self, mut live: Box<Live>) {
        let Some(pool) = &self.pool else { return };
        if let Some(renewal) = &self.image.renewal {
            if !live.renew(&renewal.pristine) {
                return;
            }
            self.metrics.renewals.inc();
        }
        pool.put(live);
    }

    /// Makes an instance that serves nobody.
    pub(super) async fn try_out(&self) -> Result<Made<'_>, Fault> {
        let permit = self.permit().await?;
        let mut meter = Meter::begin(clock::now());
        let live = self.make(&mut meter).await?;
        Ok(Made { live, _permit: permit })
    }

    /// Makes an instance beside those that exchanges wait for.
    pub(super) async fn extra(&self) -> Result<Lease<'_>, Fault> {
        let mut meter = Meter::begin(clock::now());
        let mut live = self.make(&mut meter).await?;
        live.meter = Some(meter);
        self.shared.metrics.instances.inc();
        let permit = Permit { _slot: None, shared: &self.shared };
        Ok(Lease::new(live, self, permit))
    }

    async fn permit(&self) -> Result<Permit<'_>, Fault> {
        let slot = match self.permits.try_acquire() {
            Ok(slot) => slot,
            Err(_all_lent) => self.wait().await?,
        };
        Ok(self.permitted(slot))
    }

    fn permitted<'p>(&'p self, slot: SemaphorePermit<'p>) -> Permit<'p> {
        self.shared.metrics.instances.inc();
        Permit { _slot: Some(slot), shared: &self.shared }
    }

    async fn wait(&self) -> Result<SemaphorePermit<'_>, Fault> {
        let place = Place::take(self).ok_or(Fault::Saturated)?;
        let began = clock::now();
        let turn = tokio::time::timeout(self.budget.wall, self.permits.acquire()).await;
        self.metrics.queue.observe_duration(clock::now().saturating_duration_since(began));
        drop(place);
        match turn {
            Ok(Ok(slot)) => Ok(slot),
            Ok(Err(_)) | Err(_) => Err(Fault::Saturated),
        }
    }

    async fn make(&self, meter: &mut Meter) -> Result<Box<Live>, Fault> {
        let mut store = new_store(&self.engine, &self.shared);
        let Image { pre, exports, config, renewal } = &self.image;
        allow(&mut store, &self.engine, self.budget.cpu);
        let making: Running<'_, (Functions, Option<Memory>)> = Box::pin(async {
            let instance = pre.instantiate_async(&mut store).await?;
            if let Some(config) = config {
                configure(&mut store, &instance, exports, config.expose())
                    .await?
                    .map_err(|refused| wasmtime::format_err!("{}", refused.message))?;
            }
            let functions = Functions::of(&mut store, &instance, exports)?;
            let memory = match renewal {
                Some(renewal) => memory(&mut store, &instance, renewal).await?,
                None => None,
            };
            Ok((functions, memory))
        });
        match within(&self.engine, self.budget.wall, meter.run(making)).await {
            Some(Ok((functions, memory))) => {
                self.metrics.starts.inc();
                let memory_used = store.data().memory_used();
                let new = memory.map(|memory| New { memory, memory_used });
                Ok(Box::new(Live { store, functions, calls: 0, meter: None, new }))
            }
            Some(Err(error)) if error.is::<PoolConcurrencyLimitError>() => Err(Fault::Saturated),
            Some(Err(error)) => Err(Fault::of_call(&error, store.data_mut())),
            None => Err(Fault::WallTime(self.budget.wall)),
        }
    }
}

/// A fresh instance that serves nobody, until it is dropped. For measuring.
pub struct Made<'p> {
    live: Box<Live>,
    _permit: Permit<'p>,
}

impl Made<'_> {
    /// Bytes of its memories and tables.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.live.store.data().memory_used()
    }
}

/// One of the places to wait in.
struct Place<'p>(&'p Instances);

impl<'p> Place<'p> {
    fn take(instances: &'p Instances) -> Option<Self> {
        let before = instances.waiting.fetch_add(1, Ordering::Relaxed);
        instances.shared.metrics.waiting.inc();
        let place = Self(instances);
        (before < instances.budget.queue).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        self.0.shared.metrics.waiting.dec();
    }
}

/// A store whose guest is stopped by memory and ticks.
pub(super) fn new_store(engine: &Engine, shared: &Arc<Shared>) -> Store<Guest> {
    let mut store = Store::new(engine.wasmtime(), Guest::new(Arc::clone(shared)));
    store.limiter(|guest| guest);
    let ticks = engine.counted_ticks();
    store.epoch_deadline_callback(move |mut store| {
        // A tick that came while the guest waited, or while others ran, is not its own.
        if ticks.count() == RESUMED.get() {
            return Ok(UpdateDeadline::Continue(1));
        }
        let guest = store.data_mut();
        guest.ticks_left = guest.ticks_left.saturating_sub(1);
        if guest.ticks_left == 0 {
            return Err(super::fault::OutOfTime.into());
        }
        INTERRUPTED.set(true);
        // Not a plain yield: with a task that is always ready, the runtime would look at its sockets
        // only every 61 turns. This one lets it look at them each time.
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    });
    store
}

/// Gives the next call its running time.
pub(super) fn allow(store: &mut Store<Guest>, engine: &Engine, cpu: Duration) {
    let ticks = cpu.as_millis().div_ceil(TICK.as_millis()).max(1);
    // The first tick may come at once.
    store.data_mut().ticks_left = u64::try_from(ticks).unwrap_or(u64::MAX).saturating_add(1);
    store.set_epoch_deadline(1);
    engine.wake();
}

/// Asks where the memory lies; none if it is not as it should be.
async fn memory(
    store: &mut Store<Guest>,
    instance: &Instance,
    Renewal { memory, pristine }: &Renewal,
) -> wasmtime::Result<Option<Memory>> {
    let function = instance.get_typed_func::<(), (WasmList<u8>,)>(&mut *store, memory)?;
    let (all,) = function.call_async(&mut *store, ()).await?;
    let memory = Memory::new(all.as_le_slice(&*store), pristine);
    // The answer itself was written to it.
    Ok(memory.filter(|memory| memory.restore(store, pristine)))
}

/// Calls `configure`.
pub(super) async fn configure(
    store: &mut Store<Guest>,
    instance: &Instance,
    exports: &Exports,
    config: &str,
) -> wasmtime::Result<Result<(), ConfigError>> {
    let lifecycle = exports.lifecycle.as_ref();
    let at = &lifecycle.ok_or_else(|| wasmtime::format_err!("no lifecycle"))?.configure;
    let function =
        instance.get_typed_func::<(&str,), (Result<(), ConfigError>,)>(&mut *store, at)?;
    Ok(function.call_async(&mut *store, (config,)).await?.0)
}

thread_local! {
    /// The engine's tick at which this thread last went on with a guest.
    static RESUMED: Cell<u64> = const { Cell::new(0) };
    /// Whether the guest that went on then has used up a tick since.
    static INTERRUPTED: Cell<bool> = const { Cell::new(false) };
}

/// Whether the guest that this thread has just had run was interrupted by a tick.
fn was_interrupted() -> bool {
    INTERRUPTED.get()
}

/// Runs a guest and waits for it at most this long. A call that is done at once costs no timer.
pub(super) async fn within<F: Future>(
    engine: &Engine,
    wall: Duration,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut future = poll_fn(move |context| {
        RESUMED.set(engine.ticks());
        INTERRUPTED.set(false);
        future.as_mut().poll(context)
    });
    let first = poll_fn(|context| Poll::Ready(pin!(&mut future).poll(context))).await;
    match first {
        Poll::Ready(output) => Some(output),
        Poll::Pending => tokio::time::timeout(wall, future).await.ok(),
    }
}

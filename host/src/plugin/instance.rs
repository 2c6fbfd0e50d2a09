//! Instances: how one is born, what it serves, and what ends it.
//!
//! An instance is born from its plugin's image, in which `configure` has already run (or, if the
//! component cannot be snapshotted, is configured first). With `isolation = "request"` it serves one
//! call and is dropped. With `"pooled"` it goes back to the pool after a call that answered, and is
//! retired after a number of calls. A trap, a timeout and a dropped future all end it: an instance
//! goes back only through [`Lease::give_back`].
//!
//! Each call runs on a fiber. The engine's ticks interrupt it every millisecond, so that a guest
//! that computes for long shares its worker with the other exchanges until its running time is up.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use crossbeam_queue::ArrayQueue;
use http_body_util::BodyExt as _;
use serde::Serialize;
use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::component::{Instance, InstancePre, Resource, TypedFunc};
use wasmtime::{PoolConcurrencyLimitError, Store, UpdateDeadline};
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::types::{HostIncomingRequest, HostResponseOutparam};

use super::contract::Exports;
use super::contract::bindings::exports::tidegate::plugin::lifecycle::ConfigError;
use super::contract::bindings::tidegate::plugin::types::{RequestAction, ResponseAction};
use super::contract::log_phase::exports::tidegate::plugin::log_phase::Summary;
use super::contract::on_handle::exports::tidegate::plugin::handler::Handled;
use super::engine::{Engine, TICK};
use super::fault::Fault;
use super::guest::{Guest, Moment, Shared};
use super::handler::{Handling, RequestStream};
use super::proxy::{self, Outcome};
use crate::clock;
use crate::config::{Budget, Isolation, Secret};
use crate::facts::{self, Open};
use crate::telemetry::metrics::PluginMetrics;

/// What fresh instances are made from.
pub(super) struct Image {
    pub(super) pre: InstancePre<Guest>,
    pub(super) exports: Exports,
    /// What each instance is configured with, unless that is in the image already.
    pub(super) config: Option<Secret>,
}

/// All instances of a plugin.
pub(super) struct Instances {
    engine: Arc<Engine>,
    image: Image,
    shared: Arc<Shared>,
    budget: Budget,
    /// Those that wait for their next call, and after how many calls they retire.
    pool: Option<(ArrayQueue<Live>, u32)>,
    permits: Semaphore,
    waiting: AtomicUsize,
    metrics: Arc<PluginMetrics>,
}

/// One live copy of a plugin.
struct Live {
    store: Store<Guest>,
    functions: Functions,
    calls: u32,
}

struct Functions {
    request: Option<TypedFunc<(), (RequestAction,)>>,
    response: Option<TypedFunc<(), (ResponseAction,)>>,
    log: Option<TypedFunc<(Summary,), ()>>,
    handle: Option<TypedFunc<(), (Handled,)>>,
    incoming: Option<Incoming>,
}

/// `handle` of `wasi:http/incoming-handler`.
type Incoming = TypedFunc<(Resource<HostIncomingRequest>, Resource<HostResponseOutparam>), ()>;

/// An instance that is lent for one call; a drop retires it.
pub(super) struct Lease<'p> {
    live: Live,
    instances: &'p Instances,
    _permit: Permit<'p>,
}

/// The right to have one more instance, counted in the metrics.
struct Permit<'p> {
    _slot: SemaphorePermit<'p>,
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
        let pool = match isolation {
            Isolation::Request => None,
            Isolation::Pooled { calls, idle } => Some((ArrayQueue::new(idle.max(1)), calls)),
        };
        let permits = Semaphore::new(budget.instances);
        let waiting = AtomicUsize::new(0);
        let metrics = Arc::clone(&shared.metrics);
        Self { engine, image, shared, budget, pool, permits, waiting, metrics }
    }

    pub(super) fn live(&self) -> usize {
        self.budget.instances.saturating_sub(self.permits.available_permits())
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(super) fn idle(&self) -> usize {
        self.pool.as_ref().map_or(0, |(pool, _)| pool.len())
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
        let idle = self.pool.as_ref().and_then(|(pool, _)| pool.pop());
        let live = match idle {
            Some(live) => live,
            None => self.make().await?,
        };
        Ok(Lease { live, instances: self, _permit: permit })
    }

    async fn permit(&self) -> Result<Permit<'_>, Fault> {
        let slot = match self.permits.try_acquire() {
            Ok(slot) => slot,
            Err(_all_lent) => self.wait().await?,
        };
        self.shared.metrics.instances.inc();
        Ok(Permit { _slot: slot, shared: &self.shared })
    }

    async fn wait(&self) -> Result<SemaphorePermit<'_>, Fault> {
        let place = Place::take(self).ok_or(Fault::Saturated)?;
        let turn = tokio::time::timeout(self.budget.wall, self.permits.acquire()).await;
        drop(place);
        match turn {
            Ok(Ok(slot)) => Ok(slot),
            Ok(Err(_)) | Err(_) => Err(Fault::Saturated),
        }
    }

    async fn make(&self) -> Result<Live, Fault> {
        let mut store = new_store(&self.engine, &self.shared);
        let Image { pre, exports, config } = &self.image;
        allow(&mut store, &self.engine, self.budget.cpu);
        let made = within(&self.engine, self.budget.wall, async {
            let instance = pre.instantiate_async(&mut store).await?;
            if let Some(config) = config {
                configure(&mut store, &instance, exports, config.expose())
                    .await?
                    .map_err(|refused| wasmtime::format_err!("{}", refused.message))?;
            }
            Functions::of(&mut store, &instance, exports)
        });
        match made.await {
            Some(Ok(functions)) => Ok(Live { store, functions, calls: 0 }),
            Some(Err(error)) if error.is::<PoolConcurrencyLimitError>() => Err(Fault::Saturated),
            Some(Err(error)) => Err(Fault::of_call(&error, store.data_mut())),
            None => Err(Fault::WallTime(self.budget.wall)),
        }
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

impl Functions {
    fn of(
        store: &mut Store<Guest>,
        instance: &Instance,
        exports: &Exports,
    ) -> wasmtime::Result<Self> {
        let request = exports.request.as_ref();
        let response = exports.response.as_ref();
        let log = exports.log.as_ref();
        let handle = exports.handle.as_ref();
        let incoming = exports.incoming.as_ref();
        Ok(Self {
            request: request.map(|at| instance.get_typed_func(&mut *store, at)).transpose()?,
            response: response.map(|at| instance.get_typed_func(&mut *store, at)).transpose()?,
            log: log.map(|at| instance.get_typed_func(&mut *store, at)).transpose()?,
            handle: handle.map(|at| instance.get_typed_func(&mut *store, at)).transpose()?,
            incoming: incoming.map(|at| instance.get_typed_func(&mut *store, at)).transpose()?,
        })
    }
}

impl Lease<'_> {
    /// Calls `on-request`. A drop here retires the instance and finishes the exchange.
    pub(super) async fn request(&mut self, open: Open) -> (Open, Result<RequestAction, Fault>) {
        let function = self.live.functions.request;
        self.call(Moment::Request, open, async |store: &mut Store<Guest>| {
            let function = function.ok_or_else(|| wasmtime::format_err!("no request phase"))?;
            Ok(function.call_async(store, ()).await?.0)
        })
        .await
    }

    /// Calls `on-response`. A drop here retires the instance and finishes the exchange.
    pub(super) async fn response(&mut self, open: Open) -> (Open, Result<ResponseAction, Fault>) {
        let function = self.live.functions.response;
        self.call(Moment::Response, open, async |store: &mut Store<Guest>| {
            let function = function.ok_or_else(|| wasmtime::format_err!("no response phase"))?;
            Ok(function.call_async(store, ()).await?.0)
        })
        .await
    }

    /// Calls `on-complete`.
    pub(super) async fn log(&mut self, open: Open, summary: Summary) -> (Open, Result<(), Fault>) {
        let function = self.live.functions.log;
        self.call(Moment::Log, open, async |store: &mut Store<Guest>| {
            let function = function.ok_or_else(|| wasmtime::format_err!("no log phase"))?;
            function.call_async(store, (summary,)).await
        })
        .await
    }

    /// Calls `handle`, and hands back what the guest left of `handling`. A drop here retires the
    /// instance.
    pub(super) async fn handle(
        &mut self,
        aside: Open,
        handling: Box<Handling>,
    ) -> (Open, Box<Handling>, Result<Handled, Fault>) {
        let function = self.live.functions.handle;
        self.live.store.data_mut().handling = Some(handling);
        let (aside, result) = self
            .call(Moment::Handler, aside, async |store: &mut Store<Guest>| {
                let function = function.ok_or_else(|| wasmtime::format_err!("no handler"))?;
                Ok(function.call_async(store, ()).await?.0)
            })
            .await;
        let handling = self.live.store.data_mut().handling.take();
        (aside, handling.expect("nothing but this function takes it"), result)
    }

    /// Calls `handle` of `wasi:http`; what the guest sets goes to `set`. A drop here retires the
    /// instance.
    pub(super) async fn incoming(
        &mut self,
        aside: Open,
        request: http::Request<RequestStream>,
        set: impl FnOnce(Outcome) + Send + Sync + 'static,
    ) -> (Open, Result<(), Fault>) {
        let function = self.live.functions.incoming;
        let scheme = match aside.request.scheme {
            facts::Scheme::Http => Scheme::Http,
            facts::Scheme::Https => Scheme::Https,
        };
        self.call(Moment::Handler, aside, async |store: &mut Store<Guest>| {
            let function = function.ok_or_else(|| wasmtime::format_err!("no incoming handler"))?;
            let mut http = store.data_mut().http();
            let request = request.map(|body| body.map_err(|error| proxy::error_of(&error)));
            let request = http.new_incoming_request(scheme, request)?;
            let out = http.new_response_outparam_from_callback(set)?;
            function.call_async(store, (request, out)).await
        })
        .await
    }

    async fn call<T: Serialize>(
        &mut self,
        moment: Moment,
        open: Open,
        run: impl AsyncFnOnce(&mut Store<Guest>) -> wasmtime::Result<T>,
    ) -> (Open, Result<T, Fault>) {
        let Instances { engine, budget, .. } = self.instances;
        let store = &mut self.live.store;
        let guest = store.data_mut();
        guest.exchange = Some(open);
        guest.moment = moment;
        guest.messages = 0;
        allow(store, engine, budget.cpu);
        let traced = self.instances.shared.tracer.as_ref().map(|tracer| (tracer, clock::now()));
        let result = match within(engine, budget.wall, run(store)).await {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => Err(Fault::of_call(&error, store.data_mut())),
            None => Err(Fault::WallTime(budget.wall)),
        };
        let guest = store.data_mut();
        guest.flush();
        if result.is_ok() {
            guest.emit_printed();
        }
        let open = guest.exchange.take().expect("nothing but this function takes it");
        if let Some((tracer, began)) = traced {
            let took = clock::now().saturating_duration_since(began);
            tracer.phase(&open.id, moment.as_str(), &result, took);
        }
        (open, result)
    }

    /// Puts an instance that has answered back into the pool, unless it has served enough.
    pub(super) fn give_back(self) {
        let Self { mut live, instances, _permit } = self;
        if let Some((pool, calls)) = &instances.pool {
            live.calls += 1;
            if live.calls < *calls {
                // A full pool hands it back, and it is dropped.
                drop(pool.push(live));
            }
        }
    }
}

/// A store whose guest is stopped by memory and ticks.
pub(super) fn new_store(engine: &Engine, shared: &Arc<Shared>) -> Store<Guest> {
    let mut store = Store::new(engine.wasmtime(), Guest::new(Arc::clone(shared)));
    store.limiter(|guest| guest);
    let ticks = engine.ticks();
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
}

/// Runs a guest and waits for it at most this long. A call that is done at once costs no timer.
pub(super) async fn within<F: Future>(
    engine: &Engine,
    wall: Duration,
    future: F,
) -> Option<F::Output> {
    let ticks = engine.ticks();
    let mut future = pin!(future);
    let mut future = poll_fn(move |context| {
        RESUMED.set(ticks.count());
        future.as_mut().poll(context)
    });
    let first = poll_fn(|context| Poll::Ready(pin!(&mut future).poll(context))).await;
    match first {
        Poll::Ready(output) => Some(output),
        Poll::Pending => tokio::time::timeout(wall, future).await.ok(),
    }
}

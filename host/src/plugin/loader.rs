//! From a plugin's table in gateway.toml to a plugin that can serve.
//!
//! ```text
//! file or embedded → component, checked → compiled → describe, configure → image → plugin
//! ```
//!
//! All of it happens off the request path, on a thread that may block. Whatever is wrong is a
//! [`Fault`] with its place in the file; a plugin that cannot load never serves.

mod grants;
mod identity;
mod image;
mod inspection;
mod pin;
mod proxy;
mod source;

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::Store;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime_wizer::{WasmtimeWizerComponent, Wizer};

use super::client::{Bounds, Client};
use super::contract::bindings::exports::tidegate::plugin::lifecycle::Description;
use super::contract::{self, Exports, Unfit};
use super::engine::Engine;
use super::guest::{Guest, Shared};
use super::instance::{self, Image, Instances};
use super::timer::PERIOD_MS_RANGE;
use super::{Fault, Files, Identity, Origin, Place, Plugin, Services, capability};
use crate::clock;
use crate::config::{self, Budget, Grants};
use crate::state::kv::Owner;
use grants::check;
pub(crate) use identity::hex_digest;
pub use inspection::{Inspection, Snapshot};
use source::{Source, find};

/// Running time of `describe` and `configure` together: engines in the guest start slowly.
const LOADING_CPU: Duration = Duration::from_secs(10);
/// The same from start to end, also on a machine that is busy with something else.
const LOADING_WALL: Duration = Duration::from_secs(40);
/// Memory of an instance while it is configured; parsing may need more than serving does.
const LOADING_MEMORY_BYTES: usize = 512 << 20;

/// Loads plugins for one engine.
pub struct Loader {
    engine: Arc<Engine>,
    linker: Linker<Guest>,
    /// For components of `wasi:http`; made with the first.
    proxies: OnceLock<Linker<Guest>>,
    services: Services,
    /// One at a time, because the function cache notes what a component used.
    turn: Mutex<()>,
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader").finish_non_exhaustive()
    }
}

/// A component that keeps the contract, ready to make instances.
struct Prepared {
    image: Image,
    description: Description,
    timing: Timing,
    /// Between two ticks; absent without a timer.
    period: Option<Duration>,
}

/// How long the steps of loading took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    /// Instrumenting, compiling and checking, of the component and of its snapshot.
    pub compile: Duration,
    /// Making the instance that is configured, and `describe`.
    pub start: Duration,
    /// `configure`.
    pub configure: Duration,
    /// Taking the snapshot.
    pub snapshot: Duration,
}

impl Timing {
    /// The time since `since`, which is then now.
    fn lap(since: &mut Instant) -> Duration {
        let before = std::mem::replace(since, clock::now());
        since.duration_since(before)
    }
}

impl Loader {
    /// A loader whose plugins share `services`.
    ///
    /// # Errors
    ///
    /// If the contract cannot be linked, which is a fault of the gateway itself.
    pub fn new(engine: Arc<Engine>, services: Services) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(engine.wasmtime());
        capability::link(&mut linker)?;
        Ok(Self { engine, linker, proxies: OnceLock::new(), services, turn: Mutex::new(()) })
    }

    /// What plugins of this loader share.
    #[must_use]
    pub const fn services(&self) -> &Services {
        &self.services
    }

    /// Loads a plugin; blocks while it compiles. `previous` is handed back if nothing that it was
    /// made from has changed.
    ///
    /// # Errors
    ///
    /// Everything that keeps it from serving.
    pub fn load(
        &self,
        config: &config::Plugin,
        plugins_dir: &Path,
        kv_bytes: usize,
        previous: Option<&Arc<Plugin>>,
    ) -> Result<Arc<Plugin>, Vec<Fault>> {
        let source = find(&config.component, plugins_dir).map_err(|fault| vec![fault])?;
        let signature = pin::check(config, &source)?;
        let identity = Identity::of(config, &source.bytes, &source.origin, kv_bytes);
        if let Some(previous) = previous.filter(|previous| previous.identity == identity) {
            return Ok(Arc::clone(previous));
        }
        contract::check_preamble(&source.bytes)
            .map_err(|unfit| vec![Fault::component(config, unfit)])?;

        let shared = self.shared(config, kv_bytes, LOADING_MEMORY_BYTES);
        let digest = identity.digest.clone();
        let prepared = {
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            // Most functions of a new version are those of the one before.
            let before = previous.map(|previous| previous.digest());
            self.engine.cache().load(before.into_iter().chain([digest.as_str()]));
            let prepared = self.prepare(config, &source, &shared);
            self.engine.cache().save(&digest);
            prepared?
        };

        let shared = self.shared(config, kv_bytes, config.budget.memory_bytes);
        let Prepared { image, description, timing, period } = prepared;
        let engine = Arc::clone(&self.engine);
        let instances =
            Instances::new(engine, image, shared, config.budget.clone(), config.isolation);
        Ok(Arc::new(Plugin {
            name: config.label().into(),
            origin: source.origin,
            identity,
            description,
            timing,
            on_error: config.on_error,
            body_bytes: config.budget.body_bytes,
            on_large_body: config.on_large_body,
            period,
            instances,
            files: Mutex::new(Some(Files { component: source.bytes, signature })),
        }))
    }

    fn shared(&self, config: &config::Plugin, kv_bytes: usize, memory_bytes: usize) -> Arc<Shared> {
        let Services {
            cache,
            consumers,
            counters,
            kv,
            outputs,
            egress,
            metrics,
            secrets,
            trace,
            held: _,
            exchanges: _,
        } = &self.services;
        let own = metrics.plugin(&config.label());
        let client = config.grants.as_ref().and_then(Grants::http_client).map(|scope| {
            let Budget { calls, calls_total, memory_bytes, .. } = config.budget;
            let bounds = Bounds { calls, calls_total, body_bytes: memory_bytes };
            Client::new(scope.clone(), Arc::clone(egress), bounds, Arc::clone(&own.calls))
        });
        Arc::new(Shared {
            name: config.name.as_str().into(),
            label: config.label().into(),
            grants: config.grants.clone().unwrap_or_default(),
            cache: Arc::clone(cache),
            consumers: Arc::clone(consumers),
            counters: Arc::clone(counters),
            kv: kv.space(Owner::of(config), kv_bytes),
            outputs: Arc::clone(outputs),
            client,
            metrics: own,
            secrets: Arc::clone(secrets),
            memory_bytes,
            tracer: trace.of(&config.name),
        })
    }

    /// Compiles, checks, describes, configures and snapshots.
    fn prepare(
        &self,
        config: &config::Plugin,
        source: &Source,
        shared: &Arc<Shared>,
    ) -> Result<Prepared, Vec<Fault>> {
        if contract::proxy::is_mentioned(&source.bytes) {
            let component = self.compile(config, &source.bytes)?;
            if let Some(exports) = contract::proxy::exports(&component) {
                return self.prepare_proxy(config, &component, exports, shared);
            }
        }
        let (mut timing, mut since) = (Timing::default(), clock::now());
        let wizer = Wizer::new();
        let instrumented = wizer.instrument_component(&source.bytes);
        let bytes = match &instrumented {
            Ok((_, bytes)) => bytes.as_slice(),
            Err(error) => {
                let reason = error.root_cause().to_string();
                tracing::info!(plugin = %config.name, reason, "no snapshot, each instance is configured");
                &source.bytes
            }
        };
        let component = self.compile(config, bytes)?;
        let exports = check(config, &component, &source.origin)?;
        let pre = self.link(config, &component)?;
        timing.compile = Timing::lap(&mut since);

        run_to_end(config, async {
            let mut store = instance::new_store(&self.engine, shared);
            instance::allow(&mut store, &self.engine, LOADING_CPU);
            let instance = match pre.instantiate_async(&mut store).await {
                Ok(instance) => instance,
                Err(error) => {
                    return Err(vec![Fault::trapped(config, "starting", &error, &mut store)]);
                }
            };
            let description = describe(config, &mut store, &instance, &exports).await?;
            timing.start = Timing::lap(&mut since);
            configure(config, &mut store, &instance, &exports).await?;
            let period = period(config, &mut store, &instance, &exports).await?;
            timing.configure = Timing::lap(&mut since);

            let Ok((context, _)) = &instrumented else {
                let config = Some(config.config.clone());
                let image = Image { pre, exports, config, renewal: None };
                return Ok(Prepared { image, description, timing, period });
            };
            let mut state = WasmtimeWizerComponent { store: &mut store, instance };
            let snapshot = wizer.snapshot_component(context, &mut state).await;
            timing.snapshot = Timing::lap(&mut since);
            let image = match snapshot {
                Ok(snapshot) => self.image_of(config, &snapshot)?,
                Err(error) => {
                    let reason = error.root_cause().to_string();
                    tracing::warn!(plugin = %config.name, reason, "no snapshot, each instance is configured");
                    let config = Some(config.config.clone());
                    Image { pre, exports, config, renewal: None }
                }
            };
            timing.compile += Timing::lap(&mut since);
            Ok(Prepared { image, description, timing, period })
        })
    }

    fn link(
        &self,
        config: &config::Plugin,
        component: &Component,
    ) -> Result<InstancePre<Guest>, Vec<Fault>> {
        self.linker.instantiate_pre(component).map_err(|error| {
            let hint = "a function of the contract has another type than here; build the \
                        component against the contract of this gateway";
            vec![Fault::component(config, Unfit::new(format!("does not link: {error:#}"), hint))]
        })
    }

    fn compile(&self, config: &config::Plugin, bytes: &[u8]) -> Result<Component, Vec<Fault>> {
        Component::new(self.engine.wasmtime(), bytes).map_err(|error| {
            let hint = "the file may be damaged or use a WebAssembly feature that is turned off";
            vec![Fault::component(config, Unfit::new(format!("does not compile: {error:#}"), hint))]
        })
    }
}

/// Runs what calls a guest while it is loaded, within the loading time.
fn run_to_end<T>(
    config: &config::Plugin,
    work: impl Future<Output = Result<T, Vec<Fault>>>,
) -> Result<T, Vec<Fault>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        vec![Fault::component(config, Unfit::new(format!("could not be started: {error}"), ""))]
    })?;
    runtime.block_on(async {
        tokio::time::timeout(LOADING_WALL, work).await.unwrap_or_else(|_elapsed| {
            let took = LOADING_WALL.as_secs();
            let message =
                format!("plugin `{}` failed in `configure`: it took over {took} s", config.name);
            Err(vec![Fault { place: Place::Component, message, hint: None }])
        })
    })
}

async fn describe(
    config: &config::Plugin,
    store: &mut Store<Guest>,
    instance: &wasmtime::component::Instance,
    exports: &Exports,
) -> Result<Description, Vec<Fault>> {
    let described = async {
        let lifecycle = exports.lifecycle.as_ref();
        let at = &lifecycle.ok_or_else(|| wasmtime::format_err!("no lifecycle"))?.describe;
        let function = instance.get_typed_func::<(), (Description,)>(&mut *store, at)?;
        wasmtime::Result::Ok(function.call_async(&mut *store, ()).await?.0)
    };
    match described.await {
        Ok(description) => Ok(description),
        Err(error) => Err(vec![Fault::trapped(config, "`describe`", &error, store)]),
    }
}

async fn configure(
    config: &config::Plugin,
    store: &mut Store<Guest>,
    instance: &wasmtime::component::Instance,
    exports: &Exports,
) -> Result<(), Vec<Fault>> {
    let text = config.config.expose();
    match instance::configure(store, instance, exports, text).await {
        Ok(Ok(())) => {
            store.data_mut().emit_printed();
            Ok(())
        }
        Ok(Err(refused)) => Err(vec![Fault::config(refused.pointer, refused.message, None)]),
        Err(error) => Err(vec![Fault::trapped(config, "`configure`", &error, store)]),
    }
}

/// Asks for the time between two ticks, if there is a timer.
async fn period(
    config: &config::Plugin,
    store: &mut Store<Guest>,
    instance: &wasmtime::component::Instance,
    exports: &Exports,
) -> Result<Option<Duration>, Vec<Fault>> {
    let Some(timer) = &exports.timer else { return Ok(None) };
    let asked = async {
        let function = instance.get_typed_func::<(), (u64,)>(&mut *store, &timer.period)?;
        wasmtime::Result::Ok(function.call_async(&mut *store, ()).await?.0)
    };
    match asked.await {
        Ok(ms) if PERIOD_MS_RANGE.contains(&ms) => Ok(Some(Duration::from_millis(ms))),
        Ok(ms) => {
            let (least, most) = (PERIOD_MS_RANGE.start(), PERIOD_MS_RANGE.end());
            let message = format!(
                "plugin `{}` wants to tick every {ms} ms, which is not from {least} to {most}",
                config.name
            );
            let hint = Some("a setting of the plugin may say how often".to_owned());
            Err(vec![Fault::config(String::new(), message, hint)])
        }
        Err(error) => Err(vec![Fault::trapped(config, "`period-ms`", &error, store)]),
    }
}

fn all(config: &config::Plugin, unfit: Vec<Unfit>) -> Vec<Fault> {
    unfit.into_iter().map(|unfit| Fault::component(config, unfit)).collect()
}

impl Fault {
    fn component(config: &config::Plugin, unfit: Unfit) -> Self {
        let name = match &config.component {
            config::Component::Named(name) => name.clone(),
            config::Component::File(file) => file.display().to_string(),
        };
        let Unfit { message, hint } = unfit;
        Self {
            place: Place::Component,
            message: format!("component `{name}` {message}"),
            hint: (!hint.is_empty()).then_some(hint),
        }
    }

    const fn config(pointer: String, message: String, hint: Option<String>) -> Self {
        Self { place: Place::Config(pointer), message, hint }
    }

    fn trapped(
        config: &config::Plugin,
        what: &str,
        error: &wasmtime::Error,
        store: &mut Store<Guest>,
    ) -> Self {
        let fault = super::fault::Fault::of_call(error, store.data_mut());
        let message = format!("plugin `{}` failed in {what}: {fault}", config.name);
        Self { place: Place::Component, message, hint: None }
    }
}

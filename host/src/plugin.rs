//! The plugins of a route: Wasm instances, in order, and the capabilities they are granted.
//!
//! A [`Loader`] makes [`Plugin`]s out of components; a [`Pipeline`] calls them. Which plugins run,
//! in which order, and what one sees of another is decided here:
//!
//! - request phases run in the order of the pipeline, each seeing what those before it changed;
//! - the first that answers ends the request phase. Response phases then run in reverse order,
//!   from the one that answered back to the first; those behind it are left out;
//! - response phases run for every response, whoever gave it, failures of the gateway included;
//! - a body phase runs right after the phase that asked for the body if that is held for it, and
//!   as the body streams by otherwise;
//! - log phases run in the order of the pipeline for every exchange of the route;
//! - a plugin whose condition does not hold at its first turn is left out of all phases.
//!
//! A plugin may also be the end of a route, in place of an upstream; see [`Handled`].

mod anatomy;
pub mod cache;
mod call;
mod capability;
mod client;
pub mod contract;
mod egress;
mod embedded;
pub mod engine;
mod fault;
mod guest;
mod handler;
mod instance;
mod lane;
mod loader;
mod meter;
mod pipeline;
mod proxy;
mod renewal;
mod span;
mod stage;
mod timer;
mod trace;
pub mod versions;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

pub use anatomy::Anatomy;
pub use cache::FunctionCache;
pub use egress::{Egress, pools};
pub use engine::Engine;
pub use handler::{AnswerBody, Answering, Handled, RequestStream, Rest};
pub use instance::Made;
pub(crate) use loader::hex_digest;
pub use loader::{Inspection, Loader, Snapshot, Timing};
pub use pipeline::{Answered, Canary, Entry, Holding, Pipeline, Requested};
pub use trace::Trace;

pub use contract::log_phase::exports::tidegate::plugin::log_phase::Summary;

use contract::bindings::exports::tidegate::plugin::lifecycle::Description;
use contract::bindings::tidegate::plugin::types;
use instance::Instances;

use crate::body::Held;
use crate::config::{Budget, Grants, Isolation, Limits, OnError, OnLargeBody};
use crate::gate::{Discipline, Gate};
use crate::state::cache::Cache;
use crate::state::consumer::Consumers;
use crate::state::secret::Secrets;
use crate::state::{counter, kv, output};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::{Phase, PluginMetrics};

/// What all plugins of a gateway share.
#[derive(Clone)]
pub struct Services {
    /// Behind `cache`.
    pub cache: Arc<Cache>,
    /// Behind `consumers`; exchanged when the configuration changes.
    pub consumers: Arc<ArcSwap<Consumers>>,
    /// Behind `counter`.
    pub counters: Arc<counter::Counters>,
    /// Behind `kv`.
    pub kv: Arc<kv::Store>,
    /// Behind `output`; exchanged when the configuration changes.
    pub outputs: Arc<ArcSwap<output::Outputs>>,
    /// Behind `http-client`; what it leads to is exchanged when the configuration changes.
    pub egress: Arc<Egress>,
    /// Behind `metrics`, and what is counted of plugins.
    pub metrics: Arc<Metrics>,
    /// Behind `secret`; exchanged when the configuration changes.
    pub secrets: Arc<ArcSwap<Secrets>>,
    /// Whose calls are shown.
    pub trace: Trace,
    /// Bodies that are held for plugins.
    pub held: Arc<Held>,
    /// Where exchanges wait if too many are under way.
    pub exchanges: Arc<Gate>,
}

/// The files that a plugin was made from.
pub(crate) struct Files {
    pub(crate) component: Cow<'static, [u8]>,
    /// Of the component, if it had to be signed.
    pub(crate) signature: Option<String>,
}

/// Whether a component of this name is part of the gateway.
#[must_use]
pub fn is_embedded(component: &str) -> bool {
    embedded::find(component).is_some()
}

impl Services {
    /// With nothing in them yet, and nobody traced.
    #[must_use]
    pub fn new(limits: &Limits, outputs: output::Outputs) -> Self {
        let metrics = Arc::<Metrics>::default();
        Self {
            exchanges: Gate::new(Discipline::Shedding, metrics.exchanges()),
            metrics,
            cache: Arc::new(Cache::new(limits.cache_bytes)),
            consumers: Arc::default(),
            counters: Arc::new(counter::Counters::new(limits.counters)),
            kv: Arc::default(),
            outputs: Arc::new(ArcSwap::from_pointee(outputs)),
            egress: Arc::default(),
            secrets: Arc::default(),
            trace: Trace::default(),
            held: Held::new(limits.held_bodies_bytes),
        }
    }
}

/// Who produced a response, in the contract's words.
#[must_use]
pub fn source(source: crate::facts::Source) -> types::Source {
    source.into()
}

/// A component with one configuration, ready to serve.
pub struct Plugin {
    name: Box<str>,
    origin: Origin,
    identity: Identity,
    description: Description,
    timing: Timing,
    on_error: OnError,
    /// Of a body that is held for this plugin, at most.
    body_bytes: u64,
    on_large_body: OnLargeBody,
    /// Between two ticks.
    period: Option<Duration>,
    instances: Instances,
    /// What it was made from, until somebody takes it to keep it.
    files: Mutex<Option<Files>>,
}

/// Where a component came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Part of the gateway's own file.
    Embedded,
    /// Read from here.
    File(PathBuf),
}

/// All that a plugin was made from; an equal one would be the same plugin.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    digest: String,
    origin: Origin,
    /// Of the text, so that no copy of a secret is kept for the comparison.
    config_digest: String,
    isolation: Isolation,
    on_error: OnError,
    grants: Option<Grants>,
    budget: Budget,
    kv_bytes: usize,
}

/// Why a plugin cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What in the plugin's table is at fault.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// A place in a plugin's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The value of `component`.
    Component,
    /// The value of `sha256`.
    Sha256,
    /// The value of `signature` or `trusted_keys`.
    Signature,
    /// The value of `grants`.
    Grants,
    /// A value of `config`, by JSON Pointer.
    Config(String),
}

impl Plugin {
    /// As in gateway.toml; `name@canary` for the other version of a plugin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the component came from.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// SHA-256 of the component, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.identity.digest
    }

    /// The files that it was made from, for the first who asks: they are held only until the plugin
    /// has served.
    pub(crate) fn take_files(&self) -> Option<Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What the component says of itself.
    #[must_use]
    pub const fn description(&self) -> &Description {
        &self.description
    }

    /// How long it took to load.
    #[must_use]
    pub const fn timing(&self) -> Timing {
        self.timing
    }

    /// Makes a fresh instance as a call would. For measuring.
    ///
    /// # Errors
    ///
    /// Why there is none, in words.
    pub async fn instantiate(&self) -> Result<Made<'_>, String> {
        self.instances.try_out().await.map_err(|fault| fault.to_string())
    }

    /// How often each interface of the host was called, under its metric label; since the start of
    /// the process, and without the calls that are under way.
    #[must_use]
    pub fn host_calls(&self) -> Vec<(&'static str, u64)> {
        let calls = self.instances.metrics().host_calls();
        calls.map(|(interface, calls)| (interface.as_str(), calls)).collect()
    }

    /// How instances live.
    #[must_use]
    pub const fn isolation(&self) -> Isolation {
        self.identity.isolation
    }

    /// The capabilities the operator has granted; `None` if the file says nothing.
    #[must_use]
    pub const fn grants(&self) -> Option<&Grants> {
        self.identity.grants.as_ref()
    }

    /// Whether instances start already configured.
    #[must_use]
    pub const fn is_snapshot(&self) -> bool {
        self.instances.image().config.is_none()
    }

    /// Whether the component exports a phase.
    pub(crate) const fn has(&self, phase: Phase) -> bool {
        self.instances.image().exports.has(phase)
    }

    /// The phases that the component exports, in the order in which they run.
    #[must_use]
    pub fn phases(&self) -> Vec<&'static str> {
        self.instances.image().exports.phases()
    }

    /// What it has done since the gateway started.
    #[must_use]
    pub const fn metrics(&self) -> &Arc<PluginMetrics> {
        self.instances.metrics()
    }

    /// Whether a pipeline has something to run.
    #[must_use]
    pub fn has_phase(&self) -> bool {
        [Phase::Request, Phase::Response, Phase::Log].into_iter().any(|phase| self.has(phase))
    }

    /// Whether it can be the end of a route.
    #[must_use]
    pub const fn is_handler(&self) -> bool {
        self.instances.image().exports.handle.is_some() || self.is_proxy()
    }

    /// Whether it is a component of `wasi:http` that knows nothing of the contract.
    #[must_use]
    pub const fn is_proxy(&self) -> bool {
        self.instances.image().exports.incoming.is_some()
    }

    /// Instances that are lent now.
    #[must_use]
    pub fn live(&self) -> usize {
        self.instances.live()
    }

    /// Exchanges that wait for an instance now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.instances.waiting()
    }

    /// Pooled instances that wait for a call now.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.instances.idle()
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("name", &self.name).finish_non_exhaustive()
    }
}

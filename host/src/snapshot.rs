//! From a checked configuration to what serves: routes, plugins and upstreams, ready and immutable.
//!
//! A [`Snapshot`] is built beside the one that serves and takes its place whole. An exchange keeps
//! the one that it began with, so a plugin, an upstream or an output lives until the last exchange
//! that may need it is over. What has not changed is carried over: plugins with their instances,
//! upstreams with their endpoints' state, outputs with their open files.

mod encryption;
mod mirror;
mod outputs;
mod roles;
mod trust;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock;
use crate::config::{
    self, Finding, Findings, FixedResponse, HeaderEdits, HostPolicy, Loaded, Matcher, Redirect,
    Rewrite, Sources,
};
use crate::listener::Challenges;
use crate::listener::tls::Acceptor;
use crate::plugin::versions::Versions;
use crate::plugin::{
    Canary, Engine, Entry, Fault, Loader, Origin, Pipeline, Place, Plugin, Services,
};
use crate::route::Router;
use crate::route::split::Chooser;
use crate::state::consumer::Consumers;
use crate::state::output::Outputs;
use crate::state::secret::Secrets;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::{RouteMetrics, UNMATCHED};
use crate::upstream::{Tls, Upstream};
pub use mirror::{Mirror, UnderWay};
use trust::Trust;

/// An immutable, fully checked and compiled configuration; exactly one is current.
pub struct Snapshot {
    /// One more for each good change; the first is 1.
    pub id: u64,
    /// When it was built, in milliseconds since 1970.
    pub built_unix_ms: u64,
    /// Finds an index into `routes`.
    pub router: Router,
    /// In the order of the file.
    pub routes: Vec<Route>,
    /// Of the route of the same index; for people, `router` has its own.
    pub matchers: Vec<Matcher>,
    /// In the order of the file.
    pub upstreams: Vec<Arc<Upstream>>,
    /// In the order of the file.
    pub plugins: Vec<Arc<Plugin>>,
    /// The other version of the plugin of the same index, if there is one.
    pub canaries: Vec<Option<Arc<Plugin>>>,
    /// What holds for all routes.
    pub settings: Settings,
    /// In the order of the file.
    pub listeners: Vec<config::Listener>,
    /// Of the listener of the same index; absent on a plain one.
    pub tls: Vec<Option<Acceptor>>,
    /// Answers to challenges of ACME that are under way; all snapshots of a process have the same.
    pub challenges: Arc<Challenges>,
    /// What works, but will be of no use to clients, such as a certificate that is over.
    pub warnings: Vec<Finding>,
    /// Where the admin listener is; absent if there is none.
    pub admin: Option<SocketAddr>,
    /// What exchanges without a route count on.
    pub unmatched: Arc<RouteMetrics>,
    /// Those of the configuration; plugins see them through `loader` once it serves.
    pub outputs: Arc<Outputs>,
    /// Whom the `https` origins of plugins have to be trusted by.
    origins: Option<Tls>,
    loader: Arc<Loader>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What holds for all routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Of the process.
    pub gateway: config::Gateway,
    /// Of the clients' side.
    pub limits: config::Limits,
}

/// What happens to a request that matches.
#[derive(Debug)]
pub struct Route {
    /// Unique in the file.
    pub name: Arc<str>,
    /// Shared, because a log phase may outlive the exchange's future.
    pub pipeline: Arc<Pipeline>,
    /// Applied to the path on its way to the upstream.
    pub rewrite: Option<Rewrite>,
    /// What the upstream sees as `Host`, if not what its own policy says.
    pub host: Option<HostPolicy>,
    /// A path that is answered with a redirect to the same with a slash behind it.
    pub bare: Option<Box<str>>,
    /// Made last, on the way to the upstream or the handler.
    pub request_headers: HeaderEdits,
    /// Made last, to every response.
    pub response_headers: HeaderEdits,
    /// Copies for another upstream.
    pub mirror: Option<Mirror>,
    /// Where a matched request ends up.
    pub destination: Destination,
    /// From the request's head read to the last byte of the response.
    pub timeout: Duration,
    /// Of one request, in bytes.
    pub request_body_bytes: u64,
    /// Whether `%2F`, `%5C` and the like may stand in a path.
    pub allow_encoded_slash: bool,
    /// How its responses are compressed, if they are.
    pub compression: Option<config::Compression>,
    /// Which other protocols its connections may change to.
    pub upgrade: config::Upgrade,
    /// What its exchanges count on.
    pub metrics: Arc<RouteMetrics>,
}

/// Where a matched request ends up.
#[derive(Debug)]
pub enum Destination {
    /// It is forwarded.
    Upstream(Arc<Upstream>),
    /// It is forwarded to one of these, by the index that is chosen.
    Split(Box<Chooser>, Box<[Arc<Upstream>]>),
    /// A plugin answers it.
    Handler(Arc<Plugin>),
    /// It is answered with this.
    Fixed(FixedResponse),
    /// It is sent elsewhere.
    Redirect(Redirect),
}

/// What a snapshot is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To serve: outputs are opened.
    Serve,
    /// To be looked at: nothing on disk is made or changed but the cache of compiled code.
    Check,
}

/// What all snapshots of a process are built with.
#[derive(Clone)]
pub struct Builder {
    engine: Arc<Engine>,
    services: Services,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").finish_non_exhaustive()
    }
}

impl Builder {
    /// Plugins run on `engine` and share `services`.
    #[must_use]
    pub const fn new(engine: Arc<Engine>, services: Services) -> Self {
        Self { engine, services }
    }

    /// Builds a snapshot beside `previous`; blocks while plugins compile.
    ///
    /// # Errors
    ///
    /// All findings at once, each at its place in the file. Nothing has changed then.
    pub fn build(
        &self,
        loaded: &Loaded,
        previous: Option<&Snapshot>,
        purpose: Purpose,
    ) -> Result<Snapshot, Findings> {
        let Loaded { config, sources, .. } = loaded;
        let mut findings = Vec::new();
        let outputs = outputs::open(config, sources, previous, purpose, &mut findings);
        let metrics = &self.services.metrics;
        let challenges = previous.map(|it| Arc::clone(&it.challenges)).unwrap_or_default();
        let shared = (previous, &challenges);
        let tls = encryption::read(&config.listeners, sources, shared, metrics, &mut findings);
        let warnings = encryption::warnings(&tls, sources);
        let trust = trust::read(config, sources, &mut findings);
        let loader = outputs.as_ref().and_then(|outputs| {
            let loader = self.loader(outputs, previous);
            loader.map_err(|error| findings.push(about(sources, &error))).ok()
        });
        let known = previous.filter(|previous| {
            loader.as_ref().is_some_and(|loader| Arc::ptr_eq(loader, &previous.loader))
        });
        let plugins = loader.as_ref().and_then(|loader| {
            load_all(config, sources, loader, (previous, known.is_some()), &mut findings)
        });
        if let Some(plugins) = &plugins {
            roles::check(config, sources, &plugins.stable, &mut findings);
        }
        if let Some(findings) = Findings::new(findings, sources.watched().clone()) {
            return Err(findings);
        }
        let (Some(outputs), Some(loader), Some(plugins)) = (outputs, loader, plugins) else {
            unreachable!("what is missing has left a finding");
        };
        let parts = Parts { outputs, loader, plugins, tls, challenges, warnings, trust };
        Ok(assemble(config, previous, metrics, parts))
    }

    /// The loader of `previous`, unless outputs have other names: plugins may ask for those while
    /// they are configured, so then all that might are configured again, against the new ones, while
    /// the exchanges of `previous` still write to the old ones.
    fn loader(
        &self,
        outputs: &Arc<Outputs>,
        previous: Option<&Snapshot>,
    ) -> wasmtime::Result<Arc<Loader>> {
        if let Some(previous) = previous
            && previous.outputs.names().eq(outputs.names())
        {
            return Ok(Arc::clone(&previous.loader));
        }
        let outputs = Arc::new(arc_swap::ArcSwap::new(Arc::clone(outputs)));
        let services = Services { outputs, ..self.services.clone() };
        Loader::new(Arc::clone(&self.engine), services).map(Arc::new)
    }
}

impl Snapshot {
    /// Makes this the snapshot that serves, for all that is shared with others: plugins write to its
    /// outputs, bounds are its own, and what only its predecessors had is forgotten.
    pub fn take_over(&self, services: &Services, config: &config::Config) {
        self.loader.services().outputs.store(Arc::clone(&self.outputs));
        services.outputs.store(Arc::clone(&self.outputs));
        services.egress.replace(&self.settings.gateway.name, &self.upstreams, self.origins.clone());
        services.counters.set_entries_max(self.settings.limits.counters);
        services.cache.set_bytes_max(self.settings.limits.cache_bytes);
        services.cache.retain(|name| config.plugins.iter().any(|plugin| plugin.name == name));
        services.kv.retain(&config.plugins);
        services.consumers.store(Arc::new(Consumers::new(&config.consumers)));
        services.secrets.rcu(|previous| Secrets::new(&config.secrets, previous));
        services.metrics.retain(&crate::telemetry::metrics::Live::of(config));
        services.held.set_max(self.settings.limits.held_bodies_bytes);
        encryption::show(&self.listeners, &self.tls, &services.metrics);
        services.metrics.set_snapshot(self.id);
    }
}

impl Snapshot {
    /// Has plugins write to these outputs, which have the names of its own.
    pub fn divert_outputs(&self, outputs: Outputs) {
        self.loader.services().outputs.store(Arc::new(outputs));
    }

    /// Waits until all that plugins wrote is written. Blocks.
    pub fn flush_outputs(&self) {
        for output in self.loader.services().outputs.load().iter() {
            output.flush();
        }
    }

    /// Keeps the files that new plugins were made from, so that they can be put back. Blocks.
    pub fn keep_versions(&self, cache_dir: Option<&Path>) {
        for plugin in self.plugins.iter().chain(self.canaries.iter().flatten()) {
            let (Some(files), Origin::File(file), Some(cache_dir)) =
                (plugin.take_files(), plugin.origin(), cache_dir)
            else {
                continue;
            };
            if let Err(error) = Versions::of(cache_dir, file).keep(plugin.digest(), &files) {
                tracing::warn!(plugin = plugin.name(), %error, "a version was not kept");
            }
        }
    }
}

/// Each in the order of the file.
struct Plugins {
    stable: Vec<Arc<Plugin>>,
    canaries: Vec<Option<Arc<Plugin>>>,
}

/// What takes the longest to make, on its way into a snapshot.
struct Parts {
    outputs: Arc<Outputs>,
    loader: Arc<Loader>,
    plugins: Plugins,
    tls: Vec<Option<Acceptor>>,
    challenges: Arc<Challenges>,
    warnings: Vec<Finding>,
    trust: Trust,
}

fn assemble(
    config: &config::Config,
    previous: Option<&Snapshot>,
    metrics: &Metrics,
    parts: Parts,
) -> Snapshot {
    // There may be ten thousands of them.
    let known: BTreeMap<&str, &Arc<Upstream>> = previous
        .into_iter()
        .flat_map(|previous| &previous.upstreams)
        .map(|upstream| (&**upstream.name(), upstream))
        .collect();
    let upstreams: Vec<Arc<Upstream>> = config
        .upstreams
        .iter()
        .zip(&parts.trust.upstreams)
        .map(|(upstream, tls)| {
            let known = known.get(upstream.name.as_str()).copied();
            Upstream::build(upstream, tls.as_ref(), metrics, known)
        })
        .collect();
    let routes = config
        .routes
        .iter()
        .map(|route| {
            let known = (previous, upstreams.as_slice());
            Route::build(route, config, metrics, &parts.plugins, known)
        })
        .collect();
    Snapshot {
        id: previous.map_or(1, |previous| previous.id + 1),
        built_unix_ms: clock::unix_ms(),
        router: Router::build(&config.routes),
        routes,
        matchers: config.routes.iter().map(|route| route.matcher.clone()).collect(),
        upstreams,
        plugins: parts.plugins.stable,
        canaries: parts.plugins.canaries,
        settings: Settings { gateway: config.gateway.clone(), limits: config.limits.clone() },
        listeners: config.listeners.clone(),
        tls: parts.tls,
        challenges: parts.challenges,
        warnings: parts.warnings,
        admin: config.admin,
        unmatched: metrics.route(UNMATCHED),
        outputs: parts.outputs,
        origins: parts.trust.origins,
        loader: parts.loader,
    }
}

impl Route {
    fn build(
        route: &config::Route,
        config: &config::Config,
        metrics: &Metrics,
        plugins: &Plugins,
        (previous, upstreams): (Option<&Snapshot>, &[Arc<Upstream>]),
    ) -> Self {
        let upstream = |id: config::UpstreamId| {
            Arc::clone(
                upstreams.get(id.0).expect("ids come from `check`, which saw every upstream"),
            )
        };
        let mirror = route.mirror.as_ref().map(|settings| {
            let mut known = previous.into_iter().flat_map(|previous| &previous.routes);
            let known = known.find(|known| *known.name == *route.name);
            let under_way = known.and_then(|known| known.mirror.as_ref());
            Mirror::new(settings, upstream(settings.upstream), under_way)
        });
        let pipeline = route.pipeline.iter().map(|entry| {
            let at = entry.plugin.0;
            let (plugin, settings) = plugins
                .stable
                .get(at)
                .zip(config.plugins.get(at))
                .expect("ids come from `check`, which saw every plugin");
            let canary = plugins.canaries.get(at).and_then(Option::as_ref);
            let canary = canary
                .zip(settings.canary.as_deref())
                .map(|(plugin, canary)| Canary::new(Arc::clone(plugin), canary));
            Entry::new(Arc::clone(plugin), entry.owner, entry.clauses.clone())
                .with_canary(canary)
                .with_shadow(settings.shadow)
        });
        Self {
            name: route.name.as_str().into(),
            pipeline: Arc::new(Pipeline::new(pipeline.collect())),
            rewrite: route.rewrite.clone(),
            host: route.host.clone(),
            bare: route.matcher.path.bare().map(Into::into),
            request_headers: route.request_headers.clone(),
            response_headers: route.response_headers.clone(),
            mirror,
            destination: match &route.destination {
                config::Destination::Upstream(id) => Destination::Upstream(upstream(*id)),
                config::Destination::Split(split) => {
                    let all = split.targets.iter().map(|target| upstream(target.upstream));
                    let all: Box<[Arc<Upstream>]> = all.collect();
                    let names = all.iter().map(|upstream| &**upstream.name());
                    let chooser = Chooser::new(&route.name, split, names);
                    Destination::Split(Box::new(chooser), all)
                }
                config::Destination::Handler(id) => Destination::Handler(Arc::clone(
                    plugins
                        .stable
                        .get(id.0)
                        .expect("ids come from `check`, which saw every plugin"),
                )),
                config::Destination::Fixed(response) => Destination::Fixed(response.clone()),
                config::Destination::Redirect(redirect) => Destination::Redirect(redirect.clone()),
            },
            timeout: route.timeout,
            request_body_bytes: route
                .request_body_bytes
                .unwrap_or(config.limits.request_body_bytes),
            allow_encoded_slash: route.allow_encoded_slash,
            compression: match &route.compression {
                config::RouteCompression::Own(own) => own.clone(),
                config::RouteCompression::Inherited => config.gateway.compression.clone(),
            },
            upgrade: route.upgrade.clone(),
            metrics: metrics.route(&route.name),
        }
    }
}

/// Loads every plugin, so that the faults of all are found; `None` if there is one.
///
/// The second part of `previous` says whether its plugins see the same outputs as the new ones.
fn load_all(
    config: &config::Config,
    sources: &Sources,
    loader: &Loader,
    previous: (Option<&Snapshot>, bool),
    findings: &mut Vec<Finding>,
) -> Option<Plugins> {
    let (previous, same_outputs) = previous;
    let mut load = |plugin: &config::Plugin| {
        let label = plugin.label();
        let known = previous
            .into_iter()
            .flat_map(|previous| previous.plugins.iter().chain(previous.canaries.iter().flatten()))
            .find(|known| known.name() == label)
            .filter(|_| same_outputs || !may_see_outputs(plugin));
        let (folder, kv_bytes) = (&config.gateway.plugins_dir, config.limits.kv_bytes);
        let loaded = loader.load(plugin, folder, kv_bytes, known);
        let refuse = |faults: Vec<Fault>| {
            findings.extend(faults.into_iter().map(|fault| finding(sources, plugin, fault)));
        };
        loaded.map_err(refuse).ok()
    };
    let count = config.plugins.len();
    let (mut stable, mut canaries) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for plugin in &config.plugins {
        stable.push(load(plugin));
        canaries.push(match &plugin.canary {
            Some(canary) => load(&canary.plugin).map(Some),
            None => Some(None),
        });
    }
    let stable = stable.into_iter().collect::<Option<_>>()?;
    let canaries = canaries.into_iter().collect::<Option<_>>()?;
    Some(Plugins { stable, canaries })
}

/// Whether outputs may be part of what a plugin was configured with. Without `grants`, a component
/// that is part of the gateway has what it imports.
fn may_see_outputs(plugin: &config::Plugin) -> bool {
    plugin.grants.as_ref().is_none_or(|grants| grants.has("output"))
}

/// Shows a fault of a plugin in its table.
fn finding(sources: &Sources, plugin: &config::Plugin, fault: Fault) -> Finding {
    let at = match &fault.place {
        Place::Component => &plugin.at.component,
        Place::Sha256 => &plugin.at.sha256,
        Place::Signature => &plugin.at.signature,
        Place::Grants => &plugin.at.grants,
        Place::Config(pointer) => plugin.at.locate(pointer),
    };
    let finding = sources.finding(at, fault.message);
    match fault.hint {
        Some(hint) => finding.hint(hint),
        None => finding,
    }
}

/// A fault of the gateway itself, which no place in the file is to blame for.
fn about(sources: &Sources, error: &wasmtime::Error) -> Finding {
    let file = sources.paths().next().unwrap_or_else(|| Path::new("gateway.toml"));
    Finding::about(file.display().to_string(), format!("plugins cannot be linked: {error:#}"))
}

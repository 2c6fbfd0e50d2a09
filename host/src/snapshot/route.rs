//! One route, with what it needs to serve.

use std::sync::Arc;
use std::time::Duration;

use super::mirror::Mirror;
use super::plugins::Plugins;
use super::presence::Presence;
use crate::config::{self, FixedResponse, HeaderEdits, HostRewrite, Redirect, Rewrite};
use crate::plugin::{Canary, Entry, Pipeline, Plugin};
use crate::route::split::Chooser;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::RouteMetrics;
use crate::upstream::Upstream;

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
    pub host: Option<HostRewrite>,
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
    /// How long what lasts may go on once the route is gone, if not for ever.
    pub close_after_removal: Option<Duration>,
    pub(super) presence: Option<Presence>,
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

impl Route {
    pub(super) fn build(
        route: &config::Route,
        config: &config::Config,
        metrics: &Metrics,
        plugins: &Plugins,
        (known, upstreams): (Option<&Mirror>, &[Arc<Upstream>]),
    ) -> Self {
        let upstream = |id: config::UpstreamId| {
            Arc::clone(
                upstreams.get(id.0).expect("ids come from `check`, which saw every upstream"),
            )
        };
        let mirror = route
            .mirror
            .as_ref()
            .map(|settings| Mirror::new(settings, upstream(settings.upstream), known));
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
            close_after_removal: route.close_after_removal,
            presence: None,
            metrics: metrics.route(&route.name),
        }
    }
}

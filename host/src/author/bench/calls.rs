//! Calls of a plugin, timed one by one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use tokio::time::Instant;

use super::Figure;
use crate::body::{Content, Held, RequestBody};
use crate::clock;
use crate::config::Limits;
use crate::config::fixture::Ask;
use crate::facts::{
    Client, Exchange, Finish, HeadLimits, Open, RequestHead, ResponseHead, Scheme, Source,
};
use crate::plugin::{Answered, Entry, Holding, Pipeline, Plugin, Summary};

/// Calls before the first that counts: pages and caches are warm then.
const WARM_UP: usize = 20;

/// Calls after which more say nothing new.
const SAMPLES_MAX: usize = 100_000;

/// Longer than any call may take.
const DEADLINE: Duration = Duration::from_secs(3600);

/// A phase by its interface, and its rows, fresh and pooled.
static PHASES: [(&str, &str, &str, &str); 3] = [
    ("request-phase", "request", "request, fresh", "request, pooled"),
    ("response-phase", "response", "response, fresh", "response, pooled"),
    ("log-phase", "log", "log, fresh", "log, pooled"),
];

/// The phase that an interface is, if it is one that can be timed.
pub(super) fn phase_of(interface: &str) -> Option<&'static str> {
    PHASES.iter().find(|(known, ..)| *known == interface).map(|(_, phase, ..)| *phase)
}

/// What the row of a phase is called.
pub(super) fn row(phase: &str, is_pooled: bool) -> &'static str {
    let (.., fresh, pooled) =
        PHASES.iter().find(|(_, known, ..)| *known == phase).unwrap_or(&PHASES[0]);
    if is_pooled { pooled } else { fresh }
}

/// The memory of a fresh instance in bytes, and how long one takes to make and drop.
pub(super) async fn births(plugin: &Plugin, time: Duration) -> Result<(u64, Figure), String> {
    let memory = plugin.instantiate().await?.memory_bytes();
    let figure = measure(time, async || {
        let began = clock::now();
        drop(plugin.instantiate().await?);
        Ok(clock::now().duration_since(began))
    });
    Ok((memory as u64, figure.await?))
}

/// What a phase costs.
pub(super) struct Cost {
    pub(super) phase: &'static str,
    /// The lending or making of the instance included.
    pub(super) time: Figure,
    /// How often one call calls each interface of the host.
    pub(super) host_calls: HostCalls,
}

/// Interfaces and how often they are called.
pub(super) type HostCalls = Vec<(&'static str, u64)>;

/// What a call of each phase costs.
pub(super) async fn phases(
    plugin: &Arc<Plugin>,
    ask: &Ask,
    limits: &Limits,
    time: Duration,
) -> Result<Vec<Cost>, String> {
    let exported = plugin.phases();
    let pipeline = Pipeline::new(vec![Entry::always(Arc::clone(plugin))]);
    let held = Held::new(limits.held_bodies_bytes);
    let mut figures = Vec::new();
    for (_, phase, ..) in PHASES.iter().filter(|(_, phase, ..)| exported.contains(phase)) {
        let once = async || {
            let open = open(ask, limits);
            match *phase {
                "request" => request(&pipeline, open, ask, &held).await,
                "response" => response(&pipeline, open, &held).await,
                _ => log(&pipeline, open).await,
            }
        };
        let before = plugin.host_calls();
        once().await?;
        let host_calls = difference(&before, plugin.host_calls());
        figures.push(Cost { phase, time: measure(time, once).await?, host_calls });
    }
    Ok(figures)
}

/// By how much each count has grown; those that have not are left out.
fn difference(before: &[(&'static str, u64)], mut now: HostCalls) -> HostCalls {
    for (interface, calls) in &mut now {
        let known = before.iter().find(|(known, _)| *known == *interface);
        *calls = calls.saturating_sub(known.map_or(0, |(_, calls)| *calls));
    }
    now.retain(|(_, calls)| *calls > 0);
    now
}

async fn request(
    pipeline: &Pipeline,
    open: Open,
    ask: &Ask,
    held: &Arc<Held>,
) -> Result<Duration, String> {
    let mut body = RequestBody::default();
    body.put(Bytes::copy_from_slice(ask.body.as_bytes()).into());
    let holding = Holding { held, deadline: Instant::now() + DEADLINE };
    let began = clock::now();
    let requested = pipeline.on_request(open, &mut body, &holding).await;
    let took = clock::now().duration_since(began);
    match requested.answered {
        Answered::Failed(failure) => Err(failure.to_string()),
        Answered::Not | Answered::Plugin(_) => Ok(took),
    }
}

async fn response(
    pipeline: &Pipeline,
    mut open: Open,
    held: &Arc<Held>,
) -> Result<Duration, String> {
    open.respond(Source::Upstream, head());
    let mut failed = None;
    let holding = Holding { held, deadline: Instant::now() + DEADLINE };
    let began = clock::now();
    let (open, _) = pipeline
        .on_response(open, 1, Content::Empty, &holding, |_, failure| {
            failed = Some(failure.to_string());
            Bytes::new()
        })
        .await;
    let took = clock::now().duration_since(began);
    drop(open);
    failed.map_or(Ok(took), Err)
}

async fn log(pipeline: &Pipeline, mut open: Open) -> Result<Duration, String> {
    open.respond(Source::Upstream, head());
    let began = clock::now();
    pipeline.on_complete(open, summary).await;
    Ok(clock::now().duration_since(began))
}

async fn measure(
    time: Duration,
    mut once: impl AsyncFnMut() -> Result<Duration, String>,
) -> Result<Figure, String> {
    for _ in 0..WARM_UP {
        once().await?;
    }
    let until = clock::now() + time;
    let mut times = Vec::new();
    while times.is_empty() || times.len() < SAMPLES_MAX && clock::now() < until {
        times.push(once().await?);
    }
    Ok(Figure::of(times))
}

struct Nothing;

impl Finish for Nothing {
    fn finish(&self, _exchange: Box<Exchange>) {}
}

/// The request of a case, as it is when the pipeline begins.
fn open(ask: &Ask, limits: &Limits) -> Open {
    let mut headers: HeaderMap = ask.headers.iter().cloned().collect();
    if let Some(host) = ask.url.authority()
        && let Ok(host) = HeaderValue::from_str(host.as_str())
    {
        headers.entry(header::HOST).or_insert(host);
    }
    let is_https = ask.url.scheme_str() == Some("https");
    let request = RequestHead {
        method: ask.method.clone(),
        scheme: if is_https { Scheme::Https } else { Scheme::Http },
        version: Version::HTTP_11,
        host: ask.url.host().unwrap_or_default().into(),
        port: ask.url.port_u16(),
        uri: ask.url.clone(),
        path: None,
        path_is_final: false,
        query: None,
        headers,
    };
    let client = Client { address: ask.client, peer: (ask.client, 40_000).into(), tls: None };
    let head_limits =
        HeadLimits { headers: limits.request_headers, bytes: limits.request_head_bytes };
    let id = "0123456789abcdef0123456789abcdef".into();
    let received = (clock::now(), clock::unix_ms());
    let exchange = Exchange::new(id, received, client, "bench".into(), request, head_limits);
    Open::new(Box::new(exchange), Arc::new(Nothing))
}

fn head() -> ResponseHead {
    ResponseHead { status: StatusCode::OK, headers: HeaderMap::new() }
}

fn summary(exchange: &Exchange) -> Summary {
    Summary {
        status: 200,
        source: crate::plugin::source(Source::Upstream),
        received_at_ms: exchange.received_unix_ms,
        duration_us: 1000,
        upstream_us: Some(900),
        request_body_bytes: 0,
        response_body_bytes: 0,
        upstream: Some("upstream".to_owned()),
        endpoint: Some("127.0.0.1:80".to_owned()),
        attempts: 1,
        failure: None,
        complete: true,
    }
}

//! What the parts of a call of a plugin cost, one by one.
//!
//! Plugins are loaded and called as the gateway does it, without sockets. The figures of
//! `docs/what-a-plugin-costs.md` are made of these by `benches/plugin_parts.py`, which says what is taken
//! off what. The names of the benches say what is in each:
//!
//! - `fresh/…`, `pooled/…`: a whole `Pipeline::on_request`, making the exchange included;
//! - `make/…`, `drop/…`: an instance that serves nobody, which is made and dropped in turn;
//! - `host/…`: as `pooled`, with [`TIMES`] calls of one function of the host;
//! - `engine/…`: wasmtime with the gateway's settings, and components that hold nothing else.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a bench, which has its own clock"
)]

#[path = "plugin_parts/bare.rs"]
mod bare;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use tidegate::body::{Held, RequestBody};
use tidegate::plugin::{Answered, Engine, FunctionCache, Holding, Pipeline};
use tidegate_benches::{EMPTY, HASHES, HEADERS, PARTS, READS_FILES, exchange, pipeline};
use tokio::runtime::Runtime;

/// Calls of a function of the host in one call of the plugin. As many messages may be logged.
const TIMES: u32 = 64;

/// Functions of the host, as the guest `parts` calls them.
const HOST_CALLS: [&str; 18] = [
    "nothing",
    "clock",
    "method",
    "header",
    "absent-header",
    "headers",
    "set-header",
    "default-header",
    "response-header",
    "attribute",
    "set-attribute",
    "counter",
    "kv-get",
    "kv-set",
    "metric",
    "log",
    "digest",
    "random",
];

/// Pages of 4 KiB that a call writes to. Up to a mebibyte is put back in place (`KEEP_RESIDENT_BYTES` of
/// the engine), and so are at most 32 stretches of pages.
const TOUCHED: [u32; 6] = [0, 4, 16, 64, 192, 512];

/// Core instances of a component; three are what the SDK makes of a plugin, 38 what Python does.
const CORE_INSTANCES: [u32; 4] = [1, 3, 10, 38];

/// The harness's configuration of the first-party plugin `headers`: an edit of each head.
const EDITS: &str = "config = { request = { set = { x-gw = \"bench\" } }, \
                     response = { set = { x-gw = \"bench\" } } }";

/// What an exchange has in all.
const TIMEOUT: Duration = Duration::from_secs(30);

/// One plugin of gateway.toml.
fn plugin(component: &str, isolation: &str, lines: &str) -> Pipeline {
    pipeline(&format!(
        "[plugins.part]\ncomponent = \"{component}\"\nisolation = \"{isolation}\"\n{lines}\n"
    ))
}

/// The guest `parts` with this configuration.
fn parts(isolation: &str, config: &str) -> Pipeline {
    let grants = "grants = [\"counter\", \"crypto\", \"kv\", \"metrics\"]";
    plugin(PARTS, isolation, &format!("{grants}\nconfig = {{ {config} }}"))
}

async fn call(pipeline: &Pipeline, held: &Arc<Held>) {
    let holding = Holding { held, deadline: tokio::time::Instant::now() + TIMEOUT };
    let mut body = RequestBody::empty();
    let requested = pipeline.on_request(exchange(None), &mut body, &holding).await;
    assert!(matches!(requested.answered, Answered::Not), "{:?}", requested.answered);
}

/// What the benches have in common.
struct Bench<'c> {
    group: BenchmarkGroup<'c, WallTime>,
    runtime: Arc<Runtime>,
    held: Arc<Held>,
}

impl Bench<'_> {
    /// Measures whole calls.
    fn calls(&mut self, name: &str, pipeline: &Pipeline) {
        let Self { group, runtime, held } = self;
        group.bench_function(name, |bencher| {
            bencher.to_async(&**runtime).iter(|| call(pipeline, held));
        });
    }

    /// Measures whole calls with either isolation.
    fn both(&mut self, name: &str, make: impl Fn(&str) -> Pipeline) {
        self.calls(&format!("fresh/{name}"), &make("request"));
        self.calls(&format!("pooled/{name}"), &make("pooled"));
    }

    /// Measures how long an instance takes to be made, and to be dropped.
    fn births(&mut self, name: &str, pipeline: &Pipeline) {
        let plugin = pipeline.entries().first().expect("there is one").plugin();
        let runtime = Arc::clone(&self.runtime);
        let lives = |times: u64| {
            let (mut making, mut dropping) = (Duration::ZERO, Duration::ZERO);
            runtime.block_on(async {
                for _ in 0..times {
                    let began = Instant::now();
                    let made = plugin.instantiate().await.expect("an instance");
                    let is_made = Instant::now();
                    drop(black_box(made));
                    making += is_made - began;
                    dropping += is_made.elapsed();
                }
            });
            (making, dropping)
        };
        self.lives(name, lives);
    }

    /// Measures both halves of what `lives` does so many times.
    fn lives(&mut self, name: &str, lives: impl Fn(u64) -> (Duration, Duration)) {
        self.group.bench_function(format!("make/{name}"), |bencher| {
            bencher.iter_custom(|times| lives(times).0);
        });
        self.group.bench_function(format!("drop/{name}"), |bencher| {
            bencher.iter_custom(|times| lives(times).1);
        });
    }
}

/// Whole calls of plugins that differ in one thing.
fn calls(bench: &mut Bench<'_>) {
    bench.both("empty", |isolation| plugin(EMPTY, isolation, ""));
    bench.both("3 header operations", |isolation| plugin(HEADERS, isolation, ""));
    bench.both("headers", |isolation| plugin("headers", isolation, EDITS));
    for pages in TOUCHED {
        let config = format!("touch = {pages}");
        bench.both(&format!("{pages} pages"), |isolation| parts(isolation, &config));
    }
    bench.both("64 pages apart", |isolation| parts(isolation, "touch = 64, apart = 2"));
    bench.both("wasi, unused", |isolation| plugin(HASHES, isolation, "config = { times = 0 }"));
    bench.both("wasi, map", |isolation| {
        plugin(HASHES, isolation, "config = { times = 0, map = true }")
    });
    bench.both("wasi, files", |isolation| plugin(READS_FILES, isolation, ""));
}

/// Instances that serve nobody.
fn births(bench: &mut Bench<'_>) {
    bench.births("empty", &plugin(EMPTY, "request", ""));
    bench.births("headers", &plugin("headers", "request", EDITS));
    bench.births("parts", &parts("request", ""));
    bench.births("1 MiB kept", &parts("request", "keep = 256"));
    bench.births("wasi", &plugin(HASHES, "request", "config = { times = 0 }"));
    bench.births("wasi, files", &plugin(READS_FILES, "request", ""));
}

/// Functions of the host, and of WASI.
fn host_calls(bench: &mut Bench<'_>) {
    for name in HOST_CALLS {
        let config = format!("call = \"{name}\", times = {TIMES}");
        bench.calls(&format!("host/{name}"), &parts("pooled", &config));
    }
    let config = format!("config = {{ times = {TIMES} }}");
    bench.calls("host/wasi clock", &plugin(HASHES, "pooled", &config));
}

/// wasmtime alone.
fn engine(bench: &mut Bench<'_>) {
    let engine = Engine::new(1000, FunctionCache::new(None)).expect("an engine");
    let wasmtime = engine.wasmtime();
    let runtime = Arc::new(tokio::runtime::Builder::new_current_thread().build().expect("one"));
    for (name, on_fiber) in [("engine/call", false), ("engine/call on a fiber", true)] {
        let bare = bare::Bare::new(wasmtime, 1, false);
        bench.group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| runtime.block_on(bare.calls(times, on_fiber)));
        });
    }
    bench.group.bench_function("engine/store", |bencher| {
        bencher.iter(|| bare::store(wasmtime));
    });
    let kinds = CORE_INSTANCES.map(|instances| (instances, false)).into_iter().chain([(1, true)]);
    for (instances, memory) in kinds {
        let bare = bare::Bare::new(wasmtime, instances, memory);
        let with = if memory { " with memory" } else { "" };
        let runtime = Arc::clone(&runtime);
        bench.lives(&format!("{instances} core{with}"), move |times| {
            runtime.block_on(bare.lives(times))
        });
    }
}

fn plugin_parts(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let mut group = criterion.benchmark_group("plugin_parts");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    group.bench_function("request alone", |bencher| bencher.iter(|| black_box(exchange(None))));
    let held = Held::new(1 << 30);
    let mut bench = Bench { group, runtime: Arc::new(runtime.expect("a runtime")), held };
    calls(&mut bench);
    births(&mut bench);
    host_calls(&mut bench);
    engine(&mut bench);
    bench.group.finish();
}

criterion_group!(benches, plugin_parts);
criterion_main!(benches);

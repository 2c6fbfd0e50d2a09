//! How long it takes to read a gateway.toml of 10 000 routes and 1 000 upstreams, and to put it in the
//! place of one that serves. All of it happens beside the traffic; together it has to stay below 2 s.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use criterion::Criterion;
use tidegate::config::{self, Loaded};
use tidegate::plugin::{Engine, FunctionCache, Services};
use tidegate::snapshot::{Builder, Purpose};
use tidegate::state::output;

const ROUTES: usize = 10_000;
const UPSTREAMS: usize = 1_000;

/// Routes of ten kinds in turn, over upstreams of two endpoints with checks, retries and outliers.
fn document(routes: usize, upstreams: usize) -> String {
    let mut text = String::from("admin = false\n[[listeners]]\naddress = \"127.0.0.1:8080\"\n");
    for number in 0..upstreams {
        let (high, low) = (number / 250, number % 250);
        write!(
            text,
            "[upstreams.u{number}]\n\
             endpoints = [\"http://10.0.{high}.{low}:80\", \"http://10.1.{high}.{low}:80\"]\n\
             health = {{ path = \"/healthz\" }}\noutlier = {{}}\nretry = {{ on = [503] }}\n"
        )
        .expect("a string takes all that is written");
    }
    for number in 0..routes {
        let more = match number % 10 {
            0 => format!(r#"match = {{ path = {{ exact = "/service{number}/health" }} }}"#),
            1 => format!(r#"match = {{ path = {{ regex = "/service{number}/items/[0-9]+" }} }}"#),
            2 => format!(r#"match = {{ host = "*.tenant{number}.example.com" }}"#),
            3 => format!(r#"match = {{ host = "api{number}.example.com", path = "/v1" }}"#),
            4 => format!(
                "match = {{ path = {{ pattern = \"/{{tenant}}/items{number}/{{id}}\" }} }}\n\
                 request_headers.set = {{ x-tenant = \"{{tenant}}\" }}"
            ),
            5 => format!(
                "match = {{ path = \"/service{number}/api\" }}\n\
                 mirror = {{ upstream = \"u0\", percent = 1 }}"
            ),
            _ => format!(
                "match = {{ path = \"/service{number}/api\" }}\nrewrite = {{ strip_prefix = true }}"
            ),
        };
        let upstream = number % upstreams;
        write!(text, "[[routes]]\nname = \"r{number}\"\n{more}\nupstream = \"u{upstream}\"\n")
            .expect("a string takes all that is written");
    }
    text
}

fn load(text: &str) -> Loaded {
    config::load_text("gateway.toml", text, &|_| None).expect("the document is valid")
}

fn reload(criterion: &mut Criterion) {
    let text = document(ROUTES, UPSTREAMS);
    let mut group = criterion.benchmark_group("reload");
    group.sample_size(10);
    group.bench_function("load/10000", |bencher| bencher.iter(|| load(black_box(&text))));

    let loaded = load(&text);
    let engine = Arc::new(Engine::new(1000, FunctionCache::new(None)).expect("an engine"));
    let outputs = output::Outputs::open(&loaded.config.outputs, None).expect("outputs");
    let builder = Builder::new(engine, Services::new(&loaded.config.limits, outputs));
    let build =
        |previous| builder.build(&loaded, previous, Purpose::Check).expect("it can be built");
    group.bench_function("build/10000", |bencher| bencher.iter(|| build(None)));
    let previous = build(None);
    group.bench_function("build_again/10000", |bencher| {
        bencher.iter(|| build(Some(black_box(&previous))));
    });
    group.bench_function("whole/10000", |bencher| {
        bencher.iter(|| {
            builder.build(&load(black_box(&text)), Some(&previous), Purpose::Check).is_ok()
        });
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    reload(&mut criterion);
    criterion.final_summary();
}

//! How long it takes to find a request's route among 10, 1 000 and 10 000.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use http::{HeaderMap, Method};
use tidegate::config;
use tidegate::route::{Head, Router};

/// Routes of ten kinds in turn: one exact path, one regex, one wildcard host, one exact host, one
/// pattern, and five prefixes.
fn document(routes: usize) -> String {
    let mut text = String::from("[[listeners]]\naddress = \"127.0.0.1:8080\"\n");
    for number in 0..routes {
        let condition = match number % 10 {
            0 => format!(r#"path = {{ exact = "/service{number}/health" }}"#),
            1 => format!(r#"path = {{ regex = "/service{number}/items/[0-9]+" }}"#),
            2 => format!(r#"host = "*.tenant{number}.example.com""#),
            3 => format!(r#"host = "api{number}.example.com", path = "/v1""#),
            4 => format!(r#"path = {{ pattern = "/{{tenant}}/items{number}/{{id}}" }}"#),
            _ => format!(r#"path = "/service{number}/api""#),
        };
        write!(
            text,
            "[[routes]]\nname = \"r{number}\"\nmatch = {{ {condition} }}\nrespond = {{ status = 204 }}\n"
        )
        .expect("a string takes all that is written");
    }
    text
}

fn lookup(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("route_lookup");
    for count in [10, 1_000, 10_000] {
        let loaded = config::load_text("gateway.toml", &document(count), &|_| None)
            .expect("the document is valid");
        let router = Router::build(&loaded.config.routes);
        let last_ten = count - 10;
        let requests = [
            ("exact", "www.example.com".to_owned(), format!("/service{last_ten}/health")),
            ("prefix", "www.example.com".to_owned(), format!("/service{}/api/1/a", last_ten + 9)),
            ("regex", "www.example.com".to_owned(), format!("/service{}/items/12", last_ten + 1)),
            (
                "regex-miss",
                "www.example.com".to_owned(),
                format!("/service{}/items/x", last_ten + 1),
            ),
            ("pattern", "www.example.com".to_owned(), format!("/acme/items{}/12", last_ten + 4)),
            ("host-wildcard", format!("a.tenant{}.example.com", last_ten + 2), "/a/b/c".to_owned()),
            ("host-exact", format!("api{}.example.com", last_ten + 3), "/v1/a/b".to_owned()),
        ];
        let headers = HeaderMap::new();
        for (name, host, path) in &requests {
            let head = Head {
                host,
                path,
                method: &Method::GET,
                headers: &headers,
                query: None,
                client: None,
                server_name: None,
            };
            assert_eq!(router.find(&head).is_none(), *name == "regex-miss", "{name}");
            group.bench_function(BenchmarkId::new(*name, count), |bencher| {
                bencher.iter(|| router.find(black_box(&head)));
            });
        }
    }
    group.finish();
}

fn build(criterion: &mut Criterion) {
    let text = document(10_000);
    criterion.bench_function("route_lookup/load/10000", |bencher| {
        bencher.iter(|| config::load_text("gateway.toml", black_box(&text), &|_| None));
    });
    let loaded =
        config::load_text("gateway.toml", &text, &|_| None).expect("the document is valid");
    criterion.bench_function("route_lookup/build/10000", |bencher| {
        bencher.iter(|| Router::build(black_box(&loaded.config.routes)));
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    lookup(&mut criterion);
    build(&mut criterion);
    criterion.final_summary();
}

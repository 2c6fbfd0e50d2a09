//! What the head of a request costs before it is routed: the guard that follows a client's bytes, and
//! the canonical form of the path.

#![allow(missing_docs, clippy::expect_used, reason = "a bench")]

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tidegate::listener::framing::{Framing, HeadLimits, Phase};
use tidegate::route::path::canonical;

const LIMITS: HeadLimits = HeadLimits { head_bytes: 32 * 1024, headers: 100 };

/// A request without a body and with so many field lines.
fn head(fields: usize) -> Vec<u8> {
    let mut text = String::from("GET /api/users/42?page=2 HTTP/1.1\r\nhost: api.example.com\r\n");
    for number in 1..fields {
        write!(text, "x-field-{number}: a value of the usual length\r\n")
            .expect("a text takes all");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// The guard over one head: each connection begins anew, as after a rest.
fn guard(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("head");
    for fields in [5, 12, 50] {
        let head = head(fields);
        group.throughput(Throughput::Bytes(head.len() as u64));
        group.bench_function(format!("guard, {fields} fields"), |bencher| {
            bencher.iter(|| {
                let mut framing = Framing::new(LIMITS);
                let verdict = framing.inspect(black_box(&head));
                assert!(verdict.fault.is_none() && verdict.pass == head.len());
                assert_eq!(framing.phase(), Phase::Idle);
            });
        });
    }
    group.finish();
}

fn path(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("path");
    for (name, raw) in [
        ("canonical already", "/api/users/42/orders/2026/items"),
        ("with an escape", "/api/users/J%C3%BCrgen/orders"),
        ("to be rebuilt", "/api/./users/../%75sers/42//orders"),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| canonical(black_box(raw)).expect("a path"));
        });
    }
    group.finish();
}

criterion_group!(benches, guard, path);
criterion_main!(benches);

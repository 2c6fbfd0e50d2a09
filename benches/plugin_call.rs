//! What a plugin costs a request, fresh and pooled, without sockets.
//!
//! Each figure is the whole of `Pipeline::on_request` for one request: lending or making the
//! instances, the calls, and giving them back. The cost of making the request itself is shown as
//! `request alone`, to be taken off. With access-log, the log phase is called as well.

#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a bench")]

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, StatusCode};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use tidegate::body::{Content, Held, RequestBody};
use tidegate::facts::{Exchange, ResponseHead, Source};
use tidegate::plugin::{Answered, Holding, Pipeline, Summary};

use tidegate_benches::{BODIES, EMPTY, HEADERS, SECRET, bearer, exchange, pipeline};
use tokio::time::Instant;

const RSA_PUBLIC: &str = include_str!("keys/rsa-public.pem");
const RSA_PRIVATE: &[u8] = include_bytes!("keys/rsa-private.pem");

/// An `authorization` field for the public key of these benches.
fn bearer_rs256() -> String {
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(RSA_PRIVATE).expect("a key");
    let claims = serde_json::json!({ "sub": "user-42", "exp": 4_000_000_000_u64 });
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
    format!("Bearer {}", jsonwebtoken::encode(&header, &claims, &key).expect("a token"))
}

fn summary(_: &Exchange) -> Summary {
    Summary {
        status: 200,
        source: tidegate::plugin::source(Source::Upstream),
        received_at_ms: 1_700_000_000_000,
        duration_us: 1234,
        upstream_us: Some(1000),
        request_body_bytes: 0,
        response_body_bytes: 512,
        upstream: Some("users".to_owned()),
        endpoint: Some("127.0.0.1:9001".to_owned()),
        attempts: 1,
        failure: None,
        complete: true,
    }
}

/// What an exchange has in all.
const TIMEOUT: Duration = Duration::from_secs(30);

async fn run(pipeline: &Pipeline, authorization: Option<&str>, content: Content, held: &Arc<Held>) {
    let holding = Holding { held, deadline: Instant::now() + TIMEOUT };
    let mut body = RequestBody::empty();
    body.put(content);
    let mut requested = pipeline.on_request(exchange(authorization), &mut body, &holding).await;
    assert!(matches!(requested.answered, Answered::Not), "{:?}", requested.answered);
    if pipeline.has_log_phase() {
        let head = ResponseHead { status: StatusCode::OK, headers: HeaderMap::new() };
        requested.open.respond(Source::Upstream, head);
        pipeline.on_complete(requested.open, summary).await;
    }
}

/// A name, plugins as name, component and further lines, what the client authorizes itself with, and
/// the bytes of its body.
type Scenario<'a> = (&'a str, Vec<(&'a str, &'a str, &'a str)>, Option<&'a str>, usize);

fn plugin_call(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let (hs, rs) = (bearer(), bearer_rs256());

    let jwt = format!("config = {{ issuers = [{{ secret = \"{SECRET}\" }}] }}");
    let jwt_rs = format!(
        "config = {{ issuers = [{{ public_key = '''{RSA_PUBLIC}''', algorithms = [\"RS256\"] }}] }}"
    );
    let limit = "config = { limit = 4000000000, per = \"minute\", algorithm = \"token\" }";
    let null = "[outputs.null]\nfile = \"/dev/null\"\nqueue = 100000\n";
    let scenarios: [Scenario<'_>; 10] = [
        ("empty", vec![("empty", EMPTY, "")], None, 0),
        ("64 KiB not read", vec![("bodies", BODIES, "")], None, 64 << 10),
        (
            "64 KiB read",
            vec![("bodies", BODIES, "config = { request = \"need\" }")],
            None,
            64 << 10,
        ),
        ("ten empty", (0..10).map(|_| ("empty", EMPTY, "")).collect(), None, 0),
        ("3 header operations", vec![("headers", HEADERS, "")], None, 0),
        ("jwt HS256", vec![("jwt", "jwt", &jwt)], Some(&hs), 0),
        ("jwt RS256", vec![("jwt", "jwt", &jwt_rs)], Some(&rs), 0),
        ("rate-limit", vec![("limit", "rate-limit", limit)], None, 0),
        ("access-log", vec![("log", "access-log", "config = { output = \"null\" }")], None, 0),
        (
            "jwt HS256 + rate-limit + access-log",
            vec![
                ("jwt", "jwt", &jwt),
                ("limit", "rate-limit", limit),
                ("log", "access-log", "config = { output = \"null\" }"),
            ],
            Some(&hs),
            0,
        ),
    ];

    let mut group = criterion.benchmark_group("plugin");
    group.bench_function("request alone", |bencher| {
        bencher.iter(|| black_box(exchange(Some(&hs))));
    });
    let held = Held::new(1 << 30);
    for (name, plugins, authorization, bytes) in scenarios {
        for isolation in ["request", "pooled"] {
            let mut text = null.to_owned();
            for (index, (plugin, component, config)) in plugins.iter().enumerate() {
                text.push_str(&format!(
                    "[plugins.{plugin}-{index}]\ncomponent = \"{component}\"\nisolation = \"{isolation}\"\n{config}\n"
                ));
            }
            let pipeline = pipeline(&text);
            let body = Bytes::from(vec![b'a'; bytes]);
            group.bench_function(format!("{name}, {isolation}"), |bencher| {
                bencher
                    .to_async(&runtime)
                    .iter(|| run(&pipeline, authorization, body.clone().into(), &held));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, plugin_call);
criterion_main!(benches);

//! What the benches have in common: plugins loaded as the gateway loads them, and exchanges for
//! them to work on, without sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a bench that cannot run says so by a panic"
)]

pub mod counts;
pub mod origin;

use std::sync::Arc;
use std::time::Instant;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Version};
use tidegate::config;
use tidegate::facts::{Client, Exchange, Finish, HeadLimits, Open, RequestHead, Scheme};
use tidegate::plugin::{Engine, Entry, FunctionCache, Loader, Pipeline, Services};
use tidegate::state::output;

/// The secret of the JWT scenarios; long enough for HS256.
pub const SECRET: &str = "a secret of the benches, 32 bytes";

/// Reads and changes bodies if its configuration says so.
pub const BODIES: &str = env!("GUEST_BODIES");
/// A guest that forwards and does nothing else.
pub const EMPTY: &str = env!("GUEST_EMPTY");
/// A guest that asks WASI for the time and for random numbers.
pub const HASHES: &str = env!("GUEST_HASHES");
/// A guest that never returns.
pub const LOOPS: &str = env!("GUEST_LOOPS");
/// A guest with three header operations.
pub const HEADERS: &str = env!("GUEST_HEADERS");
/// A guest that does one thing many times.
pub const PARTS: &str = env!("GUEST_PARTS");
/// A guest that imports all of WASI that belongs to files.
pub const READS_FILES: &str = env!("GUEST_READS_FILES");

/// Loads the plugins of a gateway.toml fragment as one pipeline, in the order of the file.
#[must_use]
pub fn pipeline(plugins: &str) -> Pipeline {
    let engine = Engine::new(1000, FunctionCache::new(None)).expect("an engine");
    pipeline_on(Arc::new(engine), plugins)
}

/// The same on this engine.
#[must_use]
pub fn pipeline_on(engine: Arc<Engine>, plugins: &str) -> Pipeline {
    let text =
        format!("[[listeners]]\naddress = \"127.0.0.1:0\"\n[limits]\ncounters = 100000\n{plugins}");
    let loaded =
        config::load_text("bench.toml", &text, &|_| None).unwrap_or_else(|f| panic!("{f}"));
    let outputs = output::Outputs::open(&loaded.config.outputs, None).expect("outputs");
    let services = Services::new(&loaded.config.limits, outputs);
    let loader = Loader::new(engine, services).expect("a loader");
    let dir = &loaded.config.gateway.plugins_dir;
    let plugins = loaded.config.plugins.iter().map(|plugin| {
        let loaded = loader.load(plugin, dir, 1 << 20, None);
        Entry::always(loaded.unwrap_or_else(|faults| panic!("{faults:?}")))
    });
    Pipeline::new(plugins.collect())
}

/// An `authorization` field with a token that the JWT scenarios accept.
#[must_use]
pub fn bearer() -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    let claims = serde_json::json!({ "sub": "user-42", "exp": 4_000_000_000_u64 });
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key);
    format!("Bearer {}", token.expect("a token"))
}

struct Nothing;

impl Finish for Nothing {
    fn finish(&self, _exchange: Box<Exchange>) {}
}

/// A request with twelve field lines, as a browser's or an API client's.
#[must_use]
pub fn exchange(authorization: Option<&str>) -> Open {
    let mut headers = HeaderMap::with_capacity(16);
    for (name, value) in [
        ("host", "api.example.com"),
        ("user-agent", "bench/1.0 (a client of usual length)"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip, br"),
        ("accept-language", "en"),
        ("cache-control", "no-cache"),
        ("x-request-id", "0123456789abcdef0123456789abcdef"),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "api.example.com"),
        ("x-real-ip", "192.0.2.7"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Some(authorization) = authorization {
        let value = HeaderValue::from_str(authorization).expect("a header");
        headers.insert(http::header::AUTHORIZATION, value);
    }
    let address = [192, 0, 2, 7];
    let client = Client { address: address.into(), peer: (address, 40_000).into(), tls: None };
    let request = RequestHead {
        method: Method::GET,
        scheme: Scheme::Http,
        version: Version::HTTP_11,
        host: "api.example.com".into(),
        port: None,
        uri: "/api/users/42?page=2".parse().expect("a target"),
        path: None,
        path_is_final: false,
        query: None,
        headers,
    };
    let id = "0123456789abcdef0123456789abcdef".into();
    let received = (Instant::now(), 1_700_000_000_000);
    let head_limits = HeadLimits { headers: 100, bytes: 32 * 1024 };
    let exchange = Exchange::new(id, received, client, "bench".into(), request, head_limits);
    Open::new(Box::new(exchange), Arc::new(Nothing))
}

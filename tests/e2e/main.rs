//! End-to-end tests: real sockets, real components, a real gateway.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a panic is how a test fails, its tasks end with its runtime, and it has its own clock"
)]

mod access_log;
mod acme;
mod admin;
mod author;
mod balance;
mod body;
mod body_phase;
mod breaker;
mod cache;
mod captures;
mod cli;
mod compression;
mod consumers;
mod contract;
mod discovery;
mod documents;
mod drain;
mod failure;
mod faults;
mod framing;
mod grpc;
mod handler;
mod handover;
mod headers;
mod health;
mod hostile;
mod http2;
mod http3;
mod http_client;
mod https_redirect;
mod isolation;
mod jwt;
mod kv;
mod limits;
mod listeners;
mod load;
mod mtls;
mod overload;
mod pin;
mod pipeline;
mod proxy;
mod proxy_protocol;
mod rate_limit;
mod refusal;
mod reload;
mod removal;
mod retry;
mod rollback;
mod route;
mod routing;
mod scale;
mod secret;
mod smuggling;
mod soak;
mod span;
mod split;
mod timer;
mod tls;
mod tls_sni;
mod trace;
mod trial;
mod upgrade;
mod upstream_tls;
mod wasi_http;

/// The `tidegate` program.
const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");

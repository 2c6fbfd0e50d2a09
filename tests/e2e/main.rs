//! End-to-end tests: real sockets, real components, a real gateway.

#![allow(
    clippy::disallowed_methods,
    reason = "the tasks of a test end with its runtime, and it measures with a clock of its own"
)]

mod access_log;
mod admin;
mod body;
mod cli;
mod contract;
mod documents;
mod drain;
mod failure;
mod framing;
mod hostile;
mod isolation;
mod jwt;
mod limits;
mod load;
mod proxy;
mod rate_limit;
mod refusal;
mod reload;
mod route;
mod tls;

/// The `tidegate` program.
const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");

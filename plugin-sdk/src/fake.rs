//! A gateway without a gateway: lets a plugin's tests run natively, by plain `cargo test`.
//!
//! In a native build the functions of this crate talk to a fake host of the current thread. A test
//! configures the plugin, makes an [`Exchange`], runs a phase and looks at the [`Outcome`]:
//!
//! ```
//! # use tidegate_plugin::{Answer, ConfigError, NoConfig, OnRequest, Plugin, RequestAction};
//! # use tidegate_plugin::{fake, request};
//! # struct Upper;
//! # impl Plugin for Upper {
//! #     type Config = NoConfig;
//! #     const SUMMARY: &'static str = "wants a user agent";
//! #     fn configure(_: NoConfig) -> Result<Self, ConfigError> { Ok(Self) }
//! # }
//! # impl OnRequest for Upper {
//! #     fn on_request(&self) -> RequestAction {
//! #         match request::header("user-agent") {
//! #             Some(_) => RequestAction::Forward,
//! #             None => Answer::new(400).into(),
//! #         }
//! #     }
//! # }
//! let plugin: Upper = fake::configure("{}")?;
//! let outcome = fake::run_request(&plugin, fake::Exchange::get("/").client("10.0.0.1"));
//! assert_eq!(outcome.action, Answer::new(400).into());
//! # Ok::<(), ConfigError>(())
//! ```
//!
//! It keeps the contract's rules: it refuses the headers that the host refuses, counts as the
//! host counts, and panics where the host traps, such as for a function that is called outside its
//! phases. Time stands still until the test moves [`clock`].
//!
//! Counters, keys, outputs, metrics and the clock last as long as the thread. The test runner gives
//! each test a thread of its own, unless it runs with `--test-threads=1`; a test for which that
//! matters begins with [`reset`].

pub mod answer_stream;
pub mod body;
pub mod clock;
pub mod counter;
pub mod crypto;
pub mod exchange;
pub mod kv;
pub mod log;
pub mod metrics;
pub mod outcome;
pub mod output;
pub mod request;
pub mod response;

mod fields;
mod phase;
mod state;

use std::fmt::Display;
use std::mem;

pub use answer_stream::Streamed;
pub use exchange::Exchange;
pub use outcome::{Edit, Outcome};

use crate::{
    ConfigError, Handled, Handler, OnLog, OnRequest, OnResponse, Plugin, RequestAction,
    ResponseAction, Source, Summary, config, guest,
};
use phase::Phase;

/// Forgets everything: counters, keys, outputs, metrics, messages, the time.
pub fn reset() {
    state::with(|state| *state = state::State::new());
}

/// Configures a plugin as the host does, from JSON: a text or a `serde_json::Value`.
///
/// # Errors
/// What the operator would see for this configuration.
pub fn configure<P: Plugin>(json: impl Display) -> Result<P, ConfigError> {
    let _phase = phase::enter(Phase::Configure);
    config::parse(&json.to_string()).and_then(P::configure)
}

/// The JSON Schema that `describe` gives for the plugin's configuration.
///
/// # Panics
/// If it is not JSON, which `schemars` rules out.
#[must_use]
pub fn schema<P: Plugin>() -> serde_json::Value {
    serde_json::from_str(&guest::schema::<P>()).expect("a schema is JSON")
}

/// Runs the request phase.
#[must_use]
pub fn run_request<P: OnRequest>(plugin: &P, exchange: Exchange) -> Outcome<RequestAction> {
    run(Phase::Request, exchange, || plugin.on_request())
}

/// Runs the response phase, after the edits that request phases left for the response.
#[must_use]
pub fn run_response<P: OnResponse>(plugin: &P, exchange: Exchange) -> Outcome<ResponseAction> {
    run(Phase::Response, exchange.with_edits_applied(), || plugin.on_response())
}

/// Runs the log phase, with the exchange's [`summary`](Exchange::summary).
#[must_use]
pub fn run_log<P: OnLog>(plugin: &P, exchange: Exchange) -> Outcome<()> {
    let exchange = exchange.with_edits_applied();
    let summary = exchange.summarize();
    run(Phase::Log, exchange, || plugin.on_complete(&summary))
}

/// Runs a handler.
#[must_use]
pub fn run_handler<P: Handler>(plugin: &P, exchange: Exchange) -> Outcome<Handled> {
    run(Phase::Handler, exchange, || plugin.handle())
}

/// What came of an exchange that went well, to take from: 200 by the upstream `upstream` at
/// `127.0.0.1:9001`, received now, done in 5 ms of which the upstream took 4, no bodies.
#[must_use]
pub fn summary() -> Summary {
    Summary {
        status: 200,
        source: Source::Upstream,
        received_at_ms: clock::unix_ms(),
        duration_us: 5000,
        upstream_us: Some(4000),
        request_body_bytes: 0,
        response_body_bytes: 0,
        upstream: Some("upstream".to_owned()),
        endpoint: Some("127.0.0.1:9001".to_owned()),
        attempts: 1,
        failure: None,
        complete: true,
    }
}

fn run<A>(phase: Phase, exchange: Exchange, call: impl FnOnce() -> A) -> Outcome<A> {
    state::with(|state| {
        state.exchange = Some(exchange);
        state.messages.clear();
    });
    let entered = phase::enter(phase);
    let action = call();
    drop(entered);
    state::with(|state| Outcome {
        action,
        exchange: state.exchange.take().expect("only this function takes it"),
        messages: mem::take(&mut state.messages),
    })
}

#[cfg(test)]
mod tests;

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
//! Consumers, counters, keys, outputs, requests, metrics, secrets and the clock last as long as the thread. The test runner gives
//! each test a thread of its own, unless it runs with `--test-threads=1`; a test for which that
//! matters begins with [`reset`].

pub mod answer_stream;
pub mod body;
pub mod cache;
pub mod clock;
pub mod consumers;
pub mod counter;
pub mod crypto;
pub mod exchange;
pub mod http_client;
pub mod kv;
pub mod log;
pub mod metrics;
pub mod outcome;
pub mod output;
pub mod request;
pub mod response;
pub mod secret;

mod fields;
mod phase;
mod state;

use std::fmt::Display;
use std::mem;

pub use answer_stream::Streamed;
pub use exchange::Exchange;
pub use outcome::{Edit, Outcome};

use crate::{
    BodyAction, ConfigError, Handled, Handler, OnLog, OnRequest, OnRequestBody, OnResponse,
    OnResponseBody, OnTick, Plugin, RequestAction, ResponseAction, Source, Summary, config, guest,
};
use phase::Phase;

/// Forgets everything: consumers, counters, keys, outputs, requests, metrics, secrets, messages,
/// the time.
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

/// A part of a body, or all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    bytes: Vec<u8>,
    last: bool,
    held: bool,
}

impl Part {
    /// All of it, as after `NeedBody`: the head can still be changed.
    #[must_use]
    pub fn whole(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), last: true, held: true }
    }

    /// A part of a body that streams, and more follows.
    #[must_use]
    pub fn next(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), last: false, held: false }
    }

    /// The last part of a body that streams.
    #[must_use]
    pub fn last(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), last: true, held: false }
    }
}

/// Runs the body phase of requests with one part.
#[must_use]
pub fn run_request_body<P: OnRequestBody>(
    plugin: &P,
    mut exchange: Exchange,
    part: Part,
) -> Outcome<BodyAction> {
    let phase = if part.held { Phase::RequestHeld } else { Phase::RequestStream };
    exchange.is_last_part = part.last;
    run(phase, exchange, || plugin.on_request_body(part.bytes, part.last))
}

/// Runs the body phase of responses with one part.
#[must_use]
pub fn run_response_body<P: OnResponseBody>(
    plugin: &P,
    mut exchange: Exchange,
    part: Part,
) -> Outcome<BodyAction> {
    let phase = if part.held { Phase::ResponseHeld } else { Phase::ResponseStream };
    exchange.is_last_part = part.last;
    run(phase, exchange.with_edits_applied(), || plugin.on_response_body(part.bytes, part.last))
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

/// Runs one tick; gives what it logged. What it fetched is in
/// [`http_client::take`](mod@http_client), and what it kept in [`kv`](crate::kv).
#[must_use]
pub fn run_tick<P: OnTick>(plugin: &P) -> Vec<log::Message> {
    state::with(|state| state.messages.clear());
    let entered = phase::enter(Phase::Tick);
    plugin.on_tick();
    drop(entered);
    log::take()
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

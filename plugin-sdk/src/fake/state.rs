//! All that the fake host of a thread remembers.

use std::cell::RefCell;

use super::clock::Clock;
use super::counter::Counters;
use super::crypto::Crypto;
use super::exchange::Exchange;
use super::http_client::Requests;
use super::kv::Space;
use super::log::Message;
use super::metrics::Registry;
use super::output::Outputs;
use super::phase::Phase;

pub(super) struct State {
    pub phase: Phase,
    /// Present while a phase runs.
    pub exchange: Option<Exchange>,
    pub messages: Vec<Message>,
    pub clock: Clock,
    pub counters: Counters,
    pub crypto: Crypto,
    pub http: Requests,
    pub kv: Space,
    pub metrics: Registry,
    pub outputs: Outputs,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Idle,
            exchange: None,
            messages: Vec::new(),
            clock: Clock::default(),
            counters: Counters::default(),
            crypto: Crypto::default(),
            http: Requests::default(),
            kv: Space::default(),
            metrics: Registry::default(),
            outputs: Outputs::default(),
        }
    }
}

thread_local! {
    static STATE: RefCell<State> = RefCell::new(State::new());
}

/// Lends the state; must not be nested.
pub(super) fn with<R>(visit: impl FnOnce(&mut State) -> R) -> R {
    STATE.with_borrow_mut(visit)
}

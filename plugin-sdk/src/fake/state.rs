//! All that the fake host of a thread remembers.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::cache::Cache;
use super::clock::Clock;
use super::consumers::Consumers;
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
    pub cache: Cache,
    pub clock: Clock,
    pub consumers: Consumers,
    pub counters: Counters,
    pub crypto: Crypto,
    pub http: Requests,
    pub kv: Space,
    pub metrics: Registry,
    pub outputs: Outputs,
    pub secrets: BTreeMap<String, Vec<u8>>,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Idle,
            exchange: None,
            messages: Vec::new(),
            cache: Cache::default(),
            clock: Clock::default(),
            consumers: Consumers::default(),
            counters: Counters::default(),
            crypto: Crypto::default(),
            http: Requests::default(),
            kv: Space::default(),
            metrics: Registry::default(),
            outputs: Outputs::default(),
            secrets: BTreeMap::new(),
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

//! One part of the counters, behind a lock of its own.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};

use super::rule::Rule;
use super::state::State;

/// Free places kept when a shard shrinks after a sweep.
const SPARE: usize = 64;

/// Names a counter without owning the name; hashed once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Probe<'a> {
    hash: u64,
    scope: &'a str,
    key: &'a str,
    rule: Rule,
}

impl<'a> Probe<'a> {
    pub(super) fn new(hasher: &RandomState, scope: &'a str, key: &'a str, rule: Rule) -> Self {
        Self { hash: hasher.hash_one((scope, key, rule)), scope, key, rule }
    }

    /// Which of so many shards. Uses other bits than the table within.
    pub(super) fn shard(&self, shards: usize) -> usize {
        usize::try_from(self.hash >> 32).unwrap_or(0) % shards
    }
}

/// Names a counter for good.
#[derive(Debug)]
struct Key {
    hash: u64,
    /// The scope with the key behind it.
    text: Box<str>,
    scope_bytes: usize,
    rule: Rule,
}

impl Key {
    fn new(probe: &Probe<'_>) -> Self {
        Self {
            hash: probe.hash,
            text: [probe.scope, probe.key].concat().into_boxed_str(),
            scope_bytes: probe.scope.len(),
            rule: probe.rule,
        }
    }
}

/// Lets the table be asked with a [`Probe`] for a [`Key`].
trait Named {
    fn probe(&self) -> Probe<'_>;
}

impl Named for Probe<'_> {
    fn probe(&self) -> Probe<'_> {
        *self
    }
}

impl Named for Key {
    fn probe(&self) -> Probe<'_> {
        let (scope, key) = self.text.split_at(self.scope_bytes);
        Probe { hash: self.hash, scope, key, rule: self.rule }
    }
}

impl Hash for dyn Named + '_ {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.probe().hash);
    }
}

impl PartialEq for dyn Named + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.probe() == other.probe()
    }
}

impl Eq for dyn Named + '_ {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.hash);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.probe() == other.probe()
    }
}

impl Eq for Key {}

impl<'a> Borrow<dyn Named + 'a> for Key {
    fn borrow(&self) -> &(dyn Named + 'a) {
        self
    }
}

/// Hands on the hash that the probe has computed already.
#[derive(Debug, Default)]
pub(super) struct Given(u64);

impl Hasher for Given {
    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("keys and probes write one whole hash");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// One part of the counters.
#[derive(Debug, Default)]
pub(super) struct Shard {
    states: HashMap<Key, State, BuildHasherDefault<Given>>,
}

impl Shard {
    pub(super) fn find(&mut self, probe: &Probe<'_>) -> Option<&mut State> {
        self.states.get_mut(probe as &dyn Named)
    }

    /// The caller has found that there is none.
    pub(super) fn insert(&mut self, probe: &Probe<'_>, state: State) {
        self.states.insert(Key::new(probe), state);
    }

    /// Removes the counters that are as if nothing had been taken; returns how many.
    pub(super) fn remove_ended(&mut self, now_us: u64) -> usize {
        let before = self.states.len();
        self.states.retain(|key, state| state.ends_us(key.rule) > now_us);
        let after = self.states.len();
        if self.states.capacity() / 4 > after + SPARE {
            self.states.shrink_to(after + SPARE);
        }
        before - after
    }
}

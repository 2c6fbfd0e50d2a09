//! One plugin's place in a pipeline, and whether it takes part in an exchange.
//!
//! Most plugins take part in every exchange; they have no slot, and nothing is looked at. For the
//! others it is decided at their first turn and remembered in the exchange, so that the phases of one
//! exchange agree.

use std::sync::Arc;

use super::condition;
use crate::config::{Clause, Owner};
use crate::facts::{Exchange, Part};
use crate::plugin::Plugin;

/// One plugin's place in a pipeline.
#[derive(Debug)]
pub struct Entry {
    plugin: Arc<Plugin>,
    owner: Owner,
    clauses: Vec<Clause>,
    /// Among the entries that do not take part in every exchange.
    pub(super) slot: Option<usize>,
}

impl Entry {
    /// A plugin that runs if all clauses hold.
    #[must_use]
    pub const fn new(plugin: Arc<Plugin>, owner: Owner, clauses: Vec<Clause>) -> Self {
        Self { plugin, owner, clauses, slot: None }
    }

    /// A plugin of the route that runs for every exchange.
    #[must_use]
    pub const fn always(plugin: Arc<Plugin>) -> Self {
        Self::new(plugin, Owner::Route, Vec::new())
    }

    /// What runs.
    #[must_use]
    pub const fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// Whose pipeline it stands in.
    #[must_use]
    pub const fn owner(&self) -> Owner {
        self.owner
    }

    /// What must be so for it to run.
    #[must_use]
    pub fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    /// Whether it takes part in every exchange.
    pub(super) const fn is_plain(&self) -> bool {
        self.clauses.is_empty()
    }

    pub(super) fn exports(&self, phase: &str) -> bool {
        self.plugin.phases().contains(&phase)
    }

    /// The plugin, if it takes part in the exchange.
    pub(super) fn turn(&self, exchange: &mut Exchange, slots: usize) -> Option<&Arc<Plugin>> {
        match self.slot {
            None => Some(&self.plugin),
            Some(slot) => (self.part(exchange, slot, slots) == Part::In).then_some(&self.plugin),
        }
    }

    /// What was decided before, or is decided now.
    fn part(&self, exchange: &mut Exchange, slot: usize, slots: usize) -> Part {
        if exchange.parts.is_empty() {
            exchange.parts.resize(slots, Part::Undecided);
        }
        let known = exchange.parts.get(slot).copied().unwrap_or_default();
        if known != Part::Undecided {
            return known;
        }
        let part = if condition::all_hold(&self.clauses, exchange) { Part::In } else { Part::Out };
        if let Some(known) = exchange.parts.get_mut(slot) {
            *known = part;
        }
        part
    }
}

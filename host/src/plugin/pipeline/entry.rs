//! One plugin's place in a pipeline, and whether it takes part in an exchange.
//!
//! Most plugins take part in every exchange; they have no slot, and nothing is looked at. For the
//! others it is decided at their first turn and remembered in the exchange, so that the phases of one
//! exchange agree.

use std::sync::Arc;

use super::canary::Canary;
use super::condition;
use super::turn::Turn;
use crate::config::{Clause, Owner};
use crate::facts::{Exchange, Part};
use crate::plugin::Plugin;
use crate::telemetry::metrics::Phase;

/// One plugin's place in a pipeline.
#[derive(Debug)]
pub struct Entry {
    plugin: Arc<Plugin>,
    owner: Owner,
    clauses: Vec<Clause>,
    canary: Option<Canary>,
    is_shadow: bool,
    /// Among the entries that do not take part in every exchange in the same way.
    slot: Option<usize>,
}

impl Entry {
    /// A plugin that runs if all clauses hold.
    #[must_use]
    pub const fn new(plugin: Arc<Plugin>, owner: Owner, clauses: Vec<Clause>) -> Self {
        Self { plugin, owner, clauses, canary: None, is_shadow: false, slot: None }
    }

    /// A plugin of the route that runs for every exchange.
    #[must_use]
    pub const fn always(plugin: Arc<Plugin>) -> Self {
        Self::new(plugin, Owner::Route, Vec::new())
    }

    /// The same with another version.
    #[must_use]
    pub fn with_canary(self, canary: Option<Canary>) -> Self {
        Self { canary, ..self }
    }

    /// The same without effect, if it shall be.
    #[must_use]
    pub fn with_shadow(self, is_shadow: bool) -> Self {
        Self { is_shadow, ..self }
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

    /// Its other version.
    #[must_use]
    pub const fn canary(&self) -> Option<&Canary> {
        self.canary.as_ref()
    }

    /// Whether it runs without effect.
    #[must_use]
    pub const fn is_shadow(&self) -> bool {
        self.is_shadow
    }

    /// Gives it a place among the decisions of an exchange, if there is one to make.
    pub(super) fn number(&mut self, slots: &mut usize) {
        if !self.clauses.is_empty() || self.canary.is_some() {
            self.slot = Some(*slots);
            *slots += 1;
        }
    }

    /// Whether one of its versions has the phase.
    pub(super) fn has(&self, phase: Phase) -> bool {
        let canary = self.canary.as_ref().map(Canary::plugin);
        self.plugin.has(phase) || canary.is_some_and(|plugin| plugin.has(phase))
    }

    /// What runs now, if it takes part in the exchange. One of its versions must have the phase.
    pub(super) fn turn(
        &self,
        exchange: &mut Exchange,
        slots: usize,
        phase: Phase,
    ) -> Option<Turn<'_>> {
        let Some(slot) = self.slot else {
            return Some(Turn { is_shadow: self.is_shadow, ..Turn::plain(&self.plugin) });
        };
        let canary = self.canary.as_ref().map(Canary::plugin);
        let (main, beside) = match self.part(exchange, slot, slots) {
            Part::Undecided | Part::Out => return None,
            Part::Stable => (Some(&self.plugin), None),
            Part::Canary => (canary, None),
            Part::Both => (Some(&self.plugin), canary),
        };
        let having = |plugin: &&Arc<Plugin>| plugin.has(phase);
        let (main, beside) = (main.filter(having), beside.filter(having));
        let is_none = main.is_none() && beside.is_none();
        (!is_none).then_some(Turn { main, is_shadow: self.is_shadow, beside })
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
        let part = self.decide(exchange);
        if let Some(known) = exchange.parts.get_mut(slot) {
            *known = part;
        }
        part
    }

    fn decide(&self, exchange: &Exchange) -> Part {
        if !condition::all_hold(&self.clauses, exchange) {
            return Part::Out;
        }
        match &self.canary {
            Some(canary) if canary.takes(exchange) => {
                if canary.is_shadow() {
                    Part::Both
                } else {
                    Part::Canary
                }
            }
            Some(_) | None => Part::Stable,
        }
    }
}

//! A plugin that runs without effect: what it does to the exchange is undone, what it decided is told.
//!
//! It sees what it would see otherwise, but for what it left in attributes itself. Its answer is not
//! given, its delay not waited for, its trap no failure, and it never waits for an instance: the
//! exchange must not notice it but for the time of the call. It may ask for the body, and is not shown
//! it.

use std::fmt;
use std::sync::Arc;

use super::Reaction;
use crate::facts::{Changes, Checkpoint, Open};
use crate::failure::Failure;
use crate::plugin::Plugin;
use crate::plugin::call::{Decided, Wish};
use crate::plugin::fault::Fault;
use crate::plugin::stage::{Access, Side};
use crate::telemetry::metrics::ShadowDecision;

/// What a plugin decided, and would have changed.
pub(super) struct Outcome {
    decision: Decision,
    changes: Changes,
}

/// What a plugin decided.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Forward,
    /// In milliseconds.
    Delay(u128),
    /// With this status.
    Respond(u16),
    /// To go on with the body.
    Body(&'static str),
    /// It decided nothing.
    Failed {
        kind: ShadowDecision,
        cause: String,
    },
}

impl Decision {
    const fn kind(&self) -> ShadowDecision {
        match self {
            Self::Forward => ShadowDecision::Forward,
            Self::Delay(_) => ShadowDecision::Delay,
            Self::Respond(_) => ShadowDecision::Respond,
            Self::Body(_) => ShadowDecision::Body,
            Self::Failed { kind, .. } => *kind,
        }
    }

    fn of(reaction: Option<&Reaction>) -> Self {
        match reaction {
            None => Self::Forward,
            Some(Reaction::Delay(delay)) => Self::Delay(delay.as_millis()),
            Some(Reaction::Answer { head, .. }) => Self::Respond(head.status.as_u16()),
        }
    }

    const fn of_wish(wish: Wish) -> Self {
        Self::Body(match wish {
            Wish::Whole(_) => "need-body",
            Wish::Parts(Access::Observe) => "observe-body",
            Wish::Parts(Access::Transform) => "transform-body",
        })
    }

    fn of_decided(decided: &Decided) -> Self {
        match decided {
            Decided::Reaction(reaction) => Self::of(reaction.as_ref()),
            Decided::Body(wish) => Self::of_wish(*wish),
        }
    }

    fn of_fault(fault: &Fault) -> Self {
        let kind = match fault {
            Fault::Trap { .. } | Fault::Contract(_) => ShadowDecision::Trap,
            Fault::CpuTime | Fault::WallTime(_) => ShadowDecision::Timeout,
            Fault::Saturated => ShadowDecision::Saturated,
        };
        let cause = match fault {
            Fault::Trap { cause, .. } => cause.clone(),
            other => other.to_string(),
        };
        Self::Failed { kind, cause }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forward => f.write_str("forward"),
            Self::Delay(ms) => write!(f, "delay {ms}"),
            Self::Respond(status) => write!(f, "respond {status}"),
            Self::Body(wish) => f.write_str(wish),
            Self::Failed { kind, cause } => write!(f, "{} {cause}", kind.as_str()),
        }
    }
}

impl Outcome {
    /// Of a plugin that ran with effect.
    pub(super) fn applied(
        result: &Result<Option<Reaction>, Failure>,
        before: &Checkpoint,
        open: &Open,
    ) -> Self {
        let decision = match result {
            Ok(reaction) => Decision::of(reaction.as_ref()),
            Err(failure) => {
                Decision::Failed { kind: ShadowDecision::Trap, cause: failure.token().to_owned() }
            }
        };
        Self { decision, changes: Changes::between(before, open) }
    }

    /// Of a plugin without the phase in question.
    pub(super) fn absent() -> Self {
        Self { decision: Decision::Forward, changes: Changes::default() }
    }
}

/// Shows a head to a plugin, and undoes what it does. A drop finishes the exchange.
pub(super) async fn call(plugin: &Plugin, side: Side, open: Open) -> (Open, Outcome) {
    let before = open.checkpoint();
    let mut lease = match plugin.instances.lend_at_once().await {
        Ok(lease) => lease,
        Err(fault) => return settle(plugin, side, open, before, Err(fault)),
    };
    let (open, decided) = plugin.decide(&mut lease, side, open).await;
    if decided.is_ok() {
        lease.give_back();
    }
    settle(plugin, side, open, before, decided)
}

fn settle(
    plugin: &Plugin,
    side: Side,
    mut open: Open,
    before: Checkpoint,
    decided: Result<Decided, Fault>,
) -> (Open, Outcome) {
    let outcome = match decided {
        Ok(decided) => Outcome {
            decision: Decision::of_decided(&decided),
            changes: Changes::between(&before, &open),
        },
        Err(fault) => {
            plugin.count(&fault);
            fault.report(&plugin.name, &open.route, &open.id, side.head().label());
            // What it changed before it failed would have had no effect either.
            Outcome { decision: Decision::of_fault(&fault), changes: Changes::default() }
        }
    };
    open.restore(before);
    (open, outcome)
}

/// Tells what a plugin would have done: beside what its stable version did, if it is a canary.
///
/// At the level `debug` if that is nothing, at `info` otherwise.
pub(super) fn tell(
    plugin: &Arc<Plugin>,
    side: Side,
    open: &Open,
    seen: &Outcome,
    stable: Option<&Outcome>,
) {
    let Outcome { decision, changes } = seen;
    // What it would do with the body is not known, and the stable version has done it already.
    let stable = stable.filter(|_| !matches!(decision, Decision::Body(_)));
    let differs =
        stable.is_some_and(|stable| stable.decision != *decision || stable.changes != *changes);
    plugin.metrics().shadow_decided(decision.kind());
    if differs {
        plugin.metrics().shadow_differences.inc();
    }
    let (plugin, route, request_id) = (plugin.name(), &*open.route, &*open.id);
    let (sets, removes) = (changes.set_names(), changes.removed_names());
    let stable_decision = stable.map(|stable| tracing::field::display(&stable.decision));
    let differences = stable.map(|stable| changes.differing_names(&stable.changes));
    let differs = stable.map(|_| differs);
    macro_rules! tell {
        ($level:ident) => {
            tracing::$level!(
                plugin,
                route,
                request_id,
                phase = side.head().label(),
                %decision,
                sets,
                removes,
                stable = stable_decision,
                differs,
                differences,
                "shadow decision"
            )
        };
    }
    let quiet = *decision == Decision::Forward && changes.is_empty() && differs != Some(true);
    if quiet {
        tell!(debug);
    } else {
        tell!(info);
    }
}

//! From a claim and a counter's state to a verdict.

use super::state::State;
use super::{Rule, Verdict};

/// What a claim asks of a counter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) cost: u32,
    /// What earlier claims of the same call ask of the same counter.
    pub(super) before: u64,
}

/// What becomes of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It fits, and so does every other of its call.
    Taken,
    /// It fits, but another claim of its call does not.
    Spared,
    /// It does not fit.
    Refused,
}

impl Outcome {
    pub(super) fn of_one(fits: bool) -> Self {
        if fits { Self::Taken } else { Self::Refused }
    }
}

/// Takes if the outcome is that, and says what there is to say.
pub(super) fn settle(state: &mut State, rule: Rule, wanted: Wanted, outcome: Outcome) -> Verdict {
    // What is not in the state yet.
    let pending = if outcome == Outcome::Taken {
        state.take(rule, wanted.cost);
        0
    } else {
        wanted.before + u64::from(wanted.cost)
    };
    let admitted = outcome != Outcome::Refused;
    let waits = admitted && wanted.cost > 0;
    Verdict {
        admitted,
        remaining: state.remaining(rule),
        retry_after_ms: if admitted { 0 } else { state.retry_after_ms(rule, pending) },
        reset_after_ms: state.reset_after_ms(rule),
        delay_ms: if waits { state.delay_ms(rule, pending) } else { 0 },
    }
}

//! What a call asks for, and what it is told.

use super::{KEY_BYTES_MAX, Rule};

/// One thing to take from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim<'a> {
    /// What is counted; at most [`KEY_BYTES_MAX`] bytes.
    pub key: &'a str,
    /// How it is counted. Each pair of key and rule has a count of its own.
    pub rule: Rule,
    /// How much to take; 0 looks without taking.
    pub cost: u32,
}

/// What a rule says to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Whether this rule has room for the claim.
    pub admitted: bool,
    /// How much more may be taken now; after this claim, if it was taken.
    pub remaining: u32,
    /// Milliseconds until this claim could be admitted; 0 if it was,
    /// [`NEVER_MS`](super::NEVER_MS) if it costs more than the rule ever allows.
    pub retry_after_ms: u64,
    /// Milliseconds until the rule is as if nothing had been taken; for a fixed window until the
    /// next one begins, for a sliding window until the oldest take is forgotten.
    pub reset_after_ms: u64,
    /// Leaky bucket: how long the request has to wait for its turn; 0 otherwise.
    pub delay_ms: u64,
}

/// What the claims before this one ask of the same counter.
pub(super) fn taken_before(claims: &[Claim<'_>], i: usize) -> u64 {
    let (earlier, rest) = claims.split_at(i);
    let Some(claim) = rest.first() else { return 0 };
    earlier
        .iter()
        .filter(|other| other.key == claim.key && other.rule == claim.rule)
        .map(|other| u64::from(other.cost))
        .sum()
}

pub(super) fn is_valid(claim: &Claim<'_>) -> bool {
    claim.key.len() <= KEY_BYTES_MAX && claim.rule.is_valid()
}

//! What plugins without effect would have done.

use prometheus_client::metrics::counter::Counter;

/// What a plugin without effect decided, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShadowDecision {
    /// To go on.
    Forward,
    /// To go on later.
    Delay,
    /// To answer.
    Respond,
    /// To go on with the body.
    Body,
    /// Nothing: it trapped or broke the contract.
    Trap,
    /// Nothing: it was cut.
    Timeout,
    /// Nothing: there was no instance for it.
    Saturated,
}

impl ShadowDecision {
    const ALL: [Self; 7] = [
        Self::Forward,
        Self::Delay,
        Self::Respond,
        Self::Body,
        Self::Trap,
        Self::Timeout,
        Self::Saturated,
    ];

    /// The metric label and the first word in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Delay => "delay",
            Self::Respond => "respond",
            Self::Body => "body",
            Self::Trap => "trap",
            Self::Timeout => "timeout",
            Self::Saturated => "saturated",
        }
    }
}

/// How often each was decided.
#[derive(Debug, Default)]
pub(super) struct ShadowDecisions([Counter; ShadowDecision::ALL.len()]);

impl ShadowDecisions {
    pub(super) fn count(&self, decision: ShadowDecision) {
        if let Some(counter) = self.0.get(decision as usize) {
            counter.inc();
        }
    }

    /// Those that there were.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let all = ShadowDecision::ALL.into_iter().zip(&self.0);
        all.map(|(decision, n)| (decision.as_str(), n.get())).filter(|(_, n)| *n > 0)
    }
}

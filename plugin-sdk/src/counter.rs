//! Counters that limit how often something may happen. Needs the grant `counter`.
//!
//! The check and the take are one operation: of any number of simultaneous calls, exactly as many
//! are admitted as the rule allows. Counters belong to the plugin (by its name in `gateway.toml`),
//! are shared by all workers, and survive reloads.

use crate::host::counter as host;

pub use crate::bindings::plugin::tidegate::plugin::counter::{
    Bucket, Claim, CounterError, Rule, Verdict, Window,
};

/// Takes all claims or, if one of them is refused, none. The verdicts are in the order of the
/// claims; there may be 16 of them.
///
/// # Errors
/// See [`CounterError`].
pub fn take(claims: &[Claim]) -> Result<Vec<Verdict>, CounterError> {
    host::take(claims)
}

impl Claim {
    /// Claims `cost` of what `rule` allows for `key`, which has at most 1 024 bytes.
    #[must_use]
    pub fn new(key: impl Into<String>, rule: Rule, cost: u32) -> Self {
        Self { key: key.into(), rule, cost }
    }
}

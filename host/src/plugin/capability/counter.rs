//! `counter`: how often something may happen.

use tidegate_macros::host_calls;
use wasmtime::Result;

use crate::plugin::contract::bindings::tidegate::plugin::counter as wit;
use crate::plugin::guest::Guest;
use crate::state::counter::{Bucket, Claim, CounterError, Rule, Verdict, Window};
use crate::telemetry::metrics::Interface;

#[host_calls(Interface::Counter)]
impl wit::Host for Guest {
    fn take(
        &mut self,
        claims: Vec<wit::Claim>,
    ) -> Result<Result<Vec<wit::Verdict>, wit::CounterError>> {
        self.in_phase("counter.take")?;
        let claims: Vec<Claim<'_>> = claims
            .iter()
            .map(|claim| Claim { key: &claim.key, rule: claim.rule.into(), cost: claim.cost })
            .collect();
        let now_us = crate::clock::steady_unix_us();
        let taken = self.shared.counters.take(&self.shared.name, &claims, now_us);
        Ok(match taken {
            Ok(verdicts) => Ok(verdicts.into_iter().map(Into::into).collect()),
            Err(CounterError::Invalid) => Err(wit::CounterError::Invalid),
            Err(CounterError::Exhausted) => Err(wit::CounterError::Exhausted),
            Err(CounterError::TooManyClaims) => Err(wit::CounterError::TooManyClaims),
        })
    }
}

impl From<wit::Rule> for Rule {
    fn from(rule: wit::Rule) -> Self {
        match rule {
            wit::Rule::FixedWindow(window) => Self::FixedWindow(window.into()),
            wit::Rule::SlidingWindow(window) => Self::SlidingWindow(window.into()),
            wit::Rule::TokenBucket(bucket) => Self::TokenBucket(bucket.into()),
            wit::Rule::LeakyBucket(bucket) => Self::LeakyBucket(bucket.into()),
        }
    }
}

impl From<wit::Window> for Window {
    fn from(wit::Window { limit, window_ms }: wit::Window) -> Self {
        Self { limit, window_ms }
    }
}

impl From<wit::Bucket> for Bucket {
    fn from(wit::Bucket { rate, period_ms, burst }: wit::Bucket) -> Self {
        Self { rate, period_ms, burst }
    }
}

impl From<Verdict> for wit::Verdict {
    fn from(verdict: Verdict) -> Self {
        let Verdict { admitted, remaining, retry_after_ms, reset_after_ms, delay_ms } = verdict;
        Self { admitted, remaining, retry_after_ms, reset_after_ms, delay_ms }
    }
}

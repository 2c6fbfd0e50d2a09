//! Each rule at the millisecond, alone and under threads.

mod bucket;
mod claims;
mod sweep;
mod threads;
mod window;

use super::{Bucket, Claim, CounterError, Counters, NEVER_MS, Rule, Verdict, Window};

/// 2026-01-01T00:00:00Z, in milliseconds; a multiple of a minute.
const START_MS: u64 = 1_767_225_600_000;

fn fixed(limit: u32, window_ms: u64) -> Rule {
    Rule::FixedWindow(Window { limit, window_ms })
}

fn sliding(limit: u32, window_ms: u64) -> Rule {
    Rule::SlidingWindow(Window { limit, window_ms })
}

fn token(rate: u32, period_ms: u64, burst: u32) -> Rule {
    Rule::TokenBucket(Bucket { rate, period_ms, burst })
}

fn leaky(rate: u32, period_ms: u64, burst: u32) -> Rule {
    Rule::LeakyBucket(Bucket { rate, period_ms, burst })
}

/// One take of `cost` from the key `k`, so many milliseconds after the start.
fn take_at(counters: &Counters, rule: Rule, cost: u32, at_ms: u64) -> Verdict {
    let claim = Claim { key: "k", rule, cost };
    counters.take_one("plugin", &claim, (START_MS + at_ms) * 1000).expect("a verdict")
}

/// How many of so many simultaneous takes of one are admitted.
fn admitted_at(counters: &Counters, rule: Rule, takes: u32, at_ms: u64) -> usize {
    (0..takes).filter(|_| take_at(counters, rule, 1, at_ms).admitted).count()
}

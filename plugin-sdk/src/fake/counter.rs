//! Counters of the current thread, on the clock of the test.

use std::collections::BTreeMap;

use super::{phase, state};
use crate::counter::{Bucket, Claim, CounterError, Rule, Verdict, Window};

const CLAIMS_MAX: usize = 16;
const KEY_BYTES_MAX: usize = 1024;
/// 365 days, in milliseconds.
const SPAN_MS_MAX: u64 = 31_536_000_000;

/// Counts by key and by the text of the rule.
pub(super) type Counters = BTreeMap<(String, String), Count>;

/// What was taken under one key and rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Count {
    /// Windows: what was taken when, in milliseconds; oldest first.
    takes: Vec<(u64, u32)>,
    /// Buckets: what is used up, in units of `1 / period_ms`.
    used: u128,
    /// Buckets: when `used` was right, in milliseconds.
    at_ms: u64,
}

/// Makes the counters of the current thread forget everything.
pub fn clear() {
    state::with(|state| state.counters.clear());
}

pub(crate) fn take(claims: &[Claim]) -> Result<Vec<Verdict>, CounterError> {
    phase::not_in_configure("counter.take");
    if claims.len() > CLAIMS_MAX {
        return Err(CounterError::TooManyClaims);
    }
    if !claims.iter().all(is_valid) {
        return Err(CounterError::Invalid);
    }
    state::with(|state| {
        let now_ms = state.clock.unix_ms();
        let mut after = state.counters.clone();
        let taken: Vec<Verdict> =
            claims.iter().map(|claim| judge(&mut after, claim, now_ms)).collect();
        if taken.iter().all(|verdict| verdict.admitted) {
            state.counters = after;
            return Ok(taken);
        }
        // Nothing is taken: what remains is what was there before.
        let untouched = claims.iter().zip(taken).map(|(claim, verdict)| {
            let look = Claim { cost: 0, ..claim.clone() };
            let before = judge(&mut state.counters.clone(), &look, now_ms);
            Verdict {
                remaining: before.remaining,
                reset_after_ms: before.reset_after_ms,
                ..verdict
            }
        });
        Ok(untouched.collect())
    })
}

fn is_valid(claim: &Claim) -> bool {
    let span = 1..=SPAN_MS_MAX;
    let rule = match claim.rule {
        Rule::FixedWindow(window) | Rule::SlidingWindow(window) => {
            window.limit >= 1 && span.contains(&window.window_ms)
        }
        Rule::TokenBucket(bucket) => {
            bucket.rate >= 1 && bucket.burst >= 1 && span.contains(&bucket.period_ms)
        }
        Rule::LeakyBucket(bucket) => bucket.rate >= 1 && span.contains(&bucket.period_ms),
    };
    rule && claim.key.len() <= KEY_BYTES_MAX
}

fn judge(counters: &mut Counters, claim: &Claim, now_ms: u64) -> Verdict {
    let place = (claim.key.clone(), format!("{:?}", claim.rule));
    let count = counters.entry(place).or_default();
    match claim.rule {
        Rule::FixedWindow(window) => fixed(count, window, claim.cost, now_ms),
        Rule::SlidingWindow(window) => sliding(count, window, claim.cost, now_ms),
        Rule::TokenBucket(bucket) => token(count, bucket, claim.cost, now_ms),
        Rule::LeakyBucket(bucket) => leaky(count, bucket, claim.cost, now_ms),
    }
}

fn fixed(count: &mut Count, window: Window, cost: u32, now_ms: u64) -> Verdict {
    let began = now_ms - now_ms % window.window_ms;
    count.takes.retain(|&(at, _)| at >= began);
    let reset_after_ms = began + window.window_ms - now_ms;
    let room = room(count, window.limit);
    let admitted = cost <= room;
    if admitted && cost > 0 {
        count.takes.push((now_ms, cost));
    }
    Verdict {
        admitted,
        remaining: if admitted { room - cost } else { room },
        retry_after_ms: if admitted { 0 } else { reset_after_ms },
        reset_after_ms,
        delay_ms: 0,
    }
}

fn sliding(count: &mut Count, window: Window, cost: u32, now_ms: u64) -> Verdict {
    let ends = |at: u64| at.saturating_add(window.window_ms);
    count.takes.retain(|&(at, _)| ends(at) > now_ms);
    let room = room(count, window.limit);
    let admitted = cost <= room;
    let mut free = room;
    let freeing = count.takes.iter().find(|&&(_, taken)| {
        free += taken;
        free >= cost
    });
    let last = count.takes.last();
    let retry_after_ms = freeing.or(last).map_or(0, |&(at, _)| ends(at) - now_ms);
    if admitted && cost > 0 {
        count.takes.push((now_ms, cost));
    }
    Verdict {
        admitted,
        remaining: if admitted { room - cost } else { room },
        retry_after_ms: if admitted { 0 } else { retry_after_ms },
        reset_after_ms: count.takes.first().map_or(0, |&(at, _)| ends(at) - now_ms),
        delay_ms: 0,
    }
}

fn room(count: &Count, limit: u32) -> u32 {
    count.takes.iter().fold(limit, |room, &(_, taken)| room.saturating_sub(taken))
}

fn token(count: &mut Count, bucket: Bucket, cost: u32, now_ms: u64) -> Verdict {
    pour(count, bucket, bucket.burst.into(), cost, now_ms)
}

/// nginx keeps the excess, which is what is in the bucket beyond the request that is leaking.
fn leaky(count: &mut Count, bucket: Bucket, cost: u32, now_ms: u64) -> Verdict {
    let verdict = pour(count, bucket, u128::from(bucket.burst) + 1, cost, now_ms);
    let excess = count.used.saturating_sub(bucket.period_ms.into());
    let delay_ms = match verdict.admitted && cost > 0 {
        true => ms(excess, bucket),
        false => 0,
    };
    Verdict { delay_ms, ..verdict }
}

/// Fills a bucket that holds `capacity` and runs empty at the rule's rate.
fn pour(count: &mut Count, bucket: Bucket, capacity: u128, cost: u32, now_ms: u64) -> Verdict {
    let period = u128::from(bucket.period_ms);
    let elapsed = u128::from(now_ms.saturating_sub(count.at_ms));
    count.used = count.used.saturating_sub(elapsed * u128::from(bucket.rate));
    count.at_ms = now_ms;
    let (full, wanted) = (capacity * period, u128::from(cost) * period);
    let admitted = count.used + wanted <= full;
    let retry_after_ms = ms((count.used + wanted).saturating_sub(full), bucket);
    if admitted {
        count.used += wanted;
    }
    Verdict {
        admitted,
        remaining: u32::try_from((full - count.used) / period).unwrap_or(u32::MAX),
        retry_after_ms,
        reset_after_ms: ms(count.used, bucket),
        delay_ms: 0,
    }
}

/// How long it takes to gain this much, rounded up to a millisecond.
fn ms(units: u128, bucket: Bucket) -> u64 {
    u64::try_from(units.div_ceil(bucket.rate.into())).unwrap_or(u64::MAX)
}

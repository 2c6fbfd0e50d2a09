//! Counters of the current thread, on the clock of the test.

use std::collections::BTreeMap;

use super::{phase, state};
use crate::counter::{Bucket, Claim, CounterError, Rule, Verdict, Window};

const CLAIMS_MAX: usize = 16;
const KEY_BYTES_MAX: usize = 1024;
/// 365 days, in milliseconds.
const SPAN_MS_MAX: u64 = 31_536_000_000;
const US_PER_MS: u64 = 1000;

/// When a claim that costs more than its rule ever allows could be admitted.
const NEVER_MS: u64 = u64::MAX;

/// Counts by key and by the text of the rule.
pub(super) type Counters = BTreeMap<(String, String), Count>;

/// What was taken under one key and rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Count {
    /// Windows: what was taken when, in microseconds; oldest first.
    takes: Vec<(u64, u32)>,
    /// Buckets: what is used up; what one claim takes is the period in microseconds.
    used: u128,
    /// Buckets: when `used` was right, in microseconds.
    at_us: u64,
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
        let now_us = state.clock.unix_us();
        let mut after = state.counters.clone();
        let taken: Vec<Verdict> =
            claims.iter().map(|claim| judge(&mut after, claim, now_us)).collect();
        if taken.iter().all(|verdict| verdict.admitted) {
            state.counters = after;
            return Ok(taken);
        }
        // Nothing is taken: what remains is what was there before.
        let untouched = claims.iter().zip(taken).map(|(claim, verdict)| {
            let look = Claim { cost: 0, ..claim.clone() };
            let before = judge(&mut state.counters.clone(), &look, now_us);
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

fn judge(counters: &mut Counters, claim: &Claim, now_us: u64) -> Verdict {
    let place = (claim.key.clone(), format!("{:?}", claim.rule));
    let count = counters.entry(place).or_default();
    match claim.rule {
        Rule::FixedWindow(window) => fixed(count, window, claim.cost, now_us),
        Rule::SlidingWindow(window) => sliding(count, window, claim.cost, now_us),
        Rule::TokenBucket(bucket) => token(count, bucket, claim.cost, now_us),
        Rule::LeakyBucket(bucket) => leaky(count, bucket, claim.cost, now_us),
    }
}

fn fixed(count: &mut Count, window: Window, cost: u32, now_us: u64) -> Verdict {
    let span_us = window.window_ms * US_PER_MS;
    let began_us = now_us - now_us % span_us;
    count.takes.retain(|&(at_us, _)| at_us >= began_us);
    let reset_after_ms = (began_us + span_us - now_us).div_ceil(US_PER_MS);
    let (admitted, remaining) = take_from_window(count, window.limit, cost, now_us);
    let retry_after_ms = match cost > window.limit {
        true => NEVER_MS,
        false => reset_after_ms,
    };
    Verdict {
        admitted,
        remaining,
        retry_after_ms: if admitted { 0 } else { retry_after_ms },
        reset_after_ms,
        delay_ms: 0,
    }
}

/// A take counts until its span is over, the last microsecond included.
fn sliding(count: &mut Count, window: Window, cost: u32, now_us: u64) -> Verdict {
    let forgotten_us = |at_us: u64| at_us + window.window_ms * US_PER_MS + 1;
    let wait_ms = |at_us: u64| (forgotten_us(at_us) - now_us).div_ceil(US_PER_MS);
    count.takes.retain(|&(at_us, _)| forgotten_us(at_us) > now_us);
    let mut free = room(count, window.limit);
    let freeing = count.takes.iter().find(|&&(_, taken)| {
        free += taken;
        free >= cost
    });
    let retry_after_ms = freeing.map_or(NEVER_MS, |&(at_us, _)| wait_ms(at_us));
    let (admitted, remaining) = take_from_window(count, window.limit, cost, now_us);
    Verdict {
        admitted,
        remaining,
        retry_after_ms: if admitted { 0 } else { retry_after_ms },
        reset_after_ms: count.takes.first().map_or(0, |&(at_us, _)| wait_ms(at_us)),
        delay_ms: 0,
    }
}

fn room(count: &Count, limit: u32) -> u32 {
    count.takes.iter().fold(limit, |room, &(_, taken)| room.saturating_sub(taken))
}

/// Whether the claim was admitted, and what remains then.
fn take_from_window(count: &mut Count, limit: u32, cost: u32, now_us: u64) -> (bool, u32) {
    let room = room(count, limit);
    let Some(remaining) = room.checked_sub(cost) else { return (false, room) };
    if cost > 0 {
        count.takes.push((now_us, cost));
    }
    (true, remaining)
}

fn token(count: &mut Count, bucket: Bucket, cost: u32, now_us: u64) -> Verdict {
    pour(count, bucket, bucket.burst.into(), cost, now_us)
}

/// nginx keeps the excess, which is what is in the bucket beyond the request that is leaking.
fn leaky(count: &mut Count, bucket: Bucket, cost: u32, now_us: u64) -> Verdict {
    let verdict = pour(count, bucket, u128::from(bucket.burst) + 1, cost, now_us);
    let excess = count.used.saturating_sub(unit(bucket));
    let delay_ms = match verdict.admitted && cost > 0 {
        true => leak_ms(excess, bucket),
        false => 0,
    };
    Verdict { delay_ms, ..verdict }
}

/// Fills a bucket that holds `capacity` and runs empty at the rule's rate.
fn pour(count: &mut Count, bucket: Bucket, capacity: u128, cost: u32, now_us: u64) -> Verdict {
    let elapsed_us = u128::from(now_us.saturating_sub(count.at_us));
    count.used = count.used.saturating_sub(elapsed_us * u128::from(bucket.rate));
    count.at_us = now_us;
    let (full, wanted) = (capacity * unit(bucket), u128::from(cost) * unit(bucket));
    let missing = (count.used + wanted).saturating_sub(full);
    let retry_after_ms = match wanted > full {
        true => NEVER_MS,
        false => leak_ms(missing, bucket),
    };
    if missing == 0 {
        count.used += wanted;
    }
    Verdict {
        admitted: missing == 0,
        remaining: u32::try_from((full - count.used) / unit(bucket)).unwrap_or(u32::MAX),
        retry_after_ms,
        reset_after_ms: leak_ms(count.used, bucket),
        delay_ms: 0,
    }
}

fn unit(bucket: Bucket) -> u128 {
    u128::from(bucket.period_ms * US_PER_MS)
}

/// How long it takes to leak this much, rounded up to a millisecond.
fn leak_ms(used: u128, bucket: Bucket) -> u64 {
    let ms = used.div_ceil(u128::from(bucket.rate) * u128::from(US_PER_MS));
    u64::try_from(ms).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fake::{clock, reset};

    const WINDOW: Window = Window { limit: 3, window_ms: 60_000 };

    fn one(rule: Rule, cost: u32) -> Verdict {
        take(&[Claim::new("client", rule, cost)]).unwrap()[0]
    }

    fn wait_ms(ms: u64) {
        clock::advance(Duration::from_millis(ms));
    }

    fn admitted(rule: Rule, calls: usize) -> usize {
        (0..calls).filter(|_| one(rule, 1).admitted).count()
    }

    #[test]
    fn a_fixed_window_admits_its_limit_and_begins_anew_at_a_whole_multiple() {
        reset();
        wait_ms(45_000);
        let rule = Rule::FixedWindow(WINDOW);
        assert_eq!(admitted(rule, 10), 3);
        assert_eq!(
            one(rule, 1),
            Verdict {
                admitted: false,
                remaining: 0,
                retry_after_ms: 15_000,
                reset_after_ms: 15_000,
                delay_ms: 0,
            }
        );
        wait_ms(14_999);
        assert_eq!(admitted(rule, 1), 0);
        wait_ms(1);
        assert_eq!(admitted(rule, 10), 3);
    }

    #[test]
    fn a_sliding_window_never_admits_more_in_any_span() {
        reset();
        let rule = Rule::SlidingWindow(WINDOW);
        assert_eq!(admitted(rule, 1), 1);
        wait_ms(40_000);
        assert_eq!(admitted(rule, 5), 2);
        let refused = one(rule, 1);
        assert_eq!((refused.retry_after_ms, refused.reset_after_ms), (20_001, 20_001));
        assert_eq!(one(rule, 2).retry_after_ms, 60_001);
        wait_ms(20_000);
        assert_eq!(admitted(rule, 5), 0);
        wait_ms(1);
        assert_eq!(admitted(rule, 5), 1);
    }

    #[test]
    fn a_token_bucket_starts_full_and_gains_evenly() {
        reset();
        let rule = Rule::TokenBucket(Bucket { rate: 10, period_ms: 1000, burst: 20 });
        assert_eq!(admitted(rule, 100), 20);
        assert_eq!(one(rule, 1).retry_after_ms, 100);
        wait_ms(250);
        assert_eq!(admitted(rule, 100), 2);
        assert_eq!(one(rule, 1).retry_after_ms, 50);
        wait_ms(3_600_000);
        assert_eq!(admitted(rule, 100), 20);
    }

    #[test]
    fn a_leaky_bucket_admits_what_nginx_admits_and_says_how_long_to_wait() {
        reset();
        let rule = Rule::LeakyBucket(Bucket { rate: 10, period_ms: 1000, burst: 20 });
        let verdicts: Vec<Verdict> = (0..100).map(|_| one(rule, 1)).collect();
        let delays: Vec<u64> =
            verdicts.iter().filter(|verdict| verdict.admitted).map(|v| v.delay_ms).collect();
        assert_eq!(delays, (0..21).map(|n| n * 100).collect::<Vec<_>>());
        assert_eq!(verdicts[99].retry_after_ms, 100);
        wait_ms(200);
        assert_eq!(admitted(rule, 100), 2);
    }

    #[test]
    fn claims_are_taken_together_or_not_at_all() {
        reset();
        let wide = Claim::new("a", Rule::FixedWindow(Window { limit: 10, ..WINDOW }), 1);
        let narrow = Claim::new("b", Rule::FixedWindow(Window { limit: 1, ..WINDOW }), 1);
        let both = [wide.clone(), narrow];
        assert!(take(&both).unwrap().iter().all(|verdict| verdict.admitted));
        let refused = take(&both).unwrap();
        assert_eq!((refused[0].admitted, refused[0].remaining), (true, 9));
        assert_eq!((refused[1].admitted, refused[1].remaining), (false, 0));
        assert_eq!(take(&[wide]).unwrap()[0].remaining, 8);
    }

    #[test]
    fn a_claim_for_nothing_looks_without_taking() {
        reset();
        let rule = Rule::SlidingWindow(WINDOW);
        assert_eq!(one(rule, 0).remaining, 3);
        assert_eq!(one(rule, 2).remaining, 1);
        assert_eq!(one(rule, 0).remaining, 1);
    }

    #[test]
    fn a_claim_over_the_whole_limit_is_never_admitted() {
        reset();
        let bucket = Bucket { rate: 10, period_ms: 1000, burst: 3 };
        for rule in [
            Rule::FixedWindow(WINDOW),
            Rule::SlidingWindow(WINDOW),
            Rule::TokenBucket(bucket),
            Rule::LeakyBucket(bucket),
        ] {
            let verdict = one(rule, 5);
            assert_eq!((verdict.admitted, verdict.retry_after_ms), (false, u64::MAX));
        }
    }

    #[test]
    fn claims_out_of_range_are_refused() {
        let window = |limit, window_ms| Rule::FixedWindow(Window { limit, window_ms });
        let result = |key: &str, rule| take(&[Claim::new(key, rule, 1)]).map(|_| ());
        assert_eq!(result("a", window(0, 1)), Err(CounterError::Invalid));
        assert_eq!(result("a", window(1, 0)), Err(CounterError::Invalid));
        assert_eq!(result("a", window(1, SPAN_MS_MAX + 1)), Err(CounterError::Invalid));
        assert_eq!(result(&"a".repeat(1025), window(1, 1)), Err(CounterError::Invalid));
        assert_eq!(result(&"a".repeat(1024), window(1, SPAN_MS_MAX)), Ok(()));
        let bucket = Bucket { rate: 1, period_ms: 1, burst: 0 };
        assert_eq!(result("a", Rule::TokenBucket(bucket)), Err(CounterError::Invalid));
        assert_eq!(result("a", Rule::LeakyBucket(bucket)), Ok(()));
        let many = vec![Claim::new("a", window(100, 1), 1); 17];
        assert_eq!(take(&many), Err(CounterError::TooManyClaims));
    }
}

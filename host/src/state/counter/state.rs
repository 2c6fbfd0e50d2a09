//! What a counter remembers, and the arithmetic of each rule.
//!
//! All of it is in integers: nothing drifts, however long a counter lives.

use std::collections::VecDeque;

use super::NEVER_MS;
use super::rule::{Bucket, Rule, Window};

/// Microseconds in a millisecond.
const MS: u64 = 1000;

/// Highest limit of a sliding window that remembers each moment of admission as it was.
const EXACT_LIMIT_MAX: u32 = 1024;

/// Above [`EXACT_LIMIT_MAX`], takes within `window / RUN_PARTS` of each other are remembered as if
/// all had come with the last of them. Takes are then forgotten up to that much late, never early.
///
/// The firsts of the runs remembered at once lie more than `window / RUN_PARTS` apart and within
/// `window + window / RUN_PARTS`, so there are at most `RUN_PARTS + 2` = 1 024 of them.
const RUN_PARTS: u64 = 1022;

/// A counter; which rule it obeys is told with each call, and always the same.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// The latest time seen; never runs backwards.
    at_us: u64,
    taken: Taken,
}

#[derive(Debug, Clone)]
enum Taken {
    /// What has been taken in the window with this number.
    Window { number: u64, count: u64 },
    /// When things were taken, in ascending order.
    Log(Log),
    /// The room that is used up, in parts of 1 / (period in µs).
    Water(u128),
}

#[derive(Debug, Clone, Default)]
struct Log {
    /// When the last of a run was taken, and how many it has.
    runs: VecDeque<(u64, u32)>,
    /// When the first of the last run was taken.
    last_run_began_us: u64,
    /// The sum of all runs.
    count: u64,
}

impl State {
    /// As if nothing had been taken.
    pub(super) fn fresh(rule: Rule, now_us: u64) -> Self {
        let taken = match rule {
            Rule::FixedWindow(window) => {
                Taken::Window { number: now_us / (window.window_ms * MS), count: 0 }
            }
            Rule::SlidingWindow(_) => Taken::Log(Log::default()),
            Rule::TokenBucket(_) | Rule::LeakyBucket(_) => Taken::Water(0),
        };
        Self { at_us: now_us, taken }
    }

    /// Forgets what time has healed. An earlier time than the latest counts as the latest.
    pub(super) fn advance(&mut self, rule: Rule, now_us: u64) -> &mut Self {
        let now_us = now_us.max(self.at_us);
        match (&mut self.taken, rule) {
            (Taken::Window { number, count }, Rule::FixedWindow(window)) => {
                let current = now_us / (window.window_ms * MS);
                if current > *number {
                    (*number, *count) = (current, 0);
                }
            }
            (Taken::Log(log), Rule::SlidingWindow(window)) => {
                log.forget_before(now_us.saturating_sub(window.window_ms * MS));
            }
            (Taken::Water(water), Rule::TokenBucket(bucket) | Rule::LeakyBucket(bucket)) => {
                let leaked = u128::from(now_us - self.at_us) * u128::from(bucket.rate);
                *water = water.saturating_sub(leaked);
            }
            _ => debug_assert!(false, "a counter keeps its rule, which is part of its key"),
        }
        self.at_us = now_us;
        self
    }

    /// Whether there is room for so much.
    pub(super) fn fits(&self, rule: Rule, amount: u64) -> bool {
        self.missing(rule, amount) == 0
    }

    /// The caller has found that it fits.
    pub(super) fn take(&mut self, rule: Rule, cost: u32) {
        if cost == 0 {
            return;
        }
        match &mut self.taken {
            Taken::Window { count, .. } => *count += u64::from(cost),
            Taken::Log(log) => log.push(self.at_us, cost, run_us(rule)),
            Taken::Water(water) => *water += u128::from(cost) * unit(rule),
        }
    }

    /// How much more may be taken now.
    pub(super) fn remaining(&self, rule: Rule) -> u32 {
        let room = match &self.taken {
            Taken::Window { count, .. } | Taken::Log(Log { count, .. }) => {
                capacity(rule).saturating_sub(u128::from(*count))
            }
            Taken::Water(water) => {
                (capacity(rule) * unit(rule)).saturating_sub(*water) / unit(rule)
            }
        };
        u32::try_from(room).unwrap_or(u32::MAX)
    }

    /// Until so much, which does not fit now, would fit if nothing else came.
    pub(super) fn retry_after_ms(&self, rule: Rule, amount: u64) -> u64 {
        if u128::from(amount) > capacity(rule) {
            return NEVER_MS;
        }
        let missing = self.missing(rule, amount);
        match &self.taken {
            Taken::Window { .. } => self.reset_after_ms(rule),
            Taken::Log(log) => {
                let forgotten_us = log.when_forgotten(missing) + span_us(rule) + 1;
                in_ms(forgotten_us.saturating_sub(self.at_us))
            }
            Taken::Water(_) => leak_ms(missing, rule),
        }
    }

    /// Until the rule is as if nothing had been taken; for a fixed window until the next one
    /// begins, for a sliding window until the oldest take is forgotten.
    pub(super) fn reset_after_ms(&self, rule: Rule) -> u64 {
        match &self.taken {
            Taken::Window { number, .. } => {
                in_ms(((number + 1) * span_us(rule)).saturating_sub(self.at_us))
            }
            Taken::Log(log) => log.runs.front().map_or(0, |(oldest_us, _)| {
                in_ms((oldest_us + span_us(rule) + 1).saturating_sub(self.at_us))
            }),
            Taken::Water(water) => leak_ms(*water, rule),
        }
    }

    /// Leaky bucket: until all that is in excess, with this amount not yet taken, has leaked.
    ///
    /// One request is the one being served, the rest is the excess of nginx's `limit_req`.
    pub(super) fn delay_ms(&self, rule: Rule, pending: u64) -> u64 {
        match (&self.taken, rule) {
            (Taken::Water(water), Rule::LeakyBucket(_)) => {
                let all = water + u128::from(pending) * unit(rule);
                leak_ms(all.saturating_sub(unit(rule)), rule)
            }
            _ => 0,
        }
    }

    /// From when on the counter is as if nothing had been taken.
    pub(super) fn ends_us(&self, rule: Rule) -> u64 {
        match &self.taken {
            Taken::Window { number, .. } => (number + 1) * span_us(rule),
            Taken::Log(log) => log.runs.back().map_or(0, |(last, _)| last + span_us(rule) + 1),
            Taken::Water(water) => self.at_us.saturating_add(leak_us(*water, rule)),
        }
    }

    /// What stands in the way of so much: of windows in units, of buckets in parts.
    fn missing(&self, rule: Rule, amount: u64) -> u128 {
        let amount = u128::from(amount);
        match &self.taken {
            Taken::Window { count, .. } | Taken::Log(Log { count, .. }) => {
                (u128::from(*count) + amount).saturating_sub(capacity(rule))
            }
            Taken::Water(water) => {
                (water + amount * unit(rule)).saturating_sub(capacity(rule) * unit(rule))
            }
        }
    }
}

impl Log {
    /// A take counts in every span that begins or ends with the microsecond it fell into, so that
    /// what was cut off below a microsecond cannot let one more into a span.
    fn forget_before(&mut self, earliest_us: u64) {
        while let Some((_, count)) = self.runs.pop_front_if(|(last_us, _)| *last_us < earliest_us) {
            self.count -= u64::from(count);
        }
        if self.runs.is_empty() && self.runs.capacity() > 64 {
            self.runs.shrink_to(16);
        }
    }

    fn push(&mut self, now_us: u64, cost: u32, run_us: u64) {
        self.count += u64::from(cost);
        if let Some((last_us, count)) = self.runs.back_mut()
            && now_us - self.last_run_began_us <= run_us
            && let Some(sum) = count.checked_add(cost)
        {
            (*last_us, *count) = (now_us, sum);
            return;
        }
        self.last_run_began_us = now_us;
        self.runs.push_back((now_us, cost));
    }

    /// When the take was made by whose forgetting so much becomes free.
    fn when_forgotten(&self, amount: u128) -> u64 {
        let mut freed = 0_u128;
        for (last_us, count) in &self.runs {
            freed += u128::from(*count);
            if freed >= amount {
                return *last_us;
            }
        }
        self.runs.back().map_or(0, |(last_us, _)| *last_us)
    }
}

/// What may be taken at once from a counter that nothing was taken from.
fn capacity(rule: Rule) -> u128 {
    match rule {
        Rule::FixedWindow(Window { limit, .. }) | Rule::SlidingWindow(Window { limit, .. }) => {
            limit.into()
        }
        Rule::TokenBucket(bucket) => bucket.burst.into(),
        Rule::LeakyBucket(bucket) => u128::from(bucket.burst) + 1,
    }
}

/// A window's length, or a bucket's period.
fn span_us(rule: Rule) -> u64 {
    match rule {
        Rule::FixedWindow(window) | Rule::SlidingWindow(window) => window.window_ms * MS,
        Rule::TokenBucket(bucket) | Rule::LeakyBucket(bucket) => bucket.period_ms * MS,
    }
}

/// Parts in one of what is counted: as many as a period has microseconds, so that a bucket
/// leaks exactly `rate` parts in each.
fn unit(rule: Rule) -> u128 {
    span_us(rule).into()
}

/// How far apart takes may be that are remembered as one run; 0 is only those of one microsecond.
fn run_us(rule: Rule) -> u64 {
    match rule {
        Rule::SlidingWindow(window) if window.limit > EXACT_LIMIT_MAX => {
            (window.window_ms * MS).div_ceil(RUN_PARTS)
        }
        _ => 0,
    }
}

fn leak_us(parts: u128, rule: Rule) -> u64 {
    match rule {
        Rule::TokenBucket(Bucket { rate, .. }) | Rule::LeakyBucket(Bucket { rate, .. }) => {
            u64::try_from(parts.div_ceil(u128::from(rate))).unwrap_or(u64::MAX)
        }
        Rule::FixedWindow(_) | Rule::SlidingWindow(_) => 0,
    }
}

fn leak_ms(parts: u128, rule: Rule) -> u64 {
    in_ms(leak_us(parts, rule))
}

/// Rounded up, so that whoever waits that long has waited enough.
fn in_ms(us: u64) -> u64 {
    us.div_ceil(MS)
}

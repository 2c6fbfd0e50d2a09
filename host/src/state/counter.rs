//! Counters that limit how often something may happen.
//!
//! The check and the take are one operation under the locks of all shards involved, taken in
//! ascending order: simultaneous calls are admitted exactly as if they had come one after the
//! other, and a call with several claims takes all of them or none.
//!
//! A call's time is sampled before its locks are held, so under the lock it is clamped to the
//! latest time its counter has seen. The result lies between the call's start and its end, which
//! makes it a true time of admission, and no two threads with different ideas of "now" can
//! overlap windows.
//!
//! A counter is born by the first take that is admitted, not by a look or a refusal, and ends
//! when its state is the same as none at all ([`Counters::sweep`]).

mod claim;
mod rule;
mod settle;
mod shard;
mod state;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use claim::{Claim, Verdict};
use claim::{is_valid, taken_before};
pub use rule::{Bucket, Rule, Window};
use settle::{Outcome, Wanted, settle};
use shard::{Probe, Shard};
use state::State;

/// Claims in one call.
pub const CLAIMS_MAX: usize = 16;

/// Bytes of a claim's key.
pub const KEY_BYTES_MAX: usize = 1024;

/// `retry_after_ms` of a claim that the rule can never admit because it costs too much.
pub const NEVER_MS: u64 = u64::MAX;

/// Locks that the counters are spread over; a power of two.
///
/// A take holds its lock for about 50 ns, so that with this many a core seldom waits for another
/// unless both take from the same key.
const SHARDS: usize = 64;

/// Between two searches for counters that have ended, when there is no room for a new one.
const SWEEP_PERIOD_US: u64 = 1_000_000;

/// Why there is no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CounterError {
    /// A rule or key outside its range.
    Invalid,
    /// As many counters as there may be, all of them in use.
    Exhausted,
    /// More than [`CLAIMS_MAX`] claims in one call.
    TooManyClaims,
}

/// All counters of the process.
#[derive(Debug)]
pub struct Counters {
    hasher: std::hash::RandomState,
    shards: Vec<Mutex<Shard>>,
    /// Counters held, and promised to calls that are about to add them.
    held: AtomicUsize,
    entries_max: AtomicUsize,
    /// The latest time by which counters were removed. Whoever finds no counter must not count
    /// from an earlier time, or the removed one would have been needed.
    swept_us: AtomicU64,
    /// When the last sweep for want of room began.
    searched_us: AtomicU64,
}

impl Counters {
    /// No counters yet, and never more than `entries_max`.
    #[must_use]
    pub fn new(entries_max: usize) -> Self {
        Self {
            hasher: std::hash::RandomState::new(),
            shards: std::iter::repeat_with(Mutex::default).take(SHARDS).collect(),
            held: AtomicUsize::new(0),
            entries_max: AtomicUsize::new(entries_max),
            swept_us: AtomicU64::new(0),
            searched_us: AtomicU64::new(0),
        }
    }

    /// Another bound from now on; counters beyond it live until they end.
    pub fn set_entries_max(&self, entries_max: usize) {
        self.entries_max.store(entries_max, Ordering::Relaxed);
    }

    /// How many counters are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Whether no counter is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes all claims or, if one of them is refused, none; the verdicts are in the order of the
    /// claims.
    ///
    /// Claims of the same key and rule add up. `scope` is the plugin's name; `now_us` is
    /// microseconds since 1970, from a clock that does not jump.
    ///
    /// # Errors
    /// More than [`CLAIMS_MAX`] claims, a rule or key outside its range, or no room for a new
    /// counter. Nothing has been taken then.
    pub fn take(
        &self,
        scope: &str,
        claims: &[Claim<'_>],
        now_us: u64,
    ) -> Result<Vec<Verdict>, CounterError> {
        if claims.len() > CLAIMS_MAX {
            return Err(CounterError::TooManyClaims);
        }
        if let [claim] = claims {
            return self.take_one(scope, claim, now_us).map(|verdict| vec![verdict]);
        }
        if !claims.iter().all(is_valid) {
            return Err(CounterError::Invalid);
        }
        self.with_room(now_us, || self.try_take(scope, claims, now_us))
    }

    /// [`Counters::take`] for a single claim, without allocating.
    ///
    /// # Errors
    /// As for [`Counters::take`].
    pub fn take_one(
        &self,
        scope: &str,
        claim: &Claim<'_>,
        now_us: u64,
    ) -> Result<Verdict, CounterError> {
        if !is_valid(claim) {
            return Err(CounterError::Invalid);
        }
        let probe = Probe::new(&self.hasher, scope, claim.key, claim.rule);
        self.with_room(now_us, || self.try_take_one(&probe, claim, now_us))
    }

    /// Forgets the counters that are as if nothing had been taken; returns how many.
    ///
    /// Holds one lock at a time.
    pub fn sweep(&self, now_us: u64) -> usize {
        // First the mark, then the removals: see `swept_us`.
        self.swept_us.fetch_max(now_us, Ordering::AcqRel);
        let mut removed = 0;
        for shard in &self.shards {
            let ended = lock(shard).remove_ended(now_us);
            self.held.fetch_sub(ended, Ordering::AcqRel);
            removed += ended;
        }
        removed
    }

    /// Tries again after a sweep if there was no room, at most once a second.
    fn with_room<T>(
        &self,
        now_us: u64,
        attempt: impl Fn() -> Result<T, CounterError>,
    ) -> Result<T, CounterError> {
        match attempt() {
            Err(CounterError::Exhausted) if self.may_search(now_us) => {
                self.sweep(now_us);
                attempt()
            }
            outcome => outcome,
        }
    }

    fn may_search(&self, now_us: u64) -> bool {
        let last = self.searched_us.load(Ordering::Relaxed);
        now_us >= last.saturating_add(SWEEP_PERIOD_US)
            && self
                .searched_us
                .compare_exchange(last, now_us, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    fn try_take_one(
        &self,
        probe: &Probe<'_>,
        claim: &Claim<'_>,
        now_us: u64,
    ) -> Result<Verdict, CounterError> {
        let mut shard = lock(self.shard(probe.shard(SHARDS)));
        let now_us = self.not_before_sweep(now_us);
        let wanted = Wanted { cost: claim.cost, before: 0 };
        if let Some(state) = shard.find(probe) {
            let fits = state.advance(claim.rule, now_us).fits(claim.rule, claim.cost.into());
            return Ok(settle(state, claim.rule, wanted, Outcome::of_one(fits)));
        }
        let mut fresh = State::fresh(claim.rule, now_us);
        let fits = fresh.fits(claim.rule, claim.cost.into());
        let is_born = fits && claim.cost > 0;
        if is_born {
            self.promise(1)?;
        }
        let verdict = settle(&mut fresh, claim.rule, wanted, Outcome::of_one(fits));
        if is_born {
            shard.insert(probe, fresh);
        }
        Ok(verdict)
    }

    fn try_take(
        &self,
        scope: &str,
        claims: &[Claim<'_>],
        now_us: u64,
    ) -> Result<Vec<Verdict>, CounterError> {
        let mut turns: Vec<Turn<'_>> = claims
            .iter()
            .enumerate()
            .map(|(i, claim)| Turn {
                probe: Probe::new(&self.hasher, scope, claim.key, claim.rule),
                wanted: Wanted { cost: claim.cost, before: taken_before(claims, i) },
                fits: false,
            })
            .collect();
        let mut locked = Locked::all(self, &turns);
        let now_us = self.not_before_sweep(now_us);

        let mut births = 0;
        for (turn, claim) in turns.iter_mut().zip(claims) {
            let amount = turn.wanted.before + u64::from(claim.cost);
            turn.fits = match locked.shard(&turn.probe).find(&turn.probe) {
                Some(state) => state.advance(claim.rule, now_us).fits(claim.rule, amount),
                None => {
                    births += usize::from(claim.cost > 0 && turn.wanted.before == 0);
                    State::fresh(claim.rule, now_us).fits(claim.rule, amount)
                }
            };
        }
        let all_fit = turns.iter().all(|turn| turn.fits);
        if all_fit {
            self.promise(births)?;
        }
        let verdicts = turns.iter().zip(claims).map(|(turn, claim)| {
            let shard = locked.shard(&turn.probe);
            let outcome = match (all_fit, turn.fits) {
                (true, _) => Outcome::Taken,
                (false, true) => Outcome::Spared,
                (false, false) => Outcome::Refused,
            };
            if let Some(state) = shard.find(&turn.probe) {
                return settle(state, claim.rule, turn.wanted, outcome);
            }
            let mut fresh = State::fresh(claim.rule, now_us);
            let verdict = settle(&mut fresh, claim.rule, turn.wanted, outcome);
            if all_fit && claim.cost > 0 {
                shard.insert(&turn.probe, fresh);
            }
            verdict
        });
        Ok(verdicts.collect())
    }

    /// Makes sure that `births` more counters may be held, and counts them.
    fn promise(&self, births: usize) -> Result<(), CounterError> {
        let most = self.entries_max.load(Ordering::Relaxed);
        self.held
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |held| {
                held.checked_add(births).filter(|total| births == 0 || *total <= most)
            })
            .map(drop)
            .map_err(|_full| CounterError::Exhausted)
    }

    /// Only meaningful while the lock of the shard in question is held.
    fn not_before_sweep(&self, now_us: u64) -> u64 {
        now_us.max(self.swept_us.load(Ordering::Acquire))
    }

    fn shard(&self, index: usize) -> &Mutex<Shard> {
        self.shards.get(index).expect("a probe's shard is a remainder of the number of shards")
    }
}

struct Turn<'a> {
    probe: Probe<'a>,
    wanted: Wanted,
    fits: bool,
}

/// The shards of a call, locked in ascending order.
struct Locked<'a>(Vec<(usize, MutexGuard<'a, Shard>)>);

impl<'a> Locked<'a> {
    fn all(counters: &'a Counters, turns: &[Turn<'_>]) -> Self {
        let mut indexes: Vec<usize> = turns.iter().map(|turn| turn.probe.shard(SHARDS)).collect();
        indexes.sort_unstable();
        indexes.dedup();
        Self(indexes.into_iter().map(|index| (index, lock(counters.shard(index)))).collect())
    }

    fn shard(&mut self, probe: &Probe<'_>) -> &mut Shard {
        let index = probe.shard(SHARDS);
        self.0
            .iter_mut()
            .find(|(locked, _)| *locked == index)
            .map(|(_, guard)| &mut **guard)
            .expect("the shards of all probes were locked")
    }
}

/// A panic elsewhere leaves a whole state behind: every change here is a few assignments.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

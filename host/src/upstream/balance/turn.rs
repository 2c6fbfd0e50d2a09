//! One turn: the endpoints that one request asks, in their order.

use super::{Balance, Tier};
use crate::clock;
use crate::config::BalancePolicy;
use crate::upstream::endpoint::Endpoint;

/// How often a draw may hit an endpoint that does not take it, before chance is given up: with one fit
/// endpoint in ten all of them miss once in five times, and then the next in order has it.
const DRAWS_MAX: usize = 16;

/// Which endpoints of a tier a turn gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Of this tier and those behind: nobody knows who is fit, or nobody is.
    Everybody,
    /// Of this tier, in which too few are fit.
    All,
    Fit,
}

/// One turn.
pub(in crate::upstream) struct Turn<'a> {
    balance: &'a Balance,
    affinity: Option<u64>,
    /// Not read if nothing depends on it.
    now_us: u64,
    /// The tier that is asked.
    tier: usize,
    /// Where the tier's order begins for this turn, once it is asked.
    slot: Option<usize>,
    takes: Takes,
    /// Without the last, so that a turn that needs one endpoint only allocates nothing.
    given: Vec<u16>,
    last: Option<u16>,
}

impl<'a> Iterator for Turn<'a> {
    type Item = &'a Endpoint;

    fn next(&mut self) -> Option<&'a Endpoint> {
        self.given.extend(self.last.take());
        let balance = self.balance;
        while let Some(tier) = balance.tiers.get(self.tier) {
            if let Some(index) = self.choose(tier) {
                self.last = Some(index);
                return balance.endpoint(index);
            }
            self.tier += 1;
            self.slot = None;
            if self.takes != Takes::Everybody {
                self.enter();
            }
        }
        None
    }
}

impl<'a> Turn<'a> {
    pub(super) fn begin(balance: &'a Balance, affinity: Option<u64>) -> Self {
        let is_watched = balance.panic_percent.is_some();
        let is_timed =
            is_watched || balance.slow_start || balance.policy == BalancePolicy::PeakEwma;
        let mut turn = Self {
            balance,
            affinity,
            now_us: if is_timed { clock::monotonic_us() } else { 0 },
            tier: 0,
            slot: None,
            takes: Takes::Everybody,
            given: Vec::new(),
            last: None,
        };
        if is_watched {
            turn.enter_first();
        }
        turn
    }

    /// Goes to the first tier that has a fit endpoint. Without any the first tier is asked, fit or not,
    /// unless the panic threshold is 0.
    fn enter_first(&mut self) {
        self.enter();
        if self.tier >= self.balance.tiers.len() && self.balance.panic_percent > Some(0) {
            self.tier = 0;
            self.takes = Takes::Everybody;
        }
    }

    /// Goes on to the next tier, this one included, that has a fit endpoint.
    fn enter(&mut self) {
        while let Some(tier) = self.balance.tiers.get(self.tier) {
            let fit = tier.members.iter().filter(|index| self.is_fit(**index)).count();
            if fit > 0 {
                let panic = usize::from(self.balance.panic_percent.unwrap_or(0));
                let is_panic = fit * 100 < tier.members.len() * panic;
                self.takes = if is_panic { Takes::All } else { Takes::Fit };
                return;
            }
            self.tier += 1;
        }
    }

    fn is_fit(&self, index: u16) -> bool {
        self.balance.endpoint(index).is_some_and(|endpoint| endpoint.is_fit(self.now_us))
    }

    /// Whether the endpoint may be given now.
    fn may(&self, index: u16) -> bool {
        (self.takes != Takes::Fit || self.is_fit(index)) && !self.given.contains(&index)
    }

    /// Whether it also wants the turn: one that is warming up passes most of them on.
    fn wants(&self, index: u16) -> bool {
        let is_warm = || {
            let endpoint = self.balance.endpoint(index);
            endpoint.is_some_and(|endpoint| endpoint.wants_turn(self.now_us))
        };
        self.may(index) && (!self.balance.slow_start || is_warm())
    }

    fn choose(&mut self, tier: &Tier) -> Option<u16> {
        if let [only] = &*tier.members {
            return self.may(*only).then_some(*only);
        }
        let first = match self.slot {
            Some(slot) => slot,
            None => self.first(tier),
        };
        self.slot = Some(first);
        let (before, after) = tier.slots.split_at_checked(first).unwrap_or((&[], &tier.slots));
        after.iter().chain(before).copied().find(|index| self.may(*index))
    }

    /// The slot that the policy wants.
    fn first(&self, tier: &Tier) -> usize {
        let slots = tier.slots.len();
        match self.balance.policy {
            BalancePolicy::RoundRobin => self.in_turn(tier),
            BalancePolicy::LeastConnections => self.least(tier),
            BalancePolicy::Random => {
                self.draw(tier, None).unwrap_or_else(|| fastrand::usize(..slots))
            }
            BalancePolicy::PowerOfTwo => {
                self.better_of_two(tier, |one, other| one.load_is_below(other, self.now_us))
            }
            BalancePolicy::PeakEwma => self
                .better_of_two(tier, |one, other| one.cost(self.now_us) < other.cost(self.now_us)),
            BalancePolicy::Hash(_) => match self.affinity {
                Some(number) => {
                    let slots = u64::try_from(slots).unwrap_or(u64::MAX);
                    usize::try_from(number.checked_rem(slots).unwrap_or(0)).unwrap_or(0)
                }
                None => fastrand::usize(..slots),
            },
        }
    }

    /// The next slot of the cycle whose endpoint wants it. Slots that are passed over are used up: else
    /// who stands behind an endpoint that is not fit would have its share as well.
    fn in_turn(&self, tier: &Tier) -> usize {
        let mut slot = self.balance.step(tier);
        for _look in 1..tier.slots.len() {
            if tier.slots.get(slot).is_some_and(|index| self.wants(*index)) {
                break;
            }
            slot = self.balance.step(tier);
        }
        slot
    }

    /// Of those with the fewest exchanges under way for their weight, the next in turn.
    fn least(&self, tier: &Tier) -> usize {
        let endpoint = |index: u16| self.balance.endpoint(index).filter(|_| self.may(index));
        let mut least: Option<&Endpoint> = None;
        for candidate in tier.members.iter().filter_map(|index| endpoint(*index)) {
            if least.is_none_or(|least| candidate.load_is_below(least, self.now_us)) {
                least = Some(candidate);
            }
        }
        let start = self.balance.step(tier);
        let Some(least) = least else { return start };
        let is_least = |slot: &usize| {
            let found = tier.slots.get(*slot).and_then(|index| endpoint(*index));
            found.is_some_and(|found| !least.load_is_below(found, self.now_us))
        };
        (start..tier.slots.len()).chain(0..start).find(is_least).unwrap_or(start)
    }

    /// Of two different endpoints at random, the better; the first of equals.
    fn better_of_two(
        &self,
        tier: &Tier,
        is_better: impl Fn(&Endpoint, &Endpoint) -> bool,
    ) -> usize {
        let Some(one) = self.draw(tier, None) else { return fastrand::usize(..tier.slots.len()) };
        let at = |slot: usize| tier.slots.get(slot).copied();
        // Chance may miss one that is rare; it is there nevertheless.
        let another =
            |slot: &usize| at(*slot) != at(one) && at(*slot).is_some_and(|it| self.may(it));
        let other = self.draw(tier, at(one)).or_else(|| (0..tier.slots.len()).find(another));
        let Some(other) = other else { return one };
        let endpoint = |slot| at(slot).and_then(|index| self.balance.endpoint(index));
        match (endpoint(one), endpoint(other)) {
            (Some(first), Some(second)) if is_better(second, first) => other,
            _ => one,
        }
    }

    /// A slot at random whose endpoint wants it, and is not `other`.
    fn draw(&self, tier: &Tier, other: Option<u16>) -> Option<usize> {
        let mut draws = (0..DRAWS_MAX).map(|_| fastrand::usize(..tier.slots.len()));
        draws.find(|slot| {
            let index = tier.slots.get(*slot);
            index.is_some_and(|index| Some(*index) != other && self.wants(*index))
        })
    }
}

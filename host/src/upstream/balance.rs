//! Weighted round robin: whose turn it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Turns of one cycle at most, unless there are more endpoints.
///
/// Weights that need a longer cycle are rounded to it, each to 1 at least. The share of an endpoint
/// is then off by 1 in 4096 turns at most, and a cycle costs 32 KiB at most.
const CYCLE_MAX: u64 = 4096;

/// The order in which endpoints take their turns.
///
/// It is smooth: with weights 5, 1 and 1 the turns are a a b a c a a, not a a a a a b c. Over a
/// cycle, which is the sum of the weights divided by their greatest common divisor, every endpoint
/// gets exactly its share.
#[derive(Debug)]
pub(super) struct Balance {
    cycle: Box<[usize]>,
    /// Shared with the balance of the next snapshot, which goes on where this one is.
    position: Arc<AtomicUsize>,
}

impl Balance {
    /// `weights` by index of endpoint.
    pub(super) fn build(weights: &[u32], previous: Option<&Self>) -> Self {
        let position = previous.map(|balance| Arc::clone(&balance.position)).unwrap_or_default();
        Self { cycle: cycle(&reduce(weights)), position }
    }

    /// Begins with the endpoint whose turn it is, then gives all others in the order of their
    /// turns; each once, and none of weight 0.
    pub(super) fn turn(&self) -> Turn<'_> {
        let position = self.position.fetch_add(1, Ordering::Relaxed);
        let start = position.checked_rem(self.cycle.len()).unwrap_or(0);
        let (after, before) = self.cycle.split_at(start);
        Turn { rest: before.iter().chain(after), given: Vec::new(), last: None }
    }
}

/// One turn, as indexes of endpoints.
pub(super) struct Turn<'a> {
    rest: std::iter::Chain<std::slice::Iter<'a, usize>, std::slice::Iter<'a, usize>>,
    /// Without the last, so that a turn that needs one endpoint only allocates nothing.
    given: Vec<usize>,
    last: Option<usize>,
}

impl Iterator for Turn<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.given.extend(self.last.take());
        let given = &self.given;
        self.last = self.rest.find(|index| !given.contains(index)).copied();
        self.last
    }
}

/// The smallest weights with the same proportions, or nearly so where their sum is above
/// [`CYCLE_MAX`].
fn reduce(weights: &[u32]) -> Vec<u64> {
    let divisor = weights.iter().copied().map(u64::from).fold(0, gcd).max(1);
    let weights: Vec<u64> = weights.iter().map(|weight| u64::from(*weight) / divisor).collect();
    let sum: u64 = weights.iter().sum();
    if sum <= CYCLE_MAX {
        return weights;
    }
    let scale = |weight: u64| (weight * CYCLE_MAX + sum / 2) / sum;
    weights.into_iter().map(|weight| scale(weight).max(weight.min(1))).collect()
}

/// Each turn goes to the endpoint that is the furthest behind its share; the first of equals.
fn cycle(weights: &[u64]) -> Box<[usize]> {
    let signed = |weight: u64| i64::try_from(weight).unwrap_or(i64::MAX);
    let sum: u64 = weights.iter().sum();
    let mut behind: Vec<i64> = vec![0; weights.len()];
    (0..sum)
        .filter_map(|_turn| {
            for (behind, weight) in behind.iter_mut().zip(weights) {
                *behind += signed(*weight);
            }
            let candidates = behind.iter_mut().enumerate().rev();
            let (index, most) = candidates.max_by_key(|(_, behind)| **behind)?;
            *most -= signed(sum);
            Some(index)
        })
        .collect()
}

const fn gcd(a: u64, b: u64) -> u64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firsts(balance: &Balance, turns: usize) -> Vec<usize> {
        (0..turns).filter_map(|_| balance.turn().next()).collect()
    }

    fn count(turns: &[usize], index: usize) -> usize {
        turns.iter().filter(|turn| **turn == index).count()
    }

    #[test]
    fn turns_are_spread_and_not_bunched() {
        assert_eq!(firsts(&Balance::build(&[5, 1, 1], None), 7), [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(firsts(&Balance::build(&[1, 1, 1], None), 6), [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn every_endpoint_gets_exactly_its_share_of_a_cycle() {
        let balance = Balance::build(&[300, 0, 100, 200], None);
        assert_eq!(balance.cycle.len(), 6);
        let turns = firsts(&balance, 600);
        assert_eq!([0, 1, 2, 3].map(|index| count(&turns, index)), [300, 0, 100, 200]);
    }

    #[test]
    fn weights_too_fine_for_a_cycle_are_rounded_but_never_to_nothing() {
        let balance = Balance::build(&[65_535, 65_521, 1, 0], None);
        let turns = firsts(&balance, balance.cycle.len());
        assert_eq!([0, 1, 2, 3].map(|index| count(&turns, index)), [2048, 2048, 1, 0]);
    }

    #[test]
    fn a_turn_gives_every_endpoint_with_weight_once() {
        let balance = Balance::build(&[2, 0, 1, 1], None);
        assert_eq!(balance.turn().collect::<Vec<_>>(), [0, 2, 3]);
        assert_eq!(balance.turn().collect::<Vec<_>>(), [2, 3, 0]);
        assert_eq!(balance.turn().collect::<Vec<_>>(), [3, 0, 2]);
    }

    #[test]
    fn the_next_snapshot_goes_on_where_the_last_one_is() {
        let first = Balance::build(&[1, 1, 1], None);
        assert_eq!(firsts(&first, 1), [0]);
        let second = Balance::build(&[1, 1, 1], Some(&first));
        assert_eq!(firsts(&second, 1), [1]);
        assert_eq!(firsts(&first, 1), [2]);
    }

    #[test]
    fn without_weight_nobody_has_a_turn() {
        assert_eq!(Balance::build(&[0, 0], None).turn().next(), None);
        assert_eq!(Balance::build(&[], None).turn().next(), None);
    }
}

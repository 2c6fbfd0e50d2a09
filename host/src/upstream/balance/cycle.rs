//! Smooth weighted round robin: one cycle of turns.

/// Turns of one cycle at most, unless there are more endpoints.
///
/// Weights that need a longer cycle are rounded to it, each to 1 at least. The share of an endpoint
/// is then off by 1 in 4096 turns at most, and a cycle costs 8 KiB at most.
const CYCLE_MAX: u64 = 4096;

/// The turns of these endpoints, given with their weights, which are above 0.
///
/// It is smooth: with weights 5, 1 and 1 the turns are a a b a c a a, not a a a a a b c. Over a
/// cycle, which is the sum of the weights divided by their greatest common divisor, every endpoint
/// gets exactly its share.
pub(super) fn of(members: &[(u16, u32)]) -> Box<[u16]> {
    let weights: Vec<u32> = members.iter().map(|(_, weight)| *weight).collect();
    let turns = cycle(&reduce(&weights));
    turns.iter().filter_map(|at| members.get(*at)).map(|(index, _)| *index).collect()
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
    use super::of;

    fn turns(weights: &[u32]) -> Vec<u16> {
        let members: Vec<(u16, u32)> = (0..).zip(weights.iter().copied()).collect();
        of(&members).into_vec()
    }

    fn count(turns: &[u16], index: u16) -> usize {
        turns.iter().filter(|turn| **turn == index).count()
    }

    #[test]
    fn turns_are_spread_and_not_bunched() {
        assert_eq!(turns(&[5, 1, 1]), [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(turns(&[1, 1, 1]), [0, 1, 2]);
    }

    #[test]
    fn every_endpoint_gets_exactly_its_share_of_a_cycle() {
        let turns = turns(&[300, 100, 200]);
        assert_eq!([0, 1, 2].map(|index| count(&turns, index)), [3, 1, 2]);
    }

    #[test]
    fn weights_too_fine_for_a_cycle_are_rounded_but_never_to_nothing() {
        let turns = turns(&[65_535, 65_521, 1]);
        assert_eq!([0, 1, 2].map(|index| count(&turns, index)), [2048, 2048, 1]);
    }

    #[test]
    fn without_endpoints_there_are_no_turns() {
        assert_eq!(turns(&[]), [0; 0]);
    }
}

//! Whose turn it is: the endpoints of an upstream, and the order in which one request asks them.
//!
//! Endpoints stand in tiers, by priority. A request asks the endpoints of the first tier that has a
//! fit one; the policy says which first, and the others follow in the order of a cycle. Then come
//! the fit ones of the tiers behind.

mod cycle;
pub(super) mod key;
pub(super) mod latency;
mod maglev;
mod turn;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::endpoint::{Care, Endpoint};
use crate::config::BalancePolicy;
pub(super) use turn::Turn;

/// The endpoints of an upstream at one moment.
#[derive(Debug)]
pub(super) struct Balance {
    endpoints: Box<[Endpoint]>,
    policy: BalancePolicy,
    /// Below this share of fit endpoints of a tier it does not matter who is fit, in percent; `None` if
    /// nobody finds out.
    panic_percent: Option<u8>,
    /// Whether endpoints that are new or back may pass a turn on.
    slow_start: bool,
    /// By priority; each has an endpoint.
    tiers: Box<[Tier]>,
    /// Shared with the balance of the next snapshot, which goes on where this one is.
    position: Arc<AtomicUsize>,
}

/// Endpoints of one priority, as indexes.
#[derive(Debug)]
struct Tier {
    members: Box<[u16]>,
    /// Each as often as its weight says: a cycle of turns, or a table of [`maglev`].
    slots: Box<[u16]>,
}

impl Balance {
    /// Goes on with the turns where `previous` is.
    pub(super) fn build(endpoints: Vec<Endpoint>, care: &Care, previous: Option<&Self>) -> Self {
        let position = previous.map(|balance| Arc::clone(&balance.position)).unwrap_or_default();
        let balancing = &care.balancing;
        let mut priorities: Vec<u8> = endpoints.iter().map(Endpoint::priority).collect();
        priorities.sort_unstable();
        priorities.dedup();
        let tiers = priorities.into_iter().filter_map(|priority| {
            let members: Vec<(u16, &Endpoint)> = (0..=u16::MAX)
                .zip(&endpoints)
                .filter(|(_, endpoint)| endpoint.priority() == priority && endpoint.weight() > 0)
                .collect();
            Tier::build(&members, &balancing.policy)
        });
        Self {
            policy: balancing.policy.clone(),
            panic_percent: care.is_watched().then_some(balancing.panic_percent),
            slow_start: balancing.slow_start.is_some(),
            tiers: tiers.collect(),
            endpoints: endpoints.into(),
            position,
        }
    }

    /// In the order of the configuration, or of the answers to names.
    pub(super) fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Begins with the endpoint whose turn it is, then gives all others that are fit; each once, and
    /// none of weight 0. `affinity` is what a policy that hashes decides by.
    pub(super) fn turn(&self, affinity: Option<u64>) -> Turn<'_> {
        Turn::begin(self, affinity)
    }
}

impl Tier {
    /// Absent without members.
    fn build(members: &[(u16, &Endpoint)], policy: &BalancePolicy) -> Option<Self> {
        let slots = match policy {
            BalancePolicy::Hash(_) => {
                let entries: Vec<_> = members
                    .iter()
                    .map(|(index, endpoint)| maglev::Entry {
                        index: *index,
                        name: endpoint.address(),
                        weight: endpoint.weight(),
                    })
                    .collect();
                maglev::table(&entries)
            }
            _ => {
                let weights: Vec<_> =
                    members.iter().map(|(index, endpoint)| (*index, endpoint.weight())).collect();
                cycle::of(&weights)
            }
        };
        let members: Box<[u16]> = members.iter().map(|(index, _)| *index).collect();
        (!members.is_empty()).then_some(Self { members, slots })
    }
}

impl Balance {
    fn endpoint(&self, index: u16) -> Option<&Endpoint> {
        self.endpoints.get(usize::from(index))
    }

    /// The position of this turn's or look's slot.
    fn step(&self, tier: &Tier) -> usize {
        let position = self.position.fetch_add(1, Ordering::Relaxed);
        position.checked_rem(tier.slots.len()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;

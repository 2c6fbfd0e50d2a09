//! How upstreams and the gateway itself are kept from being asked for too much.

use std::fmt;

use super::super::gate::GateMetrics;
use super::{Families, Text};

impl Families {
    pub(super) fn encode_resilience(&self, text: &mut Text<'_>) -> fmt::Result {
        self.encode_retries(text)?;
        self.encode_breakers(text)?;
        self.encode_gates(text)
    }

    fn encode_retries(&self, text: &mut Text<'_>) -> fmt::Result {
        let upstreams = self.upstreams.all();
        text.counters("upstream_retries", "Requests that were sent again", |family| {
            upstreams.iter().try_for_each(|(upstream, metrics)| {
                metrics.retries().iter().try_for_each(|(cause, n)| {
                    family.put(&[("upstream", upstream), ("cause", cause)], *n)
                })
            })
        })?;
        let help = "Requests that would have been sent again";
        text.counters("upstream_retries_withheld", help, |family| {
            upstreams.iter().try_for_each(|(upstream, metrics)| {
                metrics.retries_withheld().iter().try_for_each(|(reason, n)| {
                    family.put(&[("upstream", upstream), ("reason", reason)], *n)
                })
            })
        })
    }

    fn encode_breakers(&self, text: &mut Text<'_>) -> fmt::Result {
        let breakers = self.breakers.all();
        text.gauges(
            "upstream_breaker_state",
            "0 closed, 1 half-open, 2 open",
            breakers.iter().map(|(name, at)| ([("upstream", &**name)], at.state.get())),
        )?;
        let help = "Changes of a circuit breaker";
        text.counters("upstream_breaker_transitions", help, |family| {
            breakers.iter().try_for_each(|(upstream, metrics)| {
                metrics
                    .transitions()
                    .iter()
                    .try_for_each(|(to, n)| family.put(&[("upstream", upstream), ("to", to)], *n))
            })
        })?;
        let help = "Requests that a circuit breaker kept from the upstream";
        text.counters("upstream_breaker_refused", help, |family| {
            breakers.iter().try_for_each(|(upstream, metrics)| {
                family.put(&[("upstream", upstream)], metrics.refused.get())
            })
        })
    }

    fn encode_gates(&self, text: &mut Text<'_>) -> fmt::Result {
        type Read = fn(&GateMetrics) -> i64;
        let gates = self.gates.all();
        let gauges: [(_, _, Read); 2] = [
            ("upstream_active", "Requests under way at a limited upstream", |at| at.active.get()),
            ("upstream_waiting", "Requests that wait for their turn", |at| at.waiting.get()),
        ];
        for (name, help, read) in gauges {
            let values = gates.iter().map(|(upstream, at)| ([("upstream", &**upstream)], read(at)));
            text.gauges(name, help, values)?;
        }
        text.counters("upstream_refused", "Requests that got no turn", |family| {
            gates.iter().try_for_each(|(upstream, metrics)| {
                metrics.refusals().iter().try_for_each(|(reason, n)| {
                    family.put(&[("upstream", upstream), ("reason", reason)], *n)
                })
            })
        })?;
        let own = &self.exchanges;
        text.gauge("exchanges", "Exchanges under way, if they are limited", own.active.get())?;
        text.gauge("exchanges_waiting", "Exchanges that wait to begin", own.waiting.get())?;
        text.counters("exchanges_refused", "Exchanges that never began", |family| {
            own.refusals().iter().try_for_each(|(reason, n)| family.put(&[("reason", reason)], *n))
        })
    }
}

//! How endpoints are, as text.

use std::fmt;

use super::{Families, Text};

impl Families {
    pub(super) fn encode_endpoints(&self, text: &mut Text<'_>) -> fmt::Result {
        let upstreams = self.upstreams.all();
        let endpoints: Vec<_> = upstreams
            .iter()
            .flat_map(|(upstream, metrics)| {
                metrics
                    .endpoints
                    .all()
                    .into_iter()
                    .map(move |(at, metrics)| (upstream, at, metrics))
            })
            .collect();
        text.gauges(
            "upstream_endpoint_healthy",
            "1 if the endpoint takes traffic, 0 if it is unhealthy or ejected",
            endpoints.iter().map(|(upstream, at, metrics)| {
                ([("upstream", &***upstream), ("endpoint", &**at)], metrics.healthy.get())
            }),
        )?;
        text.gauges(
            "upstream_endpoint_under_way",
            "Exchanges with the endpoint now",
            endpoints.iter().filter_map(|(upstream, at, metrics)| {
                let labels = [("upstream", &***upstream), ("endpoint", &**at)];
                Some((labels, metrics.under_way()?))
            }),
        )?;
        text.counters(
            "upstream_ejections",
            "Endpoints left out because requests failed",
            |family| {
                endpoints.iter().try_for_each(|(upstream, at, metrics)| {
                    let labels = [("upstream", &***upstream), ("endpoint", &**at)];
                    family.put(&labels, metrics.ejections.get())
                })
            },
        )
    }
}

//! Connections that have left HTTP.

use std::fmt;

use super::{Families, Text};

impl Families {
    /// Of routes that have had one.
    pub(super) fn encode_tunnels(&self, text: &mut Text<'_>) -> fmt::Result {
        let mut routes = self.routes.all();
        routes.retain(|(_, metrics)| metrics.tunnels.opened.get() > 0);
        text.gauges(
            "tunnels",
            "Connections that speak another protocol than HTTP and are open",
            routes
                .iter()
                .map(|(route, metrics)| ([("route", &**route)], metrics.tunnels.open.get())),
        )?;
        text.counters("tunnels_opened", "Connections that left HTTP so far", |family| {
            routes.iter().try_for_each(|(route, metrics)| {
                family.put(&[("route", route)], metrics.tunnels.opened.get())
            })
        })?;
        text.counters("tunnel_bytes", "Bytes that passed on such connections", |family| {
            routes.iter().try_for_each(|(route, metrics)| {
                let tunnels = &metrics.tunnels;
                let directions =
                    [("in", &tunnels.to_upstream_bytes), ("out", &tunnels.to_client_bytes)];
                directions.iter().try_for_each(|(direction, bytes)| {
                    family.put(&[("route", route), ("direction", direction)], bytes.get())
                })
            })
        })
    }
}

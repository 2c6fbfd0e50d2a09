//! What is counted of TLS towards clients.

use std::fmt;

use super::{Families, Text};

impl Families {
    pub(super) fn encode_encryption(&self, text: &mut Text<'_>) -> fmt::Result {
        let listeners = self.listeners.all();
        text.counters("tls_handshakes", "Handshakes with clients", |family| {
            listeners.iter().try_for_each(|(at, metrics)| {
                metrics.handshakes().into_iter().try_for_each(|(outcome, n)| {
                    family.put(&[("listener", at), ("outcome", outcome)], n)
                })
            })
        })?;
        text.counters(
            "quic_retries",
            "Clients of HTTP/3 that had to prove their address",
            |family| {
                listeners.iter().try_for_each(|(at, metrics)| {
                    family.put(&[("listener", at)], metrics.retries.get())
                })
            },
        )?;
        let ends: Vec<_> =
            listeners.iter().map(|(at, metrics)| (at, metrics.certificates())).collect();
        let ends = ends.iter().flat_map(|(at, files)| {
            files.iter().map(|(file, end)| ([("listener", &***at), ("file", file.as_str())], *end))
        });
        text.gauges(
            "certificate_not_after_seconds",
            "The end of a certificate's validity, since 1970",
            ends,
        )?;
        text.counters("acme_orders", "Attempts at a certificate by ACME", |family| {
            let orders = self.acme_orders.all();
            orders.iter().try_for_each(|(outcome, n)| family.put(&[("outcome", outcome)], *n))
        })
    }
}

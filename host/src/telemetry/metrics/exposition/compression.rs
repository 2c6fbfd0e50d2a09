//! Responses that were compressed.

use std::fmt;

use super::{Families, Text};

impl Families {
    /// Of routes that have had one.
    pub(super) fn encode_compression(&self, text: &mut Text<'_>) -> fmt::Result {
        let mut routes = self.routes.all();
        routes.retain(|(_, metrics)| metrics.compression.responses().next().is_some());
        text.counters("compressed_responses", "Responses that were compressed", |family| {
            routes.iter().try_for_each(|(route, metrics)| {
                metrics.compression.responses().try_for_each(|(coding, n)| {
                    family.put(&[("route", route), ("coding", coding)], n)
                })
            })
        })?;
        text.counters("compressed_bytes", "Bytes of bodies that were compressed", |family| {
            routes.iter().try_for_each(|(route, metrics)| {
                metrics.compression.bytes().iter().try_for_each(|(stage, n)| {
                    family.put(&[("route", route), ("stage", stage)], *n)
                })
            })
        })
    }
}

//! Responses that plugins keep.

use std::fmt;

use super::super::cache::CacheMetrics;
use super::{Families, Text};

impl Families {
    pub(super) fn encode_caches(&self, text: &mut Text<'_>) -> fmt::Result {
        type Read = fn(&CacheMetrics) -> i64;
        let caches = self.caches.all();
        let gauges: [(_, _, Read); 2] = [
            ("cache_entries", "Responses that a plugin keeps", |cache| cache.entries.get()),
            ("cache_bytes", "What they take", |cache| cache.bytes.get()),
        ];
        for (name, help, read) in gauges {
            let values = caches.iter().map(|(plugin, all)| ([("plugin", &**plugin)], read(all)));
            text.gauges(name, help, values)?;
        }
        let counters: [(_, _, Read); 3] = [
            ("cache_hits", "Look-ups that found a response", |cache| cache.hits.get()),
            ("cache_misses", "Look-ups that found none", |cache| cache.misses.get()),
            ("cache_evictions", "Responses that made room", |cache| cache.evictions.get()),
        ];
        for (name, help, read) in counters {
            text.counters(name, help, |family| {
                caches.iter().try_for_each(|(plugin, all)| {
                    let value = u64::try_from(read(all)).unwrap_or(0);
                    family.put(&[("plugin", plugin)], value)
                })
            })?;
        }
        Ok(())
    }
}

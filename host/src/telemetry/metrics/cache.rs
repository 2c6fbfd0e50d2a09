//! What a plugin has in the cache.

use prometheus_client::metrics::gauge::Gauge;

/// What a plugin has in the cache and what came of its look-ups, as the cache counts it.
#[derive(Debug, Default)]
pub struct CacheMetrics {
    /// Held now.
    pub entries: Gauge,
    /// Of these.
    pub bytes: Gauge,
    /// Look-ups that found an entry, so far.
    pub hits: Gauge,
    /// Look-ups that found none, so far.
    pub misses: Gauge,
    /// Entries that made room for others, so far.
    pub evictions: Gauge,
}

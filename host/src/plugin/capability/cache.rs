//! `cache`: responses that are kept to be given again.

use tidegate_macros::host_calls;
use wasmtime::Result;

use crate::clock;
use crate::plugin::contract::bindings::tidegate::plugin::cache as wit;
use crate::plugin::contract::bindings::tidegate::plugin::types::Header;
use crate::plugin::guest::Guest;
use crate::state::cache::{CacheError, Entry};
use crate::telemetry::metrics::Interface;

#[host_calls(Interface::Cache)]
impl wit::Host for Guest {
    fn get(&mut self, key: String) -> Result<Option<wit::Entry>> {
        self.in_phase("cache.get")?;
        let found = self.shared.cache.get(&self.shared.name, &key, clock::unix_ms());
        Ok(found.map(|entry| (&*entry).into()))
    }

    fn put(&mut self, key: String, entry: wit::Entry) -> Result<Result<(), wit::CacheError>> {
        self.in_phase("cache.put")?;
        let put = self.shared.cache.put(&self.shared.name, &key, entry.into());
        Ok(put.map_err(|error| match error {
            CacheError::Invalid => wit::CacheError::Invalid,
            CacheError::TooLarge => wit::CacheError::TooLarge,
        }))
    }

    fn refresh(
        &mut self,
        key: String,
        headers: Vec<Header>,
        fresh_until_ms: u64,
        stale_until_ms: u64,
    ) -> Result<bool> {
        self.in_phase("cache.refresh")?;
        let times = (fresh_until_ms, stale_until_ms);
        let (cache, plugin) = (&self.shared.cache, &self.shared.name);
        Ok(cache.refresh(plugin, &key, lines(headers), times, clock::unix_ms()))
    }

    fn delete(&mut self, key: String) -> Result<bool> {
        self.in_phase("cache.delete")?;
        Ok(self.shared.cache.delete(&self.shared.name, &key, clock::unix_ms()))
    }

    fn delete_tag(&mut self, tag: String) -> Result<u32> {
        self.in_phase("cache.delete-tag")?;
        Ok(self.shared.cache.delete_tag(&self.shared.name, &tag, clock::unix_ms()))
    }
}

fn lines(headers: Vec<Header>) -> Vec<(String, Vec<u8>)> {
    headers.into_iter().map(|Header { name, value }| (name.to_ascii_lowercase(), value)).collect()
}

impl From<wit::Entry> for Entry {
    fn from(entry: wit::Entry) -> Self {
        Self {
            status: entry.status,
            headers: lines(entry.headers),
            body: entry.body.into(),
            stored_at_ms: entry.stored_at_ms,
            fresh_until_ms: entry.fresh_until_ms,
            stale_until_ms: entry.stale_until_ms,
            tags: entry.tags,
        }
    }
}

impl From<&Entry> for wit::Entry {
    fn from(entry: &Entry) -> Self {
        let headers = entry.headers.iter().cloned();
        Self {
            status: entry.status,
            headers: headers.map(|(name, value)| Header { name, value }).collect(),
            body: entry.body.to_vec(),
            stored_at_ms: entry.stored_at_ms,
            fresh_until_ms: entry.fresh_until_ms,
            stale_until_ms: entry.stale_until_ms,
            tags: entry.tags.clone(),
        }
    }
}

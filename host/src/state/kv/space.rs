//! What one owner has written.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry as Slot;

use super::{ENTRY_BYTES, Entry, Expected, KEY_BYTES_MAX, KvError, VALUE_BYTES_MAX};

/// Between two searches for values whose time is over, when a space is full.
const SWEEP_PERIOD_MS: u64 = 1000;

/// The keys and values of one owner.
#[derive(Debug, Default)]
pub struct Space {
    entries: DashMap<Box<str>, Stored>,
    bytes: AtomicUsize,
    bytes_max: AtomicUsize,
    /// The version that was given last; one sequence for all keys, so that a key which was
    /// removed and written again has another version than before.
    version: AtomicU64,
    searched_ms: AtomicU64,
}

impl Space {
    /// The value, unless there is none or its time is over.
    #[must_use]
    pub fn get(&self, key: &str, now_ms: u64) -> Option<Entry> {
        {
            let stored = self.entries.get(key)?;
            if !stored.is_over(now_ms) {
                return Some(Entry { value: stored.value.clone(), version: stored.version });
            }
        }
        self.remove_if(key, |stored| stored.is_over(now_ms));
        None
    }

    /// Writes if the key is as expected; returns the new version.
    ///
    /// `ttl_ms` is how long the value stays; for good if absent.
    ///
    /// # Errors
    /// The key is not as expected, key or value are too large, or the space is full. Nothing has
    /// been written then.
    pub fn set(
        &self,
        key: &str,
        expected: Expected,
        value: impl Into<Bytes>,
        ttl_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<u64, KvError> {
        let value = value.into();
        if key.len() > KEY_BYTES_MAX || value.len() > VALUE_BYTES_MAX {
            return Err(KvError::TooLarge);
        }
        let ends_ms = ttl_ms.map(|ttl_ms| now_ms.saturating_add(ttl_ms));
        match self.try_set(key, expected, &value, ends_ms, now_ms) {
            Err(KvError::Full) if self.may_search(now_ms) => {
                self.sweep(now_ms);
                self.try_set(key, expected, &value, ends_ms, now_ms)
            }
            outcome => outcome,
        }
    }

    /// Removes a key; whether there was a value whose time was not over.
    pub fn delete(&self, key: &str, now_ms: u64) -> bool {
        self.remove_if(key, |_| true).is_some_and(|stored| !stored.is_over(now_ms))
    }

    /// Bytes held: keys, values, and [`ENTRY_BYTES`] for each.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Removes the values whose time is over.
    pub fn sweep(&self, now_ms: u64) {
        self.entries.retain(|key, stored| {
            let stays = !stored.is_over(now_ms);
            if !stays {
                self.bytes.fetch_sub(size(key, &stored.value), Ordering::Relaxed);
            }
            stays
        });
    }

    pub(super) fn set_bytes_max(&self, bytes_max: usize) {
        self.bytes_max.store(bytes_max, Ordering::Relaxed);
    }

    fn try_set(
        &self,
        key: &str,
        expected: Expected,
        value: &Bytes,
        ends_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<u64, KvError> {
        let mut slot = self.entries.entry(key.into());
        let (version, freed) = match &mut slot {
            Slot::Occupied(occupied) => {
                let stored = occupied.get();
                let version = Some(stored.version).filter(|_| !stored.is_over(now_ms));
                (version, size(key, &stored.value))
            }
            Slot::Vacant(_) => (None, 0),
        };
        let is_expected = match expected {
            Expected::Anything => true,
            Expected::Nothing => version.is_none(),
            Expected::Version(expected) => version == Some(expected),
        };
        if !is_expected {
            return Err(KvError::Conflict);
        }
        self.exchange(freed, size(key, value))?;
        let version = self.version.fetch_add(1, Ordering::Relaxed) + 1;
        slot.insert(Stored { value: value.clone(), version, ends_ms });
        Ok(version)
    }

    /// Counts so many bytes in place of others, if there is room; fewer always fit.
    fn exchange(&self, freed: usize, taken: usize) -> Result<(), KvError> {
        let most = self.bytes_max.load(Ordering::Relaxed);
        self.bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bytes| {
                let total = (bytes + taken).saturating_sub(freed);
                (taken <= freed || total <= most).then_some(total)
            })
            .map(drop)
            .map_err(|_bytes| KvError::Full)
    }

    fn remove_if(&self, key: &str, condition: impl Fn(&Stored) -> bool) -> Option<Stored> {
        let (key, stored) = self.entries.remove_if(key, |_, stored| condition(stored))?;
        self.bytes.fetch_sub(size(&key, &stored.value), Ordering::Relaxed);
        Some(stored)
    }

    fn may_search(&self, now_ms: u64) -> bool {
        let last = self.searched_ms.load(Ordering::Relaxed);
        now_ms >= last.saturating_add(SWEEP_PERIOD_MS)
            && self
                .searched_ms
                .compare_exchange(last, now_ms, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

#[derive(Debug)]
struct Stored {
    value: Bytes,
    version: u64,
    /// From when on there is no value; never if absent.
    ends_ms: Option<u64>,
}

impl Stored {
    fn is_over(&self, now_ms: u64) -> bool {
        self.ends_ms.is_some_and(|ends_ms| ends_ms <= now_ms)
    }
}

fn size(key: &str, value: &Bytes) -> usize {
    key.len() + value.len() + ENTRY_BYTES
}

#[cfg(test)]
mod tests;

//! Keys and values of the current thread.

use std::collections::BTreeMap;

use super::{phase, state};
use crate::kv::{Entry, KvError};

const KEY_BYTES_MAX: usize = 1024;
const VALUE_BYTES_MAX: usize = 1024 * 1024;

#[derive(Default)]
pub(super) struct Space {
    values: BTreeMap<String, Stored>,
    /// Of the last write of any key.
    version: u64,
    /// Bytes of keys and values that fit; no limit if absent.
    capacity: Option<usize>,
    /// What a key must begin with, one of these; empty means any key.
    prefixes: Vec<String>,
}

struct Stored {
    entry: Entry,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    ends_ms: Option<u64>,
}

/// Lets the plugin store no more than this, in bytes of keys and values.
pub fn set_capacity(bytes: usize) {
    state::with(|state| state.kv.capacity = Some(bytes));
}

/// Grants the plugin no keys but those that begin with one of these.
pub fn set_prefixes(prefixes: &[&str]) {
    let prefixes = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
    state::with(|state| state.kv.prefixes = prefixes);
}

impl Space {
    fn allows(&self, key: &str) -> bool {
        self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| key.starts_with(prefix))
    }

    fn get(&self, key: &str, now_ms: u64) -> Option<&Entry> {
        let stored = self.values.get(key).filter(|_| self.allows(key))?;
        stored.ends_ms.is_none_or(|ends| now_ms < ends).then_some(&stored.entry)
    }

    fn set(
        &mut self,
        key: &str,
        value: &[u8],
        ttl_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<u64, KvError> {
        if !self.allows(key) {
            return Err(KvError::Denied);
        }
        if key.len() > KEY_BYTES_MAX || value.len() > VALUE_BYTES_MAX {
            return Err(KvError::TooLarge);
        }
        self.values.retain(|_, stored| stored.ends_ms.is_none_or(|ends| now_ms < ends));
        let others = self.values.iter().filter(|(other, _)| *other != key);
        let used: usize = others.map(|(key, stored)| key.len() + stored.entry.value.len()).sum();
        if self.capacity.is_some_and(|capacity| used + key.len() + value.len() > capacity) {
            return Err(KvError::Full);
        }
        self.version += 1;
        let entry = Entry { value: value.to_vec(), version: self.version };
        let ends_ms = ttl_ms.map(|ttl_ms| now_ms.saturating_add(ttl_ms));
        self.values.insert(key.to_owned(), Stored { entry, ends_ms });
        Ok(self.version)
    }
}

pub(crate) fn get(key: &str) -> Option<Entry> {
    phase::not_in_configure("kv.get");
    state::with(|state| state.kv.get(key, state.clock.unix_ms()).cloned())
}

pub(crate) fn set(key: &str, value: &[u8], ttl_ms: Option<u64>) -> Result<u64, KvError> {
    phase::not_in_configure("kv.set");
    state::with(|state| state.kv.set(key, value, ttl_ms, state.clock.unix_ms()))
}

pub(crate) fn compare_and_set(
    key: &str,
    expected: Option<u64>,
    value: &[u8],
    ttl_ms: Option<u64>,
) -> Result<u64, KvError> {
    phase::not_in_configure("kv.compare-and-set");
    state::with(|state| {
        let now_ms = state.clock.unix_ms();
        let version = state.kv.get(key, now_ms).map(|entry| entry.version);
        if !state.kv.allows(key) {
            return Err(KvError::Denied);
        }
        match version == expected {
            true => state.kv.set(key, value, ttl_ms, now_ms),
            false => Err(KvError::Conflict),
        }
    })
}

pub(crate) fn delete(key: &str) -> bool {
    phase::not_in_configure("kv.delete");
    state::with(|state| {
        let there = state.kv.get(key, state.clock.unix_ms()).is_some();
        if there {
            state.kv.values.remove(key);
        }
        there
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::fake::{clock, reset};
    use crate::kv::{KvError, compare_and_set, delete, get, set};

    #[test]
    fn a_value_is_gone_when_its_time_is_over() {
        reset();
        set("a", "1", Some(Duration::from_secs(2))).unwrap();
        clock::advance(Duration::from_millis(1999));
        assert_eq!(get("a").unwrap().value, b"1");
        clock::advance(Duration::from_millis(1));
        assert_eq!(get("a"), None);
        assert!(!delete("a"));
    }

    #[test]
    fn a_conditional_write_needs_the_current_version() {
        reset();
        let first = compare_and_set("a", None, "1", None).unwrap();
        assert_eq!(compare_and_set("a", None, "2", None), Err(KvError::Conflict));
        let second = compare_and_set("a", Some(first), "2", None).unwrap();
        assert_ne!(first, second);
        assert_eq!(compare_and_set("a", Some(first), "3", None), Err(KvError::Conflict));
        assert_eq!(get("a").unwrap().value, b"2");
    }

    #[test]
    fn a_key_outside_the_scope_of_the_grant_is_out_of_reach() {
        reset();
        set("other", "1", None).unwrap();
        super::set_prefixes(&["user:", "team:"]);
        assert_eq!(set("other", "2", None), Err(KvError::Denied));
        assert_eq!(compare_and_set("other", None, "2", None), Err(KvError::Denied));
        assert_eq!(get("other"), None);
        assert!(!delete("other"));
        set("team:1", "1", None).unwrap();
        assert_eq!(get("team:1").unwrap().value, b"1");
        super::set_prefixes(&[]);
        assert_eq!(get("other").unwrap().value, b"1");
    }

    #[test]
    fn a_write_over_a_limit_is_refused_and_leaves_what_was_there() {
        reset();
        super::set_capacity(10);
        set("a", "12345678", None).unwrap();
        assert_eq!(set("b", "1", None), Err(KvError::Full));
        set("a", "123456789", None).unwrap();
        assert_eq!(set(&"k".repeat(1025), "", None), Err(KvError::TooLarge));
        assert_eq!(get("a").unwrap().value, b"123456789");
    }
}

//! Keys and values in memory: a space for each plugin, shared by all threads and kept across
//! reloads.
//!
//! A value whose time is over is as good as gone; whoever comes across it removes it, and
//! [`Store::sweep`] removes the rest. What a space holds is counted in bytes as it is written, so
//! the bound holds at every moment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry as Slot;

/// Bytes of a key.
pub const KEY_BYTES_MAX: usize = 1024;

/// Bytes of a value.
pub const VALUE_BYTES_MAX: usize = 1024 * 1024;

/// What each entry counts for beside its key and its value.
///
/// About what the table needs for it; without, a million empty values would cost nothing.
pub const ENTRY_BYTES: usize = 64;

/// Between two searches for values whose time is over, when a space is full.
const SWEEP_PERIOD_MS: u64 = 1000;

/// A value and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What was written.
    pub value: Bytes,
    /// Another number after every write of the key.
    pub version: u64,
}

/// Why a write was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KvError {
    /// The key's version is not the expected one.
    Conflict,
    /// A key over [`KEY_BYTES_MAX`] or a value over [`VALUE_BYTES_MAX`].
    TooLarge,
    /// The space's bytes are used up.
    Full,
}

/// What a write expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Whatever there is.
    Anything,
    /// No value.
    Nothing,
    /// A value of this version.
    Version(u64),
}

/// The spaces of all plugins.
#[derive(Debug, Default)]
pub struct Store {
    spaces: Mutex<BTreeMap<Box<str>, Arc<Space>>>,
}

impl Store {
    /// The space of a plugin, by its name, which may hold so many bytes from now on.
    ///
    /// What it holds beyond a smaller bound stays until it is removed or its time is over.
    pub fn space(&self, plugin: &str, bytes_max: usize) -> Arc<Space> {
        let mut spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        let space = spaces.entry(plugin.into()).or_default();
        space.bytes_max.store(bytes_max, Ordering::Relaxed);
        Arc::clone(space)
    }

    /// Removes the values whose time is over, of all spaces.
    pub fn sweep(&self, now_ms: u64) {
        // The list is copied: a sweep may take long, and the lock is for a look-up.
        let spaces: Vec<_> = self
            .spaces
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .map(Arc::clone)
            .collect();
        for space in spaces {
            space.sweep(now_ms);
        }
    }

    /// Drops the spaces of plugins that are no more.
    ///
    /// An exchange that holds one may use it to its end.
    pub fn retain(&self, is_alive: impl Fn(&str) -> bool) {
        let mut spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        spaces.retain(|plugin, _| is_alive(plugin));
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

/// The keys and values of one plugin.
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

fn size(key: &str, value: &Bytes) -> usize {
    key.len() + value.len() + ENTRY_BYTES
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn space(bytes_max: usize) -> Arc<Space> {
        Store::default().space("plugin", bytes_max)
    }

    fn set(space: &Space, key: &str, value: &str, now_ms: u64) -> Result<u64, KvError> {
        space.set(key, Expected::Anything, value.to_owned(), None, now_ms)
    }

    fn get(space: &Space, key: &str, now_ms: u64) -> Option<String> {
        let entry = space.get(key, now_ms)?;
        Some(String::from_utf8(entry.value.to_vec()).expect("a text"))
    }

    #[test]
    fn what_was_written_is_read_with_its_version() {
        let space = space(10_000);
        assert_eq!(space.get("k", 0), None);
        let first = set(&space, "k", "one", 0).expect("room");
        let second = set(&space, "k", "two", 0).expect("room");
        assert_ne!(first, second);
        let entry = space.get("k", 0).expect("a value");
        assert_eq!((entry.value.as_ref(), entry.version), (&b"two"[..], second));
        assert!(space.delete("k", 0));
        assert!(!space.delete("k", 0));
        assert_eq!(space.bytes(), 0);
    }

    #[test]
    fn a_value_ends_with_its_time() {
        let space = space(10_000);
        space.set("k", Expected::Anything, "v", Some(1000), 500).expect("room");
        assert_eq!(get(&space, "k", 1499).as_deref(), Some("v"));
        assert_eq!(get(&space, "k", 1500), None);
        assert_eq!(space.bytes(), 0);
        space.set("k", Expected::Anything, "v", Some(u64::MAX), 500).expect("room");
        assert_eq!(get(&space, "k", u64::MAX - 1).as_deref(), Some("v"));
        space.set("k", Expected::Anything, "v", Some(5), 500).expect("room");
        assert!(!space.delete("k", 505));
    }

    #[test]
    fn compare_and_set_writes_only_over_what_is_expected() {
        let space = space(10_000);
        let cas = |expected, now_ms| space.set("k", expected, "v", Some(10), now_ms);
        assert_eq!(cas(Expected::Version(1), 0), Err(KvError::Conflict));
        let version = cas(Expected::Nothing, 0).expect("there is none");
        assert_eq!(cas(Expected::Nothing, 1), Err(KvError::Conflict));
        assert_eq!(cas(Expected::Version(version + 1), 1), Err(KvError::Conflict));
        let second = cas(Expected::Version(version), 1).expect("expected");
        // Its time is over: there is no value, and its version is not expected any more.
        assert_eq!(cas(Expected::Version(second), 11), Err(KvError::Conflict));
        let third = cas(Expected::Nothing, 11).expect("its time is over");
        space.delete("k", 11);
        let fourth = cas(Expected::Nothing, 11).expect("there is none");
        assert_ne!(third, fourth);
    }

    #[test]
    fn keys_and_values_over_their_size_are_refused() {
        let space = space(10_000_000);
        let set = |key: usize, value: usize| {
            space.set(&"k".repeat(key), Expected::Anything, vec![0; value], None, 0).map(drop)
        };
        assert_eq!(set(1024, 1_048_576), Ok(()));
        assert_eq!(set(1025, 0), Err(KvError::TooLarge));
        assert_eq!(set(0, 1_048_577), Err(KvError::TooLarge));
        assert_eq!(space.get(&"k".repeat(2000), 0), None);
    }

    #[test]
    fn a_space_holds_its_bytes_and_not_one_more() {
        let space = space(2 * (ENTRY_BYTES + 10));
        assert!(set(&space, "a", "123456789", 0).is_ok());
        assert!(set(&space, "b", "123456789", 0).is_ok());
        assert_eq!(set(&space, "c", "", 5000), Err(KvError::Full));
        assert_eq!(set(&space, "a", "1234567890", 0), Err(KvError::Full));
        assert!(set(&space, "a", "12345678", 0).is_ok());
        assert!(set(&space, "b", "1234567890", 0).is_ok());
        assert_eq!(space.bytes(), 2 * (ENTRY_BYTES + 10));
    }

    #[test]
    fn a_full_space_makes_room_from_what_is_over() {
        let space = space(ENTRY_BYTES + 10);
        space.set("a", Expected::Anything, "v", Some(10), 5000).expect("room");
        assert_eq!(set(&space, "b", "v", 5009), Err(KvError::Full));
        // The last search was less than a second ago.
        assert_eq!(set(&space, "b", "v", 6008), Err(KvError::Full));
        assert!(set(&space, "b", "v", 6009).is_ok());
    }

    #[test]
    fn a_smaller_bound_keeps_what_there_is() {
        let store = Store::default();
        let space = store.space("plugin", 10_000);
        set(&space, "k", "123", 0).expect("room");
        let same = store.space("plugin", 10);
        assert_eq!(get(&same, "k", 0).as_deref(), Some("123"));
        assert_eq!(set(&space, "k", "1234", 0), Err(KvError::Full));
        assert!(set(&space, "k", "12", 0).is_ok());
    }

    #[test]
    fn plugins_have_spaces_of_their_own() {
        let store = Store::default();
        set(&store.space("a", 1000), "k", "of a", 0).expect("room");
        assert_eq!(get(&store.space("b", 1000), "k", 0), None);
        store.retain(|plugin| plugin == "b");
        assert_eq!(get(&store.space("a", 1000), "k", 0), None);
    }

    #[test]
    fn a_sweep_removes_what_is_over_and_nothing_else() {
        let store = Store::default();
        let space = store.space("plugin", 10_000);
        space.set("over", Expected::Anything, "v", Some(10), 0).expect("room");
        space.set("not yet", Expected::Anything, "v", Some(11), 0).expect("room");
        set(&space, "never", "v", 0).expect("room");
        store.sweep(10);
        assert_eq!(space.entries.len(), 2);
        assert_eq!(space.bytes(), 2 * (ENTRY_BYTES + 1) + "not yet".len() + "never".len());
    }

    #[test]
    fn of_simultaneous_compare_and_sets_one_wins() {
        let space = space(10_000);
        set(&space, "n", "0", 0).expect("room");
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        while !increment(&space) {}
                    }
                });
            }
        });
        assert_eq!(get(&space, "n", 0).as_deref(), Some("4000"));
        assert_eq!(space.bytes(), ENTRY_BYTES + 5);
    }

    fn increment(space: &Space) -> bool {
        let entry = space.get("n", 0).expect("a value");
        let text = std::str::from_utf8(&entry.value).expect("a text");
        let next = (text.parse::<u32>().expect("a number") + 1).to_string();
        space.set("n", Expected::Version(entry.version), next, None, 0).is_ok()
    }

    #[test]
    fn bytes_are_counted_exactly_whatever_happens_at_once() {
        let space = space(100_000);
        thread::scope(|scope| {
            for thread in 0..8_u64 {
                let space = &space;
                scope.spawn(move || {
                    for round in 0..2000_u64 {
                        let key = ((thread * 31 + round * 7) % 50).to_string();
                        let length = usize::try_from(round % 90).expect("small");
                        let ttl_ms = (round % 3 == 0).then_some(1);
                        let written = vec![0; length];
                        let _outcome = space.set(&key, Expected::Anything, written, ttl_ms, round);
                        if round % 5 == 0 {
                            space.delete(&key, round);
                        }
                        if round % 100 == 0 {
                            space.sweep(round);
                        }
                    }
                });
            }
        });
        let held: usize = space.entries.iter().map(|e| size(e.key(), &e.value().value)).sum();
        assert_eq!(space.bytes(), held);
    }
}

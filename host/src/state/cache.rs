//! Responses that plugins keep: an own set for each plugin, one bound for all.
//!
//! Everything stands behind one lock, so that the bound holds at every moment and a tag never leads
//! to an entry that is gone. A look-up holds it for two map operations and copies nothing; whoever
//! needs the bytes has them by reference count.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Bytes of a key.
pub const KEY_BYTES_MAX: usize = 2048;

/// Tags of an entry, and bytes of each.
pub const TAGS_MAX: usize = 16;
/// Bytes of a tag.
pub const TAG_BYTES_MAX: usize = 128;

/// What each entry counts for beside its texts and bytes: about what the maps need for it.
const ENTRY_BYTES: usize = 512;

/// The part of the whole that one entry may take, so that none displaces all others.
const LARGEST_PART: usize = 4;

/// A response with its times, in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From 200 to 599.
    pub status: u16,
    /// Names and values, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Shared, because answers outlive an entry.
    pub body: Bytes,
    /// Made or last validated, less the age that it came with.
    pub stored_at_ms: u64,
    /// Until when it may be used as it is.
    pub fresh_until_ms: u64,
    /// Until when it is kept; not before `fresh_until_ms`.
    pub stale_until_ms: u64,
    /// Each once.
    pub tags: Vec<String>,
}

/// Why an entry was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheError {
    /// A key, status, time or tag outside its range.
    Invalid,
    /// More than a quarter of the whole.
    TooLarge,
}

/// What one plugin has, and what came of its calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Held now.
    pub entries: usize,
    /// Of these.
    pub bytes: usize,
    /// Look-ups that found an entry.
    pub hits: u64,
    /// Look-ups that found none.
    pub misses: u64,
    /// Entries that made room for others.
    pub evictions: u64,
}

/// The entries of all plugins.
#[derive(Debug)]
pub struct Cache(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    spaces: BTreeMap<Box<str>, Space>,
    /// By when they were last asked for, the longest ago first.
    order: BTreeMap<u64, (Box<str>, Arc<str>)>,
    /// The last number in `order`.
    turn: u64,
    bytes: usize,
    bytes_max: usize,
}

/// The entries of one plugin.
#[derive(Debug, Default)]
struct Space {
    entries: HashMap<Arc<str>, Slot>,
    tags: HashMap<String, HashSet<Arc<str>>>,
    tally: Tally,
}

#[derive(Debug)]
struct Slot {
    entry: Arc<Entry>,
    bytes: usize,
    turn: u64,
}

impl Cache {
    /// An empty one, which may hold so many bytes.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self(Mutex::new(Inner { bytes_max, ..Inner::default() }))
    }

    /// Bounds what all plugins hold from now on; what is beyond goes at once.
    pub fn set_bytes_max(&self, bytes_max: usize) {
        let mut inner = self.lock();
        inner.bytes_max = bytes_max;
        inner.make_room(0);
    }

    /// The entry of this key, unless its time is over.
    #[must_use]
    pub fn get(&self, plugin: &str, key: &str, now_ms: u64) -> Option<Arc<Entry>> {
        let mut inner = self.lock();
        let found = inner.touch(plugin, key, now_ms);
        let tally = &mut inner.space(plugin).tally;
        match &found {
            Some(_) => tally.hits += 1,
            None => tally.misses += 1,
        }
        found
    }

    /// Keeps an entry, in place of another one with this key.
    ///
    /// # Errors
    ///
    /// See [`CacheError`]; what was there stays.
    pub fn put(&self, plugin: &str, key: &str, mut entry: Entry) -> Result<(), CacheError> {
        entry.tags.sort_unstable();
        entry.tags.dedup();
        check(key, &entry)?;
        self.lock().put(plugin, key, entry)
    }

    /// Changes headers and times of an entry that was validated now; whether there was one that
    /// the new times and headers suit.
    pub fn refresh(
        &self,
        plugin: &str,
        key: &str,
        headers: Vec<(String, Vec<u8>)>,
        (fresh_until_ms, stale_until_ms): (u64, u64),
        now_ms: u64,
    ) -> bool {
        let mut inner = self.lock();
        let Some(known) = inner.touch(plugin, key, now_ms) else { return false };
        let mut lines = known.headers.clone();
        lines.retain(|(name, _)| !headers.iter().any(|(new, _)| new == name));
        lines.extend(headers);
        let entry = Entry {
            headers: lines,
            stored_at_ms: now_ms,
            fresh_until_ms,
            stale_until_ms,
            ..Entry::clone(&known)
        };
        check(key, &entry).is_ok() && inner.put(plugin, key, entry).is_ok()
    }

    /// Removes an entry; whether there was one.
    pub fn delete(&self, plugin: &str, key: &str, now_ms: u64) -> bool {
        let removed = self.lock().remove(plugin, key);
        removed.is_some_and(|slot| now_ms < slot.entry.stale_until_ms)
    }

    /// Removes the plugin's entries with this tag; how many there were.
    pub fn delete_tag(&self, plugin: &str, tag: &str, now_ms: u64) -> u32 {
        let mut inner = self.lock();
        let Some(keys) = inner.space(plugin).tags.get(tag).cloned() else { return 0 };
        let removed = keys.iter().filter_map(|key| inner.remove(plugin, key));
        let live = removed.filter(|slot| now_ms < slot.entry.stale_until_ms).count();
        u32::try_from(live).unwrap_or(u32::MAX)
    }

    /// Removes the entries whose time is over.
    pub fn sweep(&self, now_ms: u64) {
        let mut inner = self.lock();
        let over: Vec<(Box<str>, Arc<str>)> = inner
            .spaces
            .iter()
            .flat_map(|(plugin, space)| {
                let entries = space.entries.iter();
                let over = entries.filter(|(_, slot)| slot.entry.stale_until_ms <= now_ms);
                over.map(|(key, _)| (plugin.clone(), Arc::clone(key)))
            })
            .collect();
        for (plugin, key) in over {
            inner.remove(&plugin, &key);
        }
    }

    /// Drops what plugins hold that are no more.
    pub fn retain(&self, is_alive: impl Fn(&str) -> bool) {
        let mut inner = self.lock();
        inner.order.retain(|_, (plugin, _)| is_alive(plugin));
        inner.spaces.retain(|plugin, _| is_alive(plugin));
        inner.bytes = inner.spaces.values().map(|space| space.tally.bytes).sum();
    }

    /// What all plugins hold.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// What each plugin has that ever asked, by its name.
    #[must_use]
    pub fn tallies(&self) -> Vec<(Box<str>, Tally)> {
        let inner = self.lock();
        inner.spaces.iter().map(|(plugin, space)| (plugin.clone(), space.tally)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn space(&mut self, plugin: &str) -> &mut Space {
        if !self.spaces.contains_key(plugin) {
            self.spaces.insert(plugin.into(), Space::default());
        }
        self.spaces.get_mut(plugin).expect("it was put there if it was missing")
    }

    /// The entry, which was asked for now.
    fn touch(&mut self, plugin: &str, key: &str, now_ms: u64) -> Option<Arc<Entry>> {
        let slot = self.spaces.get_mut(plugin)?.entries.get_mut(key)?;
        if slot.entry.stale_until_ms <= now_ms {
            self.remove(plugin, key);
            return None;
        }
        self.turn += 1;
        if let Some(place) = self.order.remove(&slot.turn) {
            self.order.insert(self.turn, place);
        }
        slot.turn = self.turn;
        Some(Arc::clone(&slot.entry))
    }

    /// Takes the place of another entry with this key, if it is not too large.
    fn put(&mut self, plugin: &str, key: &str, entry: Entry) -> Result<(), CacheError> {
        let bytes = size(key, &entry);
        if bytes > self.bytes_max / LARGEST_PART {
            return Err(CacheError::TooLarge);
        }
        self.remove(plugin, key);
        self.make_room(bytes);
        self.insert(plugin, key.into(), Arc::new(entry), bytes);
        Ok(())
    }

    fn insert(&mut self, plugin: &str, key: Arc<str>, entry: Arc<Entry>, bytes: usize) {
        self.turn += 1;
        self.bytes += bytes;
        let turn = self.turn;
        self.order.insert(turn, (plugin.into(), Arc::clone(&key)));
        let space = self.space(plugin);
        for tag in &entry.tags {
            space.tags.entry(tag.clone()).or_default().insert(Arc::clone(&key));
        }
        space.tally.entries += 1;
        space.tally.bytes += bytes;
        space.entries.insert(key, Slot { entry, bytes, turn });
    }

    fn remove(&mut self, plugin: &str, key: &str) -> Option<Slot> {
        let space = self.spaces.get_mut(plugin)?;
        let slot = space.entries.remove(key)?;
        for tag in &slot.entry.tags {
            if let Some(keys) = space.tags.get_mut(tag) {
                keys.remove(key);
                if keys.is_empty() {
                    space.tags.remove(tag);
                }
            }
        }
        space.tally.entries -= 1;
        space.tally.bytes -= slot.bytes;
        self.bytes -= slot.bytes;
        self.order.remove(&slot.turn);
        Some(slot)
    }

    /// Lets the entries go that were not asked for the longest, until so many bytes fit.
    fn make_room(&mut self, bytes: usize) {
        while self.bytes + bytes > self.bytes_max {
            let Some((_, (plugin, key))) = self.order.first_key_value() else { return };
            let (plugin, key) = (plugin.clone(), Arc::clone(key));
            self.remove(&plugin, &key);
            self.space(&plugin).tally.evictions += 1;
        }
    }
}

fn check(key: &str, entry: &Entry) -> Result<(), CacheError> {
    let tags = &entry.tags;
    let is_valid = key.len() <= KEY_BYTES_MAX
        && (200..600).contains(&entry.status)
        && entry.fresh_until_ms <= entry.stale_until_ms
        && tags.len() <= TAGS_MAX
        && tags.iter().all(|tag| (1..=TAG_BYTES_MAX).contains(&tag.len()));
    if is_valid { Ok(()) } else { Err(CacheError::Invalid) }
}

/// A key stands in three maps, a tag in two.
fn size(key: &str, entry: &Entry) -> usize {
    let headers = entry.headers.iter().map(|(name, value)| name.len() + value.len() + 48);
    let tags = entry.tags.iter().map(|tag| 2 * tag.len() + 48);
    ENTRY_BYTES + 3 * key.len() + entry.body.len() + headers.sum::<usize>() + tags.sum::<usize>()
}

#[cfg(test)]
mod tests;

//! The cached responses of the current thread.

use std::collections::BTreeMap;

use super::{phase, state};
use crate::Header;
use crate::cache::{CacheError, Entry};

const KEY_BYTES_MAX: usize = 2048;
const TAGS_MAX: usize = 16;
const TAG_BYTES_MAX: usize = 128;

#[derive(Default)]
pub(super) struct Cache {
    entries: BTreeMap<String, Entry>,
    /// Bytes of a body that is still taken; no limit if absent.
    largest: Option<usize>,
}

/// Refuses entries with longer bodies than this from now on.
pub fn set_largest(bytes: usize) {
    state::with(|state| state.cache.largest = Some(bytes));
}

impl Cache {
    fn live(&mut self, now_ms: u64) -> &mut BTreeMap<String, Entry> {
        self.entries.retain(|_, entry| now_ms < entry.stale_until_ms);
        &mut self.entries
    }

    fn put(&mut self, key: &str, entry: &Entry) -> Result<(), CacheError> {
        let is_valid = key.len() <= KEY_BYTES_MAX
            && (200..600).contains(&entry.status)
            && entry.fresh_until_ms <= entry.stale_until_ms
            && entry.tags.len() <= TAGS_MAX
            && entry.tags.iter().all(|tag| (1..=TAG_BYTES_MAX).contains(&tag.len()));
        if !is_valid {
            return Err(CacheError::Invalid);
        }
        if self.largest.is_some_and(|largest| entry.body.len() > largest) {
            return Err(CacheError::TooLarge);
        }
        self.entries.insert(key.to_owned(), entry.clone());
        Ok(())
    }
}

pub(crate) fn get(key: &str) -> Option<Entry> {
    phase::not_in_configure("cache.get");
    state::with(|state| state.cache.live(state.clock.unix_ms()).get(key).cloned())
}

pub(crate) fn put(key: &str, entry: &Entry) -> Result<(), CacheError> {
    phase::not_in_configure("cache.put");
    state::with(|state| state.cache.put(key, entry))
}

pub(crate) fn refresh(
    key: &str,
    headers: &[Header],
    fresh_until_ms: u64,
    stale_until_ms: u64,
) -> bool {
    phase::not_in_configure("cache.refresh");
    state::with(|state| {
        let now_ms = state.clock.unix_ms();
        let Some(mut entry) = state.cache.live(now_ms).get(key).cloned() else { return false };
        entry.headers.retain(|line| !headers.iter().any(|new| new.name == line.name));
        entry.headers.extend_from_slice(headers);
        entry.stored_at_ms = now_ms;
        entry.fresh_until_ms = fresh_until_ms;
        entry.stale_until_ms = stale_until_ms;
        state.cache.put(key, &entry).is_ok()
    })
}

pub(crate) fn delete(key: &str) -> bool {
    phase::not_in_configure("cache.delete");
    state::with(|state| state.cache.live(state.clock.unix_ms()).remove(key).is_some())
}

pub(crate) fn delete_tag(tag: &str) -> u32 {
    phase::not_in_configure("cache.delete-tag");
    state::with(|state| {
        let entries = state.cache.live(state.clock.unix_ms());
        let before = entries.len();
        entries.retain(|_, entry| !entry.tags.iter().any(|known| known == tag));
        u32::try_from(before - entries.len()).unwrap_or(u32::MAX)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::Header;
    use crate::cache::{CacheError, Entry, delete_tag, get, put, refresh};
    use crate::fake::{cache, clock, reset};

    fn entry(tag: &str) -> Entry {
        let now_ms = clock::unix_ms();
        Entry {
            status: 200,
            headers: vec![Header { name: "etag".to_owned(), value: b"1".to_vec() }],
            body: b"page".to_vec(),
            stored_at_ms: now_ms,
            fresh_until_ms: now_ms + 1000,
            stale_until_ms: now_ms + 2000,
            tags: vec![tag.to_owned()],
        }
    }

    #[test]
    fn an_entry_is_there_until_it_is_too_stale_unless_it_is_refreshed() {
        reset();
        put("/a", &entry("t")).unwrap();
        clock::advance(Duration::from_millis(1999));
        assert_eq!(get("/a").unwrap().body, b"page");
        let now_ms = clock::unix_ms();
        let newer = [Header { name: "etag".to_owned(), value: b"2".to_vec() }];
        assert!(refresh("/a", &newer, now_ms + 10, now_ms + 20));
        clock::advance(Duration::from_millis(19));
        let refreshed = get("/a").unwrap();
        assert_eq!((refreshed.headers.as_slice(), refreshed.stored_at_ms), (&newer[..], now_ms));
        clock::advance(Duration::from_millis(1));
        assert_eq!(get("/a"), None);
        assert!(!refresh("/a", &newer, now_ms + 100, now_ms + 100));
    }

    #[test]
    fn a_tag_removes_the_entries_that_have_it() {
        reset();
        put("/a", &entry("one")).unwrap();
        put("/b", &entry("two")).unwrap();
        put("/c", &entry("one")).unwrap();
        assert_eq!(delete_tag("one"), 2);
        assert_eq!((get("/a"), get("/b").is_some()), (None, true));
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        reset();
        let early = Entry { stale_until_ms: 0, ..entry("t") };
        assert_eq!(put("/a", &early), Err(CacheError::Invalid));
        cache::set_largest(3);
        assert_eq!(put("/a", &entry("t")), Err(CacheError::TooLarge));
    }
}

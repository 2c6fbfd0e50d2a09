use super::*;

fn entry(body: &str, until_ms: u64, tags: &[&str]) -> Entry {
    Entry {
        status: 200,
        headers: vec![("etag".to_owned(), b"1".to_vec()), ("x".to_owned(), b"y".to_vec())],
        body: body.to_owned().into(),
        stored_at_ms: 0,
        fresh_until_ms: until_ms / 2,
        stale_until_ms: until_ms,
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
    }
}

fn body(cache: &Cache, plugin: &str, key: &str, now_ms: u64) -> Option<String> {
    let entry = cache.get(plugin, key, now_ms)?;
    Some(String::from_utf8(entry.body.to_vec()).expect("a text"))
}

fn tally(cache: &Cache, plugin: &str) -> Tally {
    let mut all = cache.tallies().into_iter();
    all.find(|(name, _)| **name == *plugin).map(|(_, tally)| tally).unwrap_or_default()
}

/// Room for so many entries of one byte with a key and a tag of one byte.
fn with_room_for(entries: usize) -> Cache {
    Cache::new(entries * size("k", &entry("1", 1, &["t"])))
}

#[test]
fn an_entry_is_there_until_it_is_too_stale() {
    let cache = Cache::new(1 << 20);
    cache.put("a", "k", entry("page", 100, &[])).expect("room");
    assert_eq!(body(&cache, "a", "k", 99).as_deref(), Some("page"));
    assert_eq!(body(&cache, "b", "k", 0), None, "each plugin has its own");
    assert_eq!(body(&cache, "a", "k", 100), None);
    let Tally { entries, bytes, hits, misses, evictions } = tally(&cache, "a");
    assert_eq!((entries, bytes, hits, misses, evictions), (0, 0, 1, 1, 0));
}

#[test]
fn the_entry_that_was_not_asked_for_the_longest_makes_room() {
    let cache = with_room_for(4);
    for key in ["1", "2", "3", "4"] {
        cache.put("a", key, entry(key, 100, &["t"])).expect("room");
    }
    assert_eq!(body(&cache, "a", "1", 0).as_deref(), Some("1"));
    cache.put("b", "5", entry("5", 100, &["t"])).expect("room");
    assert_eq!(body(&cache, "a", "2", 0), None);
    assert_eq!(body(&cache, "a", "1", 0).as_deref(), Some("1"));
    assert_eq!(tally(&cache, "a").evictions, 1);
    cache.set_bytes_max(0);
    assert_eq!((tally(&cache, "a").bytes, tally(&cache, "b").bytes), (0, 0));
    assert_eq!(cache.delete_tag("a", "t", 0), 0, "a tag leads to nothing that is gone");
}

#[test]
fn one_entry_takes_at_most_a_quarter() {
    let cache = with_room_for(4);
    assert_eq!(cache.put("a", "k", entry("1", 100, &[])), Ok(()));
    assert_eq!(cache.put("a", "k", entry(&"x".repeat(100), 100, &[])), Err(CacheError::TooLarge));
    assert_eq!(body(&cache, "a", "k", 0).as_deref(), Some("1"), "what was there stays");
}

#[test]
fn what_is_out_of_range_is_refused() {
    let cache = Cache::new(1 << 20);
    let good = entry("page", 100, &["t"]);
    for bad in [
        Entry { status: 199, ..good.clone() },
        Entry { status: 600, ..good.clone() },
        Entry { fresh_until_ms: 101, ..good.clone() },
        Entry { tags: vec![String::new()], ..good.clone() },
        Entry { tags: vec!["x".repeat(129)], ..good.clone() },
        Entry { tags: (0..17).map(|number| number.to_string()).collect(), ..good.clone() },
    ] {
        assert_eq!(cache.put("a", "k", bad.clone()), Err(CacheError::Invalid), "{bad:?}");
    }
    assert_eq!(cache.put("a", &"k".repeat(2049), good), Err(CacheError::Invalid));
}

#[test]
fn a_refresh_replaces_headers_and_times_and_keeps_the_body() {
    let cache = Cache::new(1 << 20);
    let newer = || vec![("etag".to_owned(), b"2".to_vec())];
    assert!(!cache.refresh("a", "k", newer(), (200, 300), 50));
    cache.put("a", "k", entry("page", 100, &["t"])).expect("room");
    assert!(cache.refresh("a", "k", newer(), (200, 300), 50));
    let entry = cache.get("a", "k", 299).expect("an entry");
    let expected = [("x".to_owned(), b"y".to_vec()), ("etag".to_owned(), b"2".to_vec())];
    assert_eq!(entry.headers, expected);
    assert_eq!((entry.stored_at_ms, entry.fresh_until_ms, entry.stale_until_ms), (50, 200, 300));
    assert_eq!(entry.body, "page");
    assert!(!cache.refresh("a", "k", newer(), (400, 300), 50), "fresh longer than kept");
}

#[test]
fn a_tag_removes_its_entries_of_one_plugin() {
    let cache = Cache::new(1 << 20);
    cache.put("a", "1", entry("1", 100, &["x", "y", "x"])).expect("room");
    cache.put("a", "2", entry("2", 100, &["y"])).expect("room");
    cache.put("b", "1", entry("3", 100, &["x"])).expect("room");
    assert_eq!(cache.delete_tag("a", "x", 0), 1);
    assert_eq!(body(&cache, "a", "1", 0), None);
    assert_eq!(body(&cache, "b", "1", 0).as_deref(), Some("3"));
    assert_eq!(cache.delete_tag("a", "y", 100), 0, "its time is over");
    assert!(cache.delete("b", "1", 0));
    assert!(!cache.delete("b", "1", 0));
}

#[test]
fn a_sweep_and_the_end_of_a_plugin_free_their_bytes() {
    let cache = with_room_for(4);
    cache.put("a", "1", entry("1", 10, &["t"])).expect("room");
    cache.put("a", "2", entry("2", 20, &["t"])).expect("room");
    cache.put("b", "3", entry("3", 20, &["t"])).expect("room");
    cache.sweep(10);
    assert_eq!((tally(&cache, "a").entries, tally(&cache, "b").entries), (1, 1));
    cache.retain(|plugin| plugin == "b");
    for key in ["4", "5", "6"] {
        cache.put("b", key, entry(key, 20, &["t"])).expect("room");
    }
    assert_eq!((tally(&cache, "b").entries, tally(&cache, "b").evictions), (4, 0));
}

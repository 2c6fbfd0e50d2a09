use std::sync::Arc;
use std::thread;

use super::*;
use crate::config;
use crate::state::kv::{Owner, Store};

fn own(plugin: &str) -> Owner {
    Owner::Plugin(plugin.to_owned())
}

/// The plugins of a gateway.toml with these tables.
fn plugins(tables: &str) -> Vec<config::Plugin> {
    let text = format!("[[listeners]]\naddress = \"127.0.0.1:0\"\n{tables}");
    config::load_text("gateway.toml", &text, &|_| None).expect("valid").config.plugins
}

fn space(bytes_max: usize) -> Arc<Space> {
    Store::default().space(own("plugin"), bytes_max)
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
    let space = store.space(own("plugin"), 10_000);
    set(&space, "k", "123", 0).expect("room");
    let same = store.space(own("plugin"), 10);
    assert_eq!(get(&same, "k", 0).as_deref(), Some("123"));
    assert_eq!(set(&space, "k", "1234", 0), Err(KvError::Full));
    assert!(set(&space, "k", "12", 0).is_ok());
}

#[test]
fn plugins_have_spaces_of_their_own() {
    let store = Store::default();
    set(&store.space(own("a"), 1000), "k", "of a", 0).expect("room");
    assert_eq!(get(&store.space(own("b"), 1000), "k", 0), None);
    store.retain(&plugins("[plugins.b]\ncomponent = \"jwt\""));
    assert_eq!(get(&store.space(own("a"), 1000), "k", 0), None);
}

#[test]
fn a_shared_space_is_kept_while_a_plugin_names_it() {
    let store = Store::default();
    let shared = || Owner::Shared("all".to_owned());
    set(&store.space(shared(), 1000), "k", "of all", 0).expect("room");
    set(&store.space(own("all"), 1000), "k", "of one", 0).expect("room");
    store.retain(&plugins(
        "[plugins.b]\ncomponent = \"jwt\"\ngrants = { kv = { space = \"all\" } }",
    ));
    assert_eq!(get(&store.space(shared(), 1000), "k", 0).as_deref(), Some("of all"));
    assert_eq!(get(&store.space(own("all"), 1000), "k", 0), None);
    store.retain(&plugins("[plugins.b]\ncomponent = \"jwt\"\ngrants = [\"kv\"]"));
    assert_eq!(get(&store.space(shared(), 1000), "k", 0), None);
}

#[test]
fn a_sweep_removes_what_is_over_and_nothing_else() {
    let store = Store::default();
    let space = store.space(own("plugin"), 10_000);
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

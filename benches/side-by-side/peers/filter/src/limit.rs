//! So many requests of a key in a fixed window.

use std::cell::RefCell;
use std::collections::HashMap;

const WINDOW_S: u64 = 60;

struct Count {
    window: u64,
    requests: u64,
}

pub(crate) struct Limit {
    most: u64,
    counts: RefCell<HashMap<String, Count>>,
}

impl Limit {
    pub(crate) fn new(most: u64) -> Self {
        Self { most, counts: RefCell::default() }
    }

    /// Counts a request; false if it is one too many.
    pub(crate) fn take(&self, key: &str, now_s: u64) -> bool {
        let window = now_s / WINDOW_S;
        let mut counts = self.counts.borrow_mut();
        let Some(count) = counts.get_mut(key) else {
            counts.insert(key.to_owned(), Count { window, requests: 1 });
            return self.most >= 1;
        };
        if count.window != window {
            *count = Count { window, requests: 0 };
        }
        count.requests += 1;
        count.requests <= self.most
    }
}

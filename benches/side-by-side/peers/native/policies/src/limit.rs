//! So many requests of a key in a fixed window.

use std::sync::Mutex;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::now_s;

const WINDOW_S: u64 = 60;

struct Count {
    window: u64,
    requests: u64,
}

pub(crate) struct Limit {
    most: u64,
    counts: Mutex<HashMap<Box<[u8]>, Count, RandomState>>,
}

impl Limit {
    pub(crate) fn new(most: u64) -> Self {
        Self { most, counts: Mutex::default() }
    }

    /// Counts a request; false if it is one too many.
    pub(crate) fn take(&self, key: &[u8]) -> bool {
        let window = now_s() / WINDOW_S;
        let mut counts = self.counts.lock().expect("nobody panics with the counts");
        let Some(count) = counts.get_mut(key) else {
            counts.insert(key.into(), Count { window, requests: 1 });
            return self.most >= 1;
        };
        if count.window != window {
            *count = Count { window, requests: 0 };
        }
        count.requests += 1;
        count.requests <= self.most
    }
}

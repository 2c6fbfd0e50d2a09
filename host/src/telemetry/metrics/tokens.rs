//! Counting rare things by a word.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts by a word of the code; few words, counted rarely.
#[derive(Debug, Default)]
pub(super) struct Tokens(Mutex<Vec<(&'static str, u64)>>);

impl Tokens {
    pub(super) fn count(&self, token: &'static str) {
        let mut counts = self.lock();
        match counts.iter_mut().find(|(known, _)| *known == token) {
            Some((_, n)) => *n += 1,
            None => counts.push((token, 1)),
        }
    }

    /// Sorted by word.
    pub(super) fn all(&self) -> Vec<(&'static str, u64)> {
        let mut all = self.lock().clone();
        all.sort_unstable();
        all
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(&'static str, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

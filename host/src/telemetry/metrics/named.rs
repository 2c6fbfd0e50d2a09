//! Things by name, made when first asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Handles by name. The lock is for making, listing and removing; whoever counts holds a handle.
#[derive(Debug)]
pub(super) struct Named<T>(Mutex<BTreeMap<Box<str>, Arc<T>>>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Named<T> {
    pub(super) fn get(&self, name: &str) -> Arc<T>
    where
        T: Default,
    {
        self.get_or_make(name, T::default)
    }

    pub(super) fn get_or_make(&self, name: &str, make: impl FnOnce() -> T) -> Arc<T> {
        let mut things = self.lock();
        if let Some(thing) = things.get(name) {
            return Arc::clone(thing);
        }
        let thing = Arc::new(make());
        things.insert(name.into(), Arc::clone(&thing));
        thing
    }

    /// Sorted by name.
    pub(super) fn all(&self) -> Vec<(Box<str>, Arc<T>)> {
        self.lock().iter().map(|(name, thing)| (name.clone(), Arc::clone(thing))).collect()
    }

    pub(super) fn retain(&self, is_alive: impl Fn(&str) -> bool) {
        self.lock().retain(|name, _| is_alive(name));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Box<str>, Arc<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

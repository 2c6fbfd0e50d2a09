//! Keys and values in memory: a space for each plugin, shared by all threads and kept across
//! reloads.
//!
//! A value whose time is over is as good as gone; whoever comes across it removes it, and
//! [`Store::sweep`] removes the rest. What a space holds is counted in bytes as it is written, so
//! the bound holds at every moment.

mod space;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

pub use space::Space;

/// Bytes of a key.
pub const KEY_BYTES_MAX: usize = 1024;

/// Bytes of a value.
pub const VALUE_BYTES_MAX: usize = 1024 * 1024;

/// What each entry counts for beside its key and its value.
///
/// About what the table needs for it; without, a million empty values would cost nothing.
pub const ENTRY_BYTES: usize = 64;

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
        space.set_bytes_max(bytes_max);
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

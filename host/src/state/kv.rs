//! Keys and values in memory: a space for each plugin, or for several by a name of their own, shared
//! by all threads and kept across reloads.
//!
//! A value whose time is over is as good as gone; whoever comes across it removes it, and
//! [`Store::sweep`] removes the rest. What a space holds is counted in bytes as it is written, so
//! the bound holds at every moment.

mod space;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::config::{Grants, Plugin};
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

/// Whose space it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// One plugin's, by its name.
    Plugin(String),
    /// That of all plugins which are granted this name.
    Shared(String),
}

impl Owner {
    /// Whose space a plugin uses.
    #[must_use]
    pub fn of(plugin: &Plugin) -> Self {
        let scope = plugin.grants.as_ref().and_then(Grants::kv);
        match scope.and_then(|scope| scope.space.clone()) {
            Some(space) => Self::Shared(space),
            None => Self::Plugin(plugin.name.clone()),
        }
    }
}

/// All spaces.
#[derive(Debug, Default)]
pub struct Store {
    spaces: Mutex<BTreeMap<Owner, Arc<Space>>>,
}

impl Store {
    /// This owner's space, which may hold so many bytes from now on.
    ///
    /// What it holds beyond a smaller bound stays until it is removed or its time is over.
    pub fn space(&self, owner: Owner, bytes_max: usize) -> Arc<Space> {
        let mut spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        let space = spaces.entry(owner).or_default();
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

    /// Drops the spaces that none of these plugins uses.
    ///
    /// An exchange that holds one may use it to its end.
    pub fn retain(&self, plugins: &[Plugin]) {
        let owners: BTreeSet<Owner> = plugins.iter().map(Owner::of).collect();
        let mut spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        spaces.retain(|owner, _| owners.contains(owner));
    }
}

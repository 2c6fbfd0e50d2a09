//! Instances that wait for their next call.

use std::num::NonZero;
use std::thread;

use crossbeam_queue::ArrayQueue;

use super::Live;
use crate::config::Isolation;
use crate::plugin::engine::Engine;

/// Calls after which an instance that was made new each time is dropped all the same.
const RENEWED_CALLS: u32 = 10_000;

/// The share of all instances that those of one plugin may be which wait and are new.
const RENEWED_SHARE: u32 = 32;

/// Those of one plugin.
pub(super) struct Pool {
    idle: ArrayQueue<Box<Live>>,
    /// How many calls one serves.
    calls: u32,
    keeps_state: bool,
}

impl Pool {
    /// None if every call needs an instance that has to be made.
    pub(super) fn of(isolation: Isolation, is_renewable: bool, engine: &Engine) -> Option<Self> {
        match isolation {
            Isolation::Pooled { calls, idle } => {
                Some(Self { idle: ArrayQueue::new(idle.max(1)), calls, keeps_state: true })
            }
            Isolation::Request if is_renewable => {
                // A worker has one guest running; a few more wait for bodies or for their next tick.
                let cores = thread::available_parallelism().map_or(1, NonZero::get);
                let share = engine.instances() / RENEWED_SHARE;
                let idle = cores.saturating_mul(2).min(usize::try_from(share).unwrap_or(0));
                let pool = |idle| Self { idle, calls: RENEWED_CALLS, keeps_state: false };
                (idle > 0).then(|| pool(ArrayQueue::new(idle)))
            }
            Isolation::Request => None,
        }
    }

    /// Whether an instance finds what it left behind after its call before.
    pub(super) const fn keeps_state(&self) -> bool {
        self.keeps_state
    }

    /// How many wait that were called already.
    pub(super) fn idle(&self) -> usize {
        if self.keeps_state { self.idle.len() } else { 0 }
    }

    pub(super) fn take(&self) -> Option<Box<Live>> {
        self.idle.pop()
    }

    /// Keeps an instance for its next call, unless it has served enough.
    pub(super) fn put(&self, mut live: Box<Live>) {
        live.calls += 1;
        if live.calls < self.calls {
            // A full queue hands it back, and it is dropped.
            drop(self.idle.push(live));
        }
    }
}

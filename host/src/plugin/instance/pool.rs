//! Instances that wait for their next call.

use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use crossbeam_queue::ArrayQueue;

use super::Live;
use crate::config::Isolation;
use crate::plugin::engine::Engine;

/// Calls after which an instance that was made new each time is dropped all the same.
const RENEWED_CALLS: u32 = 10_000;

/// Those of one plugin.
pub(super) struct Pool {
    idle: ArrayQueue<Box<Live>>,
    /// How many calls one serves.
    calls: u32,
    /// Where those are counted that are new; absent if they keep their state.
    new_in: Option<Arc<Engine>>,
}

impl Pool {
    /// None if every call needs an instance that has to be made.
    pub(super) fn of(
        isolation: Isolation,
        is_renewable: bool,
        engine: &Arc<Engine>,
    ) -> Option<Self> {
        match isolation {
            Isolation::Pooled { calls, idle } => {
                Some(Self { idle: ArrayQueue::new(idle.max(1)), calls, new_in: None })
            }
            Isolation::Request if is_renewable => {
                // A worker has one guest running; a few more wait for bodies or for their next tick.
                let cores = thread::available_parallelism().map_or(1, NonZero::get);
                let idle = ArrayQueue::new(cores.saturating_mul(2));
                Some(Self { idle, calls: RENEWED_CALLS, new_in: Some(Arc::clone(engine)) })
            }
            Isolation::Request => None,
        }
    }

    /// Whether an instance finds what it left behind after its call before.
    pub(super) const fn keeps_state(&self) -> bool {
        self.new_in.is_none()
    }

    /// How many wait that were called already.
    pub(super) fn idle(&self) -> usize {
        if self.keeps_state() { self.idle.len() } else { 0 }
    }

    pub(super) fn take(&self) -> Option<Box<Live>> {
        let live = self.idle.pop()?;
        if let Some(engine) = &self.new_in {
            engine.release();
        }
        Some(live)
    }

    /// Keeps an instance for its next call, unless it has served enough or there are too many.
    pub(super) fn put(&self, mut live: Box<Live>) {
        live.calls += 1;
        if live.calls >= self.calls || self.new_in.as_ref().is_some_and(|engine| !engine.keep()) {
            return;
        }
        // A full queue hands it back, and it is dropped.
        if let (Err(_too_many), Some(engine)) = (self.idle.push(live), &self.new_in) {
            engine.release();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        while self.take().is_some() {}
    }
}

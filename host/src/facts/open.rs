//! An exchange under way, which is finished however it ends.

use std::sync::Arc;

use super::Exchange;

/// What happens when an exchange is over.
pub trait Finish: Send + Sync {
    /// Called exactly once for an exchange, on a thread of the runtime.
    fn finish(&self, exchange: Box<Exchange>);
}

/// An exchange under way. However it ends, also by a dropped future, it is finished once.
pub struct Open {
    exchange: Option<Box<Exchange>>,
    /// Absent for a copy, whose end is nothing to anybody.
    finish: Option<Arc<dyn Finish>>,
}

impl Open {
    /// Starts what ends with a call of `finish`.
    #[must_use]
    pub fn new(exchange: Box<Exchange>, finish: Arc<dyn Finish>) -> Self {
        Self { exchange: Some(exchange), finish: Some(finish) }
    }

    /// What ends without a word.
    #[must_use]
    pub const fn detached(exchange: Box<Exchange>) -> Self {
        Self { exchange: Some(exchange), finish: None }
    }
}

impl std::ops::Deref for Open {
    type Target = Exchange;

    fn deref(&self) -> &Exchange {
        self.exchange.as_deref().expect("taken only by drop")
    }
}

impl std::ops::DerefMut for Open {
    fn deref_mut(&mut self) -> &mut Exchange {
        self.exchange.as_deref_mut().expect("taken only by drop")
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let (Some(exchange), Some(finish)) = (self.exchange.take(), &self.finish) {
            finish.finish(exchange);
        }
    }
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Open").field(&self.exchange).finish()
    }
}

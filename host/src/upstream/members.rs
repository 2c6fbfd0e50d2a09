//! The endpoints that an upstream has: those of the configuration, or those that are found.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::balance::Balance;
use super::discovery::Discovery;

/// Who the endpoints are.
#[derive(Debug)]
pub(super) enum Members {
    /// As the configuration has them.
    Fixed(Balance),
    /// As name servers have them.
    Found(Box<Discovery>),
}

/// The endpoints at one moment, for as long as this is held.
pub(super) enum Current<'a> {
    Fixed(&'a Balance),
    Found(Arc<Balance>),
}

impl Members {
    pub(super) fn current(&self) -> Current<'_> {
        match self {
            Self::Fixed(balance) => Current::Fixed(balance),
            Self::Found(discovery) => Current::Found(discovery.current()),
        }
    }
}

impl Members {
    /// Waits for the first answer to names that nobody knows yet, if they are found, for `patience` at
    /// most. A drop waits no longer.
    pub(super) async fn wait_for_names(&self, patience: Duration) {
        if let Self::Found(discovery) = self
            && !discovery.is_asked()
        {
            Box::pin(discovery.wait(patience)).await;
        }
    }
}

impl Deref for Current<'_> {
    type Target = Balance;

    fn deref(&self) -> &Balance {
        match self {
            Self::Fixed(balance) => balance,
            Self::Found(balance) => balance,
        }
    }
}

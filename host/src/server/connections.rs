//! How many client connections are open, over all workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::telemetry::metrics::ListenerMetrics;

/// The client connections of the process.
#[derive(Debug, Default)]
pub(crate) struct Connections(AtomicUsize);

/// One of them; a drop makes room.
pub(super) struct Permit {
    connections: Arc<Connections>,
    metrics: Arc<ListenerMetrics>,
}

impl Connections {
    /// Open now.
    pub(crate) fn open(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one more, unless that would be more than `most`.
    pub(super) fn admit(
        self: &Arc<Self>,
        most: usize,
        metrics: &Arc<ListenerMetrics>,
    ) -> Option<Permit> {
        if self.0.fetch_add(1, Ordering::Relaxed) >= most {
            self.0.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        metrics.accepted.inc();
        metrics.open.inc();
        Some(Permit { connections: Arc::clone(self), metrics: Arc::clone(metrics) })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.connections.0.fetch_sub(1, Ordering::Relaxed);
        self.metrics.open.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_than_allowed_is_refused_until_another_ends() {
        let connections = Arc::<Connections>::default();
        let metrics = Arc::default();
        let first = connections.admit(2, &metrics);
        let _second = connections.admit(2, &metrics);
        assert!(connections.admit(2, &metrics).is_none());
        assert_eq!((connections.open(), metrics.open.get()), (2, 2));
        drop(first);
        assert!(connections.admit(2, &metrics).is_some());
        assert_eq!((connections.open(), metrics.accepted.get()), (1, 3));
    }
}

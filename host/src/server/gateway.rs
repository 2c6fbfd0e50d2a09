//! What the threads of a running gateway share.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::connections::Connections;
use super::listeners::Listener;
use super::quic::Ports;
use crate::config::Findings;
use crate::plugin::Services;
use crate::snapshot::Snapshot;

/// A running gateway, as its workers and the admin listener see it.
pub(crate) struct Gateway {
    /// gateway.toml.
    pub(crate) file: PathBuf,
    /// When it started.
    pub(crate) started: Instant,
    /// The current snapshot.
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    /// What outlives snapshots.
    pub(crate) services: Services,
    /// Of clients.
    pub(crate) connections: Arc<Connections>,
    /// Of HTTP/3.
    pub(super) ports: Ports,
    /// In the order of the file.
    listeners: ArcSwap<Vec<Arc<Listener>>>,
    phase: AtomicU8,
    refused: Mutex<Option<Arc<Refused>>>,
    /// Told of every change, taken or refused.
    pub(super) changes: watch::Sender<Changes>,
}

/// What a running gateway is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its first snapshot is ready, its listeners are not.
    Starting,
    /// It accepts connections.
    Serving,
    /// It finishes what is under way.
    Draining,
}

impl Phase {
    /// As `/readyz` and `/status` say it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Serving => "serving",
            Self::Draining => "draining",
        }
    }
}

/// How often the configuration was changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Id of the snapshot that serves.
    pub(super) snapshot: u64,
    /// Changes that were refused since the start.
    pub(super) refused: u64,
}

/// A change that was refused.
#[derive(Debug)]
pub(crate) struct Refused {
    /// When, in milliseconds since 1970.
    pub(crate) at_unix_ms: u64,
    /// Why.
    pub(crate) findings: Findings,
}

impl Gateway {
    pub(super) fn new(file: PathBuf, services: Services, snapshot: Snapshot, now: Instant) -> Self {
        let changes = Changes { snapshot: snapshot.id, refused: 0 };
        Self {
            file,
            started: now,
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
            services,
            connections: Arc::default(),
            ports: Ports::default(),
            listeners: ArcSwap::default(),
            phase: AtomicU8::new(Phase::Starting as u8),
            refused: Mutex::default(),
            changes: watch::Sender::new(changes),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Serving,
            _ => Phase::Draining,
        }
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// In the order of the file, with their real ports.
    pub(crate) fn listeners(&self) -> Arc<Vec<Arc<Listener>>> {
        self.listeners.load_full()
    }

    pub(super) fn set_listeners(&self, listeners: Vec<Arc<Listener>>) {
        self.listeners.store(Arc::new(listeners));
    }

    /// The last change that was refused; a good one may have come after it.
    pub(crate) fn refused(&self) -> Option<Arc<Refused>> {
        self.lock_refused().clone()
    }

    /// How many changes were refused since the start.
    pub(crate) fn refused_count(&self) -> u64 {
        self.changes.borrow().refused
    }

    pub(super) fn note_refused(&self, refused: Refused) {
        *self.lock_refused() = Some(Arc::new(refused));
        self.changes.send_modify(|changes| changes.refused += 1);
    }

    pub(super) fn note_good(&self, id: u64) {
        self.changes.send_modify(|changes| changes.snapshot = id);
    }

    fn lock_refused(&self) -> MutexGuard<'_, Option<Arc<Refused>>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The end: no new connections, then no new exchanges, then no exchanges.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::Control;
use super::admin::Admin;
use crate::clock;
use crate::server::gateway::Phase;
use crate::server::listeners::{Grace, Listener};
use crate::server::worker;

/// For lines that outputs have not written yet.
const OUTPUTS_GRACE: Duration = Duration::from_secs(5);

/// Accepts no more on these listeners, and lets their connections end.
pub(super) fn close(listeners: &[Arc<Listener>], grace: Grace) {
    for listener in listeners {
        listener.close(grace);
        tracing::info!(address = %listener.address, "no longer listening");
    }
}

/// Who serves when this process has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heir {
    Nobody,
    /// The process of this id; it serves already.
    Process(u32),
}

impl Control {
    /// Finishes what is under way within its time, cuts the rest, and writes what is queued.
    pub(super) async fn end(mut self, heir: Heir) {
        let gateway = Arc::clone(&self.gateway);
        gateway.set_phase(Phase::Draining);
        let grace = match heir {
            Heir::Nobody => {
                self.supervisor.stopping();
                self.give_up_upgrade().await;
                Grace::Short
            }
            Heir::Process(pid) => {
                self.supervisor.succeeded_by(pid);
                // Whoever asks is to hear the process that serves.
                self.admin.take().into_iter().for_each(Admin::close);
                Grace::Long
            }
        };
        let began = clock::now();
        let timeout = gateway.snapshot.load().settings.gateway.drain_timeout;
        let connections = gateway.connections.open();
        tracing::info!(connections, timeout_ms = timeout.as_millis(), "draining");

        self.alive.close();
        self.ending.drain.cancel();
        close(&gateway.listeners(), grace);
        gateway.ports.leave();
        let done = tokio::select! {
            biased;
            () = self.ending.cut.cancelled() => false,
            () = self.alive.wait() => true,
            () = sleep(timeout) => false,
        };
        if !done {
            tracing::warn!(connections = gateway.connections.open(), "cutting what is under way");
        }
        self.ending.cut.cancel();
        self.alive.wait().await;

        self.close_outputs().await;
        self.admin.take().into_iter().for_each(Admin::close);
        tracing::info!(ms = super::millis(began), "ended");
    }

    /// Joins the workers, timers and upkeep, so that nobody writes to an output any more.
    async fn close_outputs(&mut self) {
        let (workers, gateway) = (std::mem::take(&mut self.workers), Arc::clone(&self.gateway));
        let timers = std::mem::take(&mut self.timers);
        let upkeep = std::mem::take(&mut self.upkeep);
        let left = tokio::task::spawn_blocking(move || {
            workers.into_iter().for_each(worker::Handle::join);
            timers.join();
            upkeep.join();
            gateway.snapshot.load().outputs.close(clock::now() + OUTPUTS_GRACE)
        });
        match left.await {
            Ok(0) => {}
            Ok(lines) => tracing::warn!(lines, "lines of outputs were left behind"),
            Err(error) => tracing::error!(%error, "closing outputs has panicked"),
        }
    }
}

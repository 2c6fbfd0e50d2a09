//! SIGHUP reloads; SIGUSR2 has a new process take over; SIGTERM and SIGINT end the gateway, the second
//! of them at once.

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedSender;

use super::change::Cause;
use super::control::{Asked, Request};
use super::gateway::Gateway;
use super::tasks::Ending;

/// The signals, from now on no longer the system's to handle.
pub(super) struct Signals {
    hangup: Signal,
    upgrade: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Needs a runtime.
    pub(super) fn take() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            upgrade: signal(SignalKind::user_defined2())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Handles signals until the second one that ends the gateway.
    pub(super) async fn handle(
        mut self,
        gateway: Arc<Gateway>,
        requests: UnboundedSender<Request>,
        ending: Ending,
    ) {
        loop {
            let name = tokio::select! {
                _ = self.hangup.recv() => {
                    gateway.snapshot.load().outputs.reopen();
                    let request = Asked { cause: Cause::Signal, answer: None };
                    // Nobody reloads a gateway that ends.
                    let _ending = requests.send(Request::Reload(request));
                    continue;
                }
                _ = self.upgrade.recv() => {
                    if requests.send(Request::Upgrade).is_err() {
                        let reason = "the gateway is ending";
                        tracing::warn!(reason, "upgrade refused");
                    }
                    continue;
                }
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.interrupt.recv() => "SIGINT",
            };
            if ending.asked.is_cancelled() {
                tracing::warn!(signal = name, "second signal, cutting what is under way");
                ending.cut.cancel();
                return;
            }
            tracing::info!(signal = name, "ending");
            ending.asked.cancel();
        }
    }
}

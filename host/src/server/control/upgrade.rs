//! A new process in the place of this one.

use std::future;
use std::io;

use tokio::task::JoinHandle;

use super::Control;
use crate::server::handover::{self, HandoverError, Offer};
use crate::telemetry::metrics::Upgrade;

/// A new process on its way; gives its id once it serves.
pub(super) type Upgrading = JoinHandle<Result<u32, HandoverError>>;

/// What has become of it; waits for ever if there is none.
pub(super) async fn outcome(upgrading: &mut Option<Upgrading>) -> Result<u32, HandoverError> {
    let Some(task) = upgrading.as_mut() else { return future::pending().await };
    let outcome = task.await;
    *upgrading = None;
    outcome.unwrap_or_else(|error| Err(HandoverError::Lost(error.to_string())))
}

impl Control {
    /// Starts the program anew, which takes over once it is ready.
    pub(super) fn upgrade(&mut self) {
        let refusal = match &self.program {
            _ if self.upgrading.is_some() => "another one is under way",
            // A container ends with its first process, whoever else is in it.
            _ if std::process::id() == 1 => "this is process 1, and its container ends with it",
            None => "the path of the program is not known",
            Some(program) => {
                let limit = self.gateway.snapshot.load().settings.gateway.upgrade_timeout;
                let program = program.clone();
                let given_up = self.ending.asked.clone();
                let task = match self.offer() {
                    Ok(offer) => self.tasks.spawn(handover::run(program, offer, limit, given_up)),
                    Err(error) => {
                        self.tasks.spawn(future::ready(Err(HandoverError::NotStarted(error))))
                    }
                };
                self.upgrading = Some(task);
                return;
            }
        };
        self.gateway.services.metrics.upgraded(Upgrade::Refused);
        tracing::warn!(reason = refusal, "upgrade refused");
    }

    /// Every socket that this process listens on.
    fn offer(&self) -> io::Result<Offer> {
        let mut offer = Offer::default();
        for listener in self.gateway.listeners().iter() {
            listener.offer(&mut offer)?;
        }
        if let Some(admin) = &self.admin {
            let lost = || io::Error::other("the socket of the admin listener is lost");
            let socket = admin.socket.as_ref().ok_or_else(lost)?;
            offer.admin(admin.configured, socket.try_clone()?);
        }
        Ok(offer)
    }

    /// Who serves from now on, if it is not this process.
    pub(super) fn upgraded(&self, outcome: Result<u32, HandoverError>) -> Option<u32> {
        match outcome {
            Ok(pid) => {
                tracing::info!(pid, "handed over");
                Some(pid)
            }
            Err(error) => {
                self.gateway.services.metrics.upgraded(Upgrade::Failed);
                tracing::error!(%error, "upgrade failed, this process still serves");
                None
            }
        }
    }

    /// Has a new process that does not serve yet end, because this one shall.
    pub(super) async fn give_up_upgrade(&mut self) {
        if self.upgrading.is_some() {
            let outcome = outcome(&mut self.upgrading).await;
            self.upgraded(outcome);
        }
    }
}

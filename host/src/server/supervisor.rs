//! What systemd, or whoever has set `NOTIFY_SOCKET`, is told (`sd_notify(3)`).

use std::io;

use sd_notify::NotifyState;

/// Who has started this process, if it wants to know how it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Supervisor {
    is_told: bool,
}

impl Supervisor {
    /// A gateway that is a part of another program leaves it to that one.
    pub(super) const fn new(is_program: bool) -> Self {
        Self { is_told: is_program }
    }

    /// It serves, or serves again.
    pub(super) fn ready(self) {
        self.tell(|| Ok(vec![NotifyState::Ready]));
    }

    /// It reads its configuration again; to be followed by [`ready`](Self::ready).
    pub(super) fn reloading(self) {
        self.tell(|| Ok(vec![NotifyState::Reloading, NotifyState::monotonic_usec_now()?]));
    }

    /// It drains.
    pub(super) fn stopping(self) {
        self.tell(|| Ok(vec![NotifyState::Stopping]));
    }

    /// Another process is the service from now on.
    pub(super) fn succeeded_by(self, pid: u32) {
        self.tell(|| Ok(vec![NotifyState::MainPid(pid), NotifyState::Ready]));
    }

    fn tell(self, what: impl FnOnce() -> io::Result<Vec<NotifyState<'static>>>) {
        if self.is_told
            && let Err(error) = what().and_then(|states| sd_notify::notify(&states))
        {
            tracing::warn!(%error, "the supervisor cannot be told");
        }
    }
}

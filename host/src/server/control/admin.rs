//! The admin listener as a reload and an upgrade see it.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Control;
use crate::admin;

/// The admin listener.
pub(super) struct Admin {
    /// As in gateway.toml; its port may be 0.
    pub(super) configured: SocketAddr,
    closing: CancellationToken,
    /// Once more, for a process that takes this one's place.
    pub(super) socket: Option<TcpListener>,
}

impl Admin {
    /// Accepts no more, and lets open connections end.
    pub(super) fn close(self) {
        let Self { closing, socket, .. } = self;
        drop(socket);
        closing.cancel();
    }
}

impl Control {
    /// Serves the admin listener on `socket`, in place of the one there was.
    pub(super) fn serve_admin(&mut self, socket: Option<TcpListener>) {
        let configured = self.gateway.snapshot.load().admin;
        if let Some(old) = self.admin.take_if(|old| Some(old.configured) != configured) {
            old.close();
        }
        let (Some(configured), Some(socket)) = (configured, socket) else { return };
        let closing = CancellationToken::new();
        let copy = socket.try_clone();
        if let Err(error) = &copy {
            tracing::error!(address = %configured, %error, "these sockets cannot be handed over");
        }
        let task = admin::serve(socket, Arc::clone(&self.gateway), closing.clone());
        self.tasks.spawn(task);
        self.admin = Some(Admin { configured, closing, socket: copy.ok() });
    }
}

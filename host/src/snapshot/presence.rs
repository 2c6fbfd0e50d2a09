//! Whether a route is still there, for what lasts longer than its snapshot.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Route, Snapshot};

/// A route as long as snapshots have it, by its name. Made only if somebody wants to know.
#[derive(Debug, Clone, Default)]
pub(super) struct Presence(CancellationToken);

/// Ready when a route has been gone for as long as it allows.
pub struct Farewell(Pin<Box<dyn Future<Output = ()> + Send + Sync>>);

impl std::fmt::Debug for Farewell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Farewell").finish_non_exhaustive()
    }
}

impl Future for Farewell {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl Presence {
    fn farewell(&self, grace: Duration) -> Farewell {
        let gone = self.0.clone();
        Farewell(Box::pin(async move {
            gone.cancelled().await;
            tokio::time::sleep(grace).await;
        }))
    }
}

impl Route {
    /// When what lasts, such as a tunnel, has to end; none if that is its own matter.
    #[must_use]
    pub fn farewell(&self) -> Option<Farewell> {
        let (grace, presence) = self.close_after_removal.zip(self.presence.as_ref())?;
        Some(presence.farewell(grace))
    }
}

impl Snapshot {
    /// Tells those who wait for it that routes of `previous` are gone. To be called when this
    /// snapshot serves in its place.
    pub fn dismiss(&self, previous: &Self) {
        let mut watched = previous
            .routes
            .iter()
            .filter_map(|route| Some((&*route.name, route.presence.as_ref()?)))
            .peekable();
        if watched.peek().is_none() {
            return;
        }
        let stay: BTreeSet<&str> = self.routes.iter().map(|route| &*route.name).collect();
        for (_, presence) in watched.filter(|(name, _)| !stay.contains(name)) {
            presence.0.cancel();
        }
    }
}

//! Which certificates are kept up to date, one task for each.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::change::Cause;
use super::control::{Asked, Request};
use super::tasks::Ending;
use crate::acme;
use crate::config::{Acme, Listener};
use crate::listener::Challenges;
use crate::telemetry::Metrics;

/// The tasks that are under way.
#[derive(Debug, Default)]
pub(super) struct Keepers(Vec<(Acme, CancellationToken)>);

/// What every task is made with.
pub(super) struct Company<'a> {
    pub(super) challenges: &'a Arc<Challenges>,
    pub(super) metrics: &'a Arc<Metrics>,
    pub(super) ending: &'a Ending,
    pub(super) tasks: &'a TaskTracker,
    pub(super) requests: &'a UnboundedSender<Request>,
}

impl Keepers {
    /// Keeps the certificates of these listeners, and no others. What has not changed goes on; an order
    /// of what has is given up.
    pub(super) fn follow(&mut self, listeners: &[Listener], company: &Company<'_>) {
        let wanted = |listener: &Listener| listener.tls.as_ref()?.acme.clone();
        let mut wanted: Vec<Acme> = listeners.iter().filter_map(wanted).collect();
        self.0.retain(|(settings, cancelled)| {
            let is_wanted = wanted.contains(settings);
            if !is_wanted {
                cancelled.cancel();
            }
            is_wanted
        });
        wanted.retain(|settings| !self.0.iter().any(|(known, _)| known == settings));
        for settings in wanted {
            // Two listeners may have the same one.
            if self.0.iter().any(|(known, _)| *known == settings) {
                continue;
            }
            let cancelled = CancellationToken::new();
            self.0.push((settings.clone(), cancelled.clone()));
            company.start(settings, cancelled);
        }
    }
}

impl Company<'_> {
    fn start(&self, settings: Acme, cancelled: CancellationToken) {
        let requests = self.requests.clone();
        let changed = move |file: PathBuf| {
            let request = Asked { cause: Cause::Files(vec![file]), answer: None };
            // Nobody reloads a gateway that ends.
            let _ending = requests.send(Request::Reload(request));
        };
        let (challenges, metrics) = (Arc::clone(self.challenges), Arc::clone(self.metrics));
        let asked = self.ending.asked.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = cancelled.cancelled() => {}
                () = asked.cancelled() => {}
                () = acme::keep(settings, challenges, metrics, changed) => {}
            }
        });
    }
}

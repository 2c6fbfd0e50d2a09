//! A plugin's turn in an exchange: which of its versions run, and which of them has effect.

use std::sync::Arc;

use super::{Holding, shadow};
use crate::body::{Content, RequestBody};
use crate::facts::{Exchange, Open};
use crate::plugin::call::Reacted;
use crate::plugin::stage::Side;
use crate::plugin::{Plugin, Summary};

/// A plugin's turn.
pub(super) struct Turn<'p> {
    /// The version that decides; absent if it does not have the phase.
    pub(super) main: Option<&'p Arc<Plugin>>,
    /// Whether it decides nothing after all.
    pub(super) is_shadow: bool,
    /// The version that runs beside it, without effect.
    pub(super) beside: Option<&'p Arc<Plugin>>,
}

/// The phase, and the body that follows the head.
enum Head<'b> {
    Request(&'b mut RequestBody),
    Response(&'b mut Content),
}

impl Head<'_> {
    const fn side(&self) -> Side {
        match self {
            Self::Request(_) => Side::Request,
            Self::Response(_) => Side::Response,
        }
    }
}

impl<'p> Turn<'p> {
    /// One that is as every plugin's.
    pub(super) const fn plain(plugin: &'p Arc<Plugin>) -> Self {
        Self { main: Some(plugin), is_shadow: false, beside: None }
    }

    /// The plugin that runs as every plugin does, if that is all.
    fn as_plain(&self) -> Option<&'p Arc<Plugin>> {
        if self.is_shadow || self.beside.is_some() { None } else { self.main }
    }

    pub(super) async fn on_request(
        self,
        open: Open,
        body: &mut RequestBody,
        holding: &Holding<'_>,
    ) -> Reacted {
        match self.as_plain() {
            Some(plugin) => plugin.on_request(open, body, holding).await,
            // Boxed, so that the others carry no room for it.
            None => Box::pin(self.special(Head::Request(body), open, holding)).await,
        }
    }

    pub(super) async fn on_response(
        self,
        open: Open,
        content: &mut Content,
        holding: &Holding<'_>,
    ) -> Reacted {
        match self.as_plain() {
            Some(plugin) => plugin.on_response(open, content, holding).await,
            None => Box::pin(self.special(Head::Response(content), open, holding)).await,
        }
    }

    pub(super) async fn on_complete(
        self,
        mut open: Open,
        summary: &impl Fn(&Exchange) -> Summary,
    ) -> Open {
        for plugin in self.main.into_iter().chain(self.beside) {
            let summary = summary(&open);
            open = plugin.on_complete(open, summary).await;
        }
        open
    }

    /// Runs what has no effect first, so that it sees the exchange as the other version does.
    async fn special(self, head: Head<'_>, mut open: Open, holding: &Holding<'_>) -> Reacted {
        let side = head.side();
        let mut beside = None;
        if let Some(plugin) = self.beside {
            let (back, outcome) = shadow::call(plugin, side, open).await;
            open = back;
            beside = Some((plugin, outcome));
        }
        let (open, result, seen) = match self.main {
            None => (open, Ok(None), shadow::Outcome::absent()),
            Some(plugin) if self.is_shadow => {
                let (open, outcome) = shadow::call(plugin, side, open).await;
                shadow::tell(plugin, side, &open, &outcome, None);
                (open, Ok(None), outcome)
            }
            Some(plugin) => {
                let before = open.checkpoint();
                let (open, result) = match head {
                    Head::Request(body) => plugin.on_request(open, body, holding).await,
                    Head::Response(content) => plugin.on_response(open, content, holding).await,
                };
                let outcome = shadow::Outcome::applied(&result, &before, &open);
                (open, result, outcome)
            }
        };
        if let Some((plugin, outcome)) = beside {
            shadow::tell(plugin, side, &open, &outcome, Some(&seen));
        }
        (open, result)
    }
}

//! The ordered plugins of a route.

mod canary;
mod condition;
mod entry;
mod shadow;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

pub use canary::Canary;
pub use entry::Entry;

use super::contract::log_phase::exports::tidegate::plugin::log_phase::Summary;
use crate::body::{Content, Held, RequestBody};
use crate::facts::{Exchange, Open, ResponseHead, Source};
use crate::failure::Failure;
use crate::telemetry::metrics::Phase;

/// Plugins in the order of the request phase.
#[derive(Debug, Default)]
pub struct Pipeline {
    entries: Vec<Entry>,
    /// How many entries do not take part in every exchange in the same way.
    slots: usize,
    /// Indexes of the entries that export a phase, so that the others cost nothing.
    requests: Vec<usize>,
    responses: Vec<usize>,
    logs: Vec<usize>,
}

/// How the request phase ended.
pub struct Requested {
    /// The exchange; its response is set if a plugin answered.
    pub open: Open,
    /// What to do.
    pub answered: Answered,
    /// How many plugins had their turn; the response phase is theirs.
    pub turns: usize,
}

/// What holds for bodies that plugins ask for.
#[derive(Debug, Clone, Copy)]
pub struct Holding<'a> {
    /// All bodies that are held at once.
    pub held: &'a Arc<Held>,
    /// When the exchange's time is up.
    pub deadline: Instant,
}

/// What the plugins decided.
#[derive(Debug)]
pub enum Answered {
    /// Nobody answered: the request goes on, or the response stays.
    Not,
    /// A plugin answered; its head is the exchange's response, this is the body.
    Plugin(Bytes),
    /// A plugin failed and the exchange with it.
    Failed(Failure),
}

impl Pipeline {
    /// A pipeline of these entries, in the order of the request phase.
    #[must_use]
    pub fn new(mut entries: Vec<Entry>) -> Self {
        let mut slots = 0;
        entries.iter_mut().for_each(|entry| entry.number(&mut slots));
        let having = |phase: Phase| -> Vec<usize> {
            let entries = entries.iter().enumerate();
            entries.filter(|(_, entry)| entry.has(phase)).map(|(at, _)| at).collect()
        };
        let (requests, responses, logs) =
            (having(Phase::Request), having(Phase::Response), having(Phase::Log));
        Self { entries, slots, requests, responses, logs }
    }

    /// In the order of the request phase.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether a phase after the request phase may look at the request.
    #[must_use]
    pub fn looks_back(&self) -> bool {
        !self.responses.is_empty() || !self.logs.is_empty()
    }

    /// Whether anything is to do when an exchange is over.
    #[must_use]
    pub fn has_log_phase(&self) -> bool {
        !self.logs.is_empty()
    }

    /// Calls the request phases in order until one answers. A drop finishes the exchange.
    ///
    /// `body` is afterwards what the plugins made of it.
    pub async fn on_request(
        &self,
        mut open: Open,
        body: &mut RequestBody,
        holding: &Holding<'_>,
    ) -> Requested {
        for (at, entry) in self.having(&self.requests) {
            let turn = entry.turn(&mut open, self.slots, Phase::Request);
            let Some(turn) = turn else { continue };
            let (back, action) = turn.on_request(open, body, holding).await;
            open = back;
            let answered = match action {
                Ok(None) => continue,
                Ok(Some(Reaction::Delay(delay))) => {
                    tokio::time::sleep(delay).await;
                    continue;
                }
                Ok(Some(Reaction::Answer { head, body })) => {
                    open.respond(Source::Plugin, head);
                    return Requested { open, answered: Answered::Plugin(body), turns: at + 1 };
                }
                Err(failure) => Answered::Failed(failure),
            };
            return Requested { open, answered, turns: at };
        }
        Requested { open, answered: Answered::Not, turns: self.entries.len() }
    }

    /// Calls the response phases of the first `turns` plugins in reverse order; gives what they made
    /// of the body.
    ///
    /// The response must be set. A plugin that answers replaces it for those that follow; one that
    /// fails is told by `fail`, which sets the response for them. A drop finishes the exchange.
    pub async fn on_response(
        &self,
        mut open: Open,
        turns: usize,
        mut content: Content,
        holding: &Holding<'_>,
        mut fail: impl FnMut(&mut Exchange, Failure) -> Bytes,
    ) -> (Open, Content) {
        for (_, entry) in self.having(&self.responses).filter(|(at, _)| *at < turns).rev() {
            let turn = entry.turn(&mut open, self.slots, Phase::Response);
            let Some(turn) = turn else { continue };
            let (back, action) = turn.on_response(open, &mut content, holding).await;
            open = back;
            match action {
                Ok(None | Some(Reaction::Delay(_))) => {}
                Ok(Some(Reaction::Answer { head, body })) => {
                    open.respond(Source::Plugin, head);
                    content = body.into();
                }
                Err(failure) => content = fail(&mut open, failure).into(),
            }
        }
        (open, content)
    }

    /// Calls the log phases in order.
    pub async fn on_complete(&self, mut open: Open, summary: impl Fn(&Exchange) -> Summary) {
        for (_, entry) in self.having(&self.logs) {
            let turn = entry.turn(&mut open, self.slots, Phase::Log);
            let Some(turn) = turn else { continue };
            open = turn.on_complete(open, &summary).await;
        }
    }

    fn having<'p>(
        &'p self,
        phase: &'p [usize],
    ) -> impl DoubleEndedIterator<Item = (usize, &'p Entry)> {
        phase.iter().filter_map(|at| Some((*at, self.entries.get(*at)?)))
    }
}

/// What a phase asks for.
pub(super) enum Reaction {
    Delay(Duration),
    Answer { head: ResponseHead, body: Bytes },
}

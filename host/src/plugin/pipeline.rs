//! The ordered plugins of a route.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::Plugin;
use super::contract::bindings::tidegate::plugin::types::{Answer, RequestAction, ResponseAction};
use super::contract::log_phase::exports::tidegate::plugin::log_phase::Summary;
use super::fault::Fault;
use crate::clock;
use crate::config::OnError;
use crate::facts::{Checkpoint, Edit, Exchange, HeadLimits, Open, ResponseHead, Source};
use crate::failure::Failure;
use crate::telemetry::metrics::Phase;

/// The longest that a plugin may delay a request.
const DELAY_MAX: Duration = Duration::from_secs(60);

/// Plugins in the order of the request phase.
#[derive(Debug, Default)]
pub struct Pipeline {
    plugins: Vec<Arc<Plugin>>,
    /// Indexes of the plugins that export a phase, so that the others cost nothing.
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
    /// A pipeline of these plugins.
    #[must_use]
    pub fn new(plugins: Vec<Arc<Plugin>>) -> Self {
        let exporting = |phase: &str| -> Vec<usize> {
            let plugins = plugins.iter().enumerate();
            plugins
                .filter(|(_, plugin)| plugin.phases().contains(&phase))
                .map(|(at, _)| at)
                .collect()
        };
        let (requests, responses, logs) =
            (exporting("request"), exporting("response"), exporting("log"));
        Self { plugins, requests, responses, logs }
    }

    /// In the order of the request phase.
    #[must_use]
    pub fn plugins(&self) -> &[Arc<Plugin>] {
        &self.plugins
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
    pub async fn on_request(&self, mut open: Open) -> Requested {
        for (turn, plugin) in self.exporting(&self.requests) {
            let (back, action) = plugin.on_request(open).await;
            open = back;
            let answered = match action {
                Ok(None) => continue,
                Ok(Some(Reaction::Delay(delay))) => {
                    tokio::time::sleep(delay).await;
                    continue;
                }
                Ok(Some(Reaction::Answer { head, body })) => {
                    open.respond(Source::Plugin, head);
                    return Requested { open, answered: Answered::Plugin(body), turns: turn + 1 };
                }
                Err(failure) => Answered::Failed(failure),
            };
            return Requested { open, answered, turns: turn };
        }
        Requested { open, answered: Answered::Not, turns: self.plugins.len() }
    }

    /// Calls the response phases of the first `turns` plugins in reverse order.
    ///
    /// The response must be set. A plugin that answers replaces it for those that follow; one that
    /// fails is told by `fail`, which sets the response for them. A drop finishes the exchange.
    pub async fn on_response(
        &self,
        mut open: Open,
        turns: usize,
        mut fail: impl FnMut(&mut Exchange, Failure) -> Bytes,
    ) -> (Open, Option<Bytes>) {
        let mut replaced = None;
        for (_, plugin) in self.exporting(&self.responses).filter(|(at, _)| *at < turns).rev() {
            let (back, action) = plugin.on_response(open).await;
            open = back;
            match action {
                Ok(None | Some(Reaction::Delay(_))) => {}
                Ok(Some(Reaction::Answer { head, body })) => {
                    open.respond(Source::Plugin, head);
                    replaced = Some(body);
                }
                Err(failure) => replaced = Some(fail(&mut open, failure)),
            }
        }
        (open, replaced)
    }

    /// Calls the log phases in order.
    pub async fn on_complete(&self, mut open: Open, summary: impl Fn(&Exchange) -> Summary) {
        for (_, plugin) in self.exporting(&self.logs) {
            let summary = summary(&open);
            open = plugin.on_complete(open, summary).await;
        }
    }

    fn exporting<'p>(
        &'p self,
        phase: &'p [usize],
    ) -> impl DoubleEndedIterator<Item = (usize, &'p Arc<Plugin>)> {
        phase.iter().filter_map(|at| Some((*at, self.plugins.get(*at)?)))
    }
}

/// What a phase asks for.
enum Reaction {
    Delay(Duration),
    Answer { head: ResponseHead, body: Bytes },
}

impl Plugin {
    async fn on_request(&self, open: Open) -> (Open, Result<Option<Reaction>, Failure>) {
        let began = clock::now();
        let checkpoint = self.checkpoint(&open);
        let mut lease = match self.instances.lend().await {
            Ok(lease) => lease,
            Err(fault) => return self.failed(open, checkpoint, &fault, "request"),
        };
        let (open, action) = lease.request(open).await;
        self.metrics().called(Phase::Request, clock::now().duration_since(began));
        let reaction = action.and_then(|action| match action {
            RequestAction::Forward => Ok(None),
            RequestAction::Delay(ms) => {
                Ok(Some(Reaction::Delay(Duration::from_millis(ms.into()).min(DELAY_MAX))))
            }
            RequestAction::Respond(answer) => accept(answer, open.head_limits).map(answered),
        });
        match reaction {
            Ok(reaction) => {
                lease.give_back();
                (open, Ok(reaction))
            }
            Err(fault) => self.failed(open, checkpoint, &fault, "request"),
        }
    }

    async fn on_response(&self, open: Open) -> (Open, Result<Option<Reaction>, Failure>) {
        let began = clock::now();
        let checkpoint = self.checkpoint(&open);
        let mut lease = match self.instances.lend().await {
            Ok(lease) => lease,
            Err(fault) => return self.failed(open, checkpoint, &fault, "response"),
        };
        let (open, action) = lease.response(open).await;
        self.metrics().called(Phase::Response, clock::now().duration_since(began));
        let reaction = action.and_then(|action| match action {
            ResponseAction::Forward => Ok(None),
            ResponseAction::Respond(answer) => accept(answer, open.head_limits).map(answered),
        });
        match reaction {
            Ok(reaction) => {
                lease.give_back();
                (open, Ok(reaction))
            }
            Err(fault) => self.failed(open, checkpoint, &fault, "response"),
        }
    }

    async fn on_complete(&self, open: Open, summary: Summary) -> Open {
        let began = clock::now();
        let fault = match self.instances.lend().await {
            Ok(mut lease) => {
                let (open, result) = lease.log(open, summary).await;
                self.metrics().called(Phase::Log, clock::now().duration_since(began));
                match result {
                    Ok(()) => {
                        lease.give_back();
                        return open;
                    }
                    Err(fault) => (open, fault),
                }
            }
            Err(fault) => (open, fault),
        };
        let (open, fault) = fault;
        self.count(&fault);
        fault.report(&self.name, &open.route, &open.id, "log");
        open
    }

    /// What `on_error = "skip"` goes back to.
    fn checkpoint(&self, open: &Open) -> Option<Checkpoint> {
        (self.on_error == OnError::Skip).then(|| open.checkpoint())
    }

    /// A phase that has no result: the exchange fails, or goes on as if the plugin were not there.
    fn failed(
        &self,
        mut open: Open,
        checkpoint: Option<Checkpoint>,
        fault: &Fault,
        phase: &str,
    ) -> (Open, Result<Option<Reaction>, Failure>) {
        self.count(fault);
        fault.report(&self.name, &open.route, &open.id, phase);
        let Some(checkpoint) = checkpoint else {
            return (open, Err(fault.failure()));
        };
        self.metrics().skips.inc();
        open.restore(checkpoint);
        (open, Ok(None))
    }

    pub(super) fn count(&self, fault: &Fault) {
        match fault {
            Fault::Trap { .. } | Fault::Contract(_) => self.metrics().traps.inc(),
            Fault::CpuTime | Fault::WallTime(_) => self.metrics().timeouts.inc(),
            Fault::Saturated => 0,
        };
    }

    pub(super) const fn metrics(&self) -> &Arc<crate::telemetry::metrics::PluginMetrics> {
        self.instances.metrics()
    }
}

fn answered((head, body): (ResponseHead, Bytes)) -> Option<Reaction> {
    Some(Reaction::Answer { head, body })
}

/// Checks an answer against the contract.
pub(super) fn accept(answer: Answer, limits: HeadLimits) -> Result<(ResponseHead, Bytes), Fault> {
    let Answer { status, headers: lines, body } = answer;
    let code = StatusCode::from_u16(status).ok().filter(|_| (200..600).contains(&status));
    let status =
        code.ok_or_else(|| Fault::Contract(format!("answered with the status {status}")))?;
    let mut headers = HeaderMap::with_capacity(lines.len());
    for line in lines {
        let edit = Edit::name(&line.name)
            .and_then(|name| Ok(Edit::Append(name, Edit::value(&line.value)?)));
        edit.and_then(|edit| edit.apply(&mut headers, limits)).map_err(|error| {
            let name = line.name.escape_debug();
            Fault::Contract(format!(
                "answered with the header `{name}`, which is refused: {error:?}"
            ))
        })?;
    }
    Ok((ResponseHead { status, headers }, body.into()))
}

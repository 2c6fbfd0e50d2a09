//! One call of a phase: the instance it takes, what it may ask for, and what a fault does.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body::Body as _;
use tokio::time::timeout_at;

use super::Plugin;
use super::contract::bindings::tidegate::plugin::types::{
    Answer, BodyAction, RequestAction, ResponseAction,
};
use super::contract::log_phase::exports::tidegate::plugin::log_phase::Summary;
use super::fault::Fault;
use super::instance::{Lease, Part};
use super::pipeline::{Holding, Reaction};
use super::stage::{Access, Side, Stage};
use crate::body::{Collected, Content, Full, RequestBody, collect};
use crate::config::{OnError, OnLargeBody};
use crate::facts::{Checkpoint, Edit, HeadLimits, Open, ResponseHead};
use crate::failure::Failure;
use crate::telemetry::metrics::Phase;

/// The longest that a plugin may delay a request.
const DELAY_MAX: Duration = Duration::from_secs(60);

/// What a plugin decides when it has seen the head.
pub(super) enum Decided {
    /// All that it wants, if anything.
    Reaction(Option<Reaction>),
    /// It goes on with the body.
    Body(Wish),
}

/// What a plugin wants with a body.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wish {
    /// All of it, up to so many bytes.
    Whole(u64),
    /// Each part as it comes.
    Parts(Access),
}

/// How a phase ended: what is left to do, or why the exchange fails.
pub(super) type Reacted = (Open, Result<Option<Reaction>, Failure>);

/// A phase of a head that is over, or goes on with the body.
enum Headed<'p> {
    Over(Reacted),
    /// Boxed, because most phases want nothing with a body.
    Body(Box<Wanted<'p>>),
}

/// What goes on with the body.
struct Wanted<'p> {
    lease: Lease<'p>,
    open: Open,
    checkpoint: Option<Checkpoint>,
    wish: Wish,
}

impl Plugin {
    /// Calls the request phase. A drop finishes the exchange.
    ///
    /// `body` is afterwards what the plugin made of it.
    pub(super) async fn on_request(
        self: &Arc<Self>,
        open: Open,
        body: &mut RequestBody,
        holding: &Holding<'_>,
    ) -> Reacted {
        let wanted = match self.on_head(Side::Request, open).await {
            Headed::Over(reacted) => return reacted,
            Headed::Body(wanted) => *wanted,
        };
        let content = body.take();
        let (reacted, content) = self.with_body(wanted, Side::Request, content, holding).await;
        body.put(content);
        reacted
    }

    /// Calls the response phase. A drop finishes the exchange.
    ///
    /// `content` is afterwards what the plugin made of it.
    pub(super) async fn on_response(
        self: &Arc<Self>,
        open: Open,
        content: &mut Content,
        holding: &Holding<'_>,
    ) -> Reacted {
        let wanted = match self.on_head(Side::Response, open).await {
            Headed::Over(reacted) => return reacted,
            Headed::Body(wanted) => *wanted,
        };
        if !may_have_body(&wanted.open) {
            wanted.lease.give_back();
            return (wanted.open, Ok(None));
        }
        let taken = std::mem::take(content);
        let (reacted, made) = self.with_body(wanted, Side::Response, taken, holding).await;
        *content = made;
        reacted
    }

    /// Calls the phase of a head.
    async fn on_head(&self, side: Side, open: Open) -> Headed<'_> {
        let checkpoint = self.checkpoint(&open);
        let mut lease = match self.instances.lend().await {
            Ok(lease) => lease,
            Err(fault) => {
                return Headed::Over(self.failed(open, checkpoint, &fault, side.head().label()));
            }
        };
        let (open, decided) = self.decide(&mut lease, side, open).await;
        match decided {
            Ok(Decided::Reaction(reaction)) => {
                lease.give_back();
                Headed::Over((open, Ok(reaction)))
            }
            Ok(Decided::Body(wish)) => {
                Headed::Body(Box::new(Wanted { lease, open, checkpoint, wish }))
            }
            Err(fault) => Headed::Over(self.failed(open, checkpoint, &fault, side.head().label())),
        }
    }

    /// Shows a head to an instance.
    pub(super) async fn decide(
        &self,
        lease: &mut Lease<'_>,
        side: Side,
        open: Open,
    ) -> (Open, Result<Decided, Fault>) {
        let (open, decided) = match side {
            Side::Request => {
                let (open, action) = lease.request(open).await;
                let limits = open.head_limits;
                (open, action.and_then(|action| of_request(action, limits)))
            }
            Side::Response => {
                let (open, action) = lease.response(open).await;
                let limits = open.head_limits;
                (open, action.and_then(|action| of_response(action, limits)))
            }
        };
        self.metrics().called(side.head(), lease.took());
        (open, decided)
    }

    /// Does what a plugin wants with a body; gives what becomes of it.
    async fn with_body(
        self: &Arc<Self>,
        wanted: Wanted<'_>,
        side: Side,
        content: Content,
        holding: &Holding<'_>,
    ) -> (Reacted, Content) {
        let Wanted { lease, mut open, checkpoint, wish } = wanted;
        if !self.instances.image().exports.has(side.body()) {
            let fault =
                Fault::Contract(format!("asked for a {} without a phase for it", side.name()));
            return (self.failed(open, checkpoint, &fault, side.name()), content);
        }
        match wish {
            // Nothing streams: there is no body.
            Wish::Parts(_) if content.is_end_stream() => {
                lease.give_back();
                ((open, Ok(None)), content)
            }
            Wish::Whole(bytes) => {
                self.with_whole(lease, open, checkpoint, (side, bytes), content, holding).await
            }
            Wish::Parts(access) => {
                let kept = lease.keep(self);
                let stage = Stage::new(content, (access, side), kept, open.aside());
                ((open, Ok(None)), Content::Streamed(crate::body::Stream::new(stage)))
            }
        }
    }

    /// Holds the exchange until its body is in, and shows it.
    async fn with_whole(
        self: &Arc<Self>,
        mut lease: Lease<'_>,
        open: Open,
        checkpoint: Option<Checkpoint>,
        (side, bytes): (Side, u64),
        content: Content,
        holding: &Holding<'_>,
    ) -> (Reacted, Content) {
        let bytes_max = bytes.min(self.body_bytes);
        let collected = collect(content, bytes_max, holding.held);
        let full = match timeout_at(holding.deadline, collected).await {
            Ok(Ok(Collected::Whole(full))) => full,
            Ok(Ok(Collected::Larger(content))) => {
                lease.give_back();
                let reaction = match (self.on_large_body, side) {
                    (OnLargeBody::Skip, _) => {
                        self.metrics().skips.inc();
                        Ok(None)
                    }
                    (OnLargeBody::Deny, Side::Request) => Err(Failure::RequestBodyTooLarge),
                    (OnLargeBody::Deny, Side::Response) => Err(Failure::ResponseBodyTooLarge),
                };
                return ((open, reaction), content);
            }
            Ok(Err(error)) => return ((open, Err(error.failure().clone())), Content::Empty),
            Err(_elapsed) => return ((open, Err(Failure::RouteTimeout)), Content::Empty),
        };
        let part = Part::whole(&full);
        let (open, action) = lease.body(side, open, &part).await;
        self.metrics().called(side.body(), lease.took());
        let settled = action.and_then(|action| match action {
            BodyAction::Respond(answer) => accept(answer, open.head_limits).map(Err),
            BodyAction::Forward => Ok(Ok(None)),
            BodyAction::Replace(bytes) => Ok(Ok(Some((bytes, false)))),
            BodyAction::End(bytes) => Ok(Ok(Some((bytes, true)))),
        });
        match settled {
            Ok(Ok(made)) => {
                lease.give_back();
                ((open, Ok(None)), remade(full, made).into())
            }
            Ok(Err((head, body))) => {
                lease.give_back();
                ((open, Ok(Some(Reaction::Answer { head, body }))), Content::Empty)
            }
            Err(fault) => (self.failed(open, checkpoint, &fault, side.name()), full.into()),
        }
    }

    pub(super) async fn on_complete(&self, open: Open, summary: Summary) -> Open {
        let fault = match self.instances.lend().await {
            Ok(mut lease) => {
                let (open, result) = lease.log(open, summary).await;
                self.metrics().called(Phase::Log, lease.took());
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
            Fault::CpuTime => self.metrics().cpu_timeouts.inc(),
            Fault::WallTime(_) => self.metrics().wall_timeouts.inc(),
            Fault::Saturated => self.metrics().saturated.inc(),
        };
    }
}

/// What an action means, if it keeps to the contract.
fn of_request(action: RequestAction, limits: HeadLimits) -> Result<Decided, Fault> {
    Ok(match action {
        RequestAction::Forward => Decided::Reaction(None),
        RequestAction::Delay(ms) => {
            let delay = Duration::from_millis(ms.into()).min(DELAY_MAX);
            Decided::Reaction(Some(Reaction::Delay(delay)))
        }
        RequestAction::Respond(answer) => {
            let (head, body) = accept(answer, limits)?;
            Decided::Reaction(Some(Reaction::Answer { head, body }))
        }
        RequestAction::NeedBody(bytes) => Decided::Body(Wish::Whole(bytes)),
        RequestAction::ObserveBody => Decided::Body(Wish::Parts(Access::Observe)),
        RequestAction::TransformBody => Decided::Body(Wish::Parts(Access::Transform)),
    })
}

/// As [`of_request`].
fn of_response(action: ResponseAction, limits: HeadLimits) -> Result<Decided, Fault> {
    Ok(match action {
        ResponseAction::Forward => Decided::Reaction(None),
        ResponseAction::Respond(answer) => {
            let (head, body) = accept(answer, limits)?;
            Decided::Reaction(Some(Reaction::Answer { head, body }))
        }
        ResponseAction::NeedBody(bytes) => Decided::Body(Wish::Whole(bytes)),
        ResponseAction::ObserveBody => Decided::Body(Wish::Parts(Access::Observe)),
        ResponseAction::TransformBody => Decided::Body(Wish::Parts(Access::Transform)),
    })
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

/// What a plugin made of a body: other bytes, perhaps without trailers.
fn remade(full: Full, made: Option<(Vec<u8>, bool)>) -> Full {
    match made {
        None => full,
        Some((bytes, false)) => full.replaced(bytes.into()),
        Some((bytes, true)) => full.replaced(bytes.into()).ended(),
    }
}

/// Whether a body can follow this response's head (RFC 9110 section 6.4.1).
fn may_have_body(open: &Open) -> bool {
    let status = open.response.as_ref().map(|head| head.status);
    let empty = [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::NOT_MODIFIED];
    open.request.method != Method::HEAD && status.is_some_and(|status| !empty.contains(&status))
}

//! A plugin in the middle of a body that streams: each part goes through an instance on its way.
//!
//! The instance that asked for the body is kept until the body is over or the plugin is out. What
//! it sees of the exchange is a copy, since the exchange itself goes on: the request's body still
//! streams when the response comes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::Plugin;
use super::call::accept;
use super::contract::bindings::tidegate::plugin::types::BodyAction;
use super::fault::Fault;
use super::instance::{Kept, Part};
use crate::body::{BodyError, Content};
use crate::config::OnError;
use crate::facts::{Late, Open, Verdict};
use crate::failure::Failure;
use crate::telemetry::metrics::Phase;

/// Whose body it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
}

impl Side {
    /// The phase of the head.
    pub(super) const fn head(self) -> Phase {
        match self {
            Self::Request => Phase::Request,
            Self::Response => Phase::Response,
        }
    }

    /// The phase of the body.
    pub(super) const fn body(self) -> Phase {
        match self {
            Self::Request => Phase::RequestBody,
            Self::Response => Phase::ResponseBody,
        }
    }

    /// As faults call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Request => "request body",
            Self::Response => "response body",
        }
    }
}

/// What a plugin may do to a body that streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// See it.
    Observe,
    /// Change it.
    Transform,
}

/// A body that goes through a plugin.
pub(super) struct Stage {
    inner: Content,
    access: Access,
    side: Side,
    plugin: Arc<Plugin>,
    late: Arc<Late>,
    turn: Turn,
    /// What comes out next.
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
    /// Nothing comes after that.
    over: bool,
}

/// Who has the next move.
enum Turn {
    /// The body: its next part goes to this instance.
    Body(Box<Kept>, Open),
    /// The plugin, with this part.
    Plugin(Pin<Box<dyn Future<Output = Called> + Send>>, Part),
    /// The body alone: the plugin has had the last part or is out.
    Out,
}

type Called = (Box<Kept>, Open, Result<BodyAction, Fault>);

impl Stage {
    /// Shows `inner` to `kept`, which sees `aside` of the exchange.
    pub(super) fn new(
        inner: Content,
        (access, side): (Access, Side),
        kept: Kept,
        (aside, late): (Open, Arc<Late>),
    ) -> Self {
        Self {
            inner,
            access,
            side,
            plugin: Arc::clone(kept.plugin()),
            late,
            turn: Turn::Body(Box::new(kept), aside),
            data: None,
            trailers: None,
            over: false,
        }
    }

    /// The instance's turn.
    fn call(&mut self, part: Part) {
        let Turn::Body(mut kept, open) = std::mem::replace(&mut self.turn, Turn::Out) else {
            return;
        };
        let (side, shown) = (self.side, part.clone());
        let call = async move {
            let (open, action) = kept.body(side, open, &shown).await;
            kept.plugin().metrics().called(side.body(), kept.took());
            (kept, open, action)
        };
        self.turn = Turn::Plugin(Box::pin(call), part);
    }

    /// What the plugin's action makes of a part.
    fn settle(&mut self, part: Part, (kept, open, action): Called) -> Result<(), BodyError> {
        let action = action.and_then(|action| match (action, self.access) {
            (BodyAction::Replace(_) | BodyAction::End(_), Access::Observe) => {
                Err(Fault::Contract("changed a body that it asked only to observe".to_owned()))
            }
            (BodyAction::Respond(answer), _) => {
                accept(answer, open.head_limits).map(Settled::Answer)
            }
            (BodyAction::Forward, _) => Ok(Settled::Pass(part.bytes.clone())),
            (BodyAction::Replace(bytes), _) => Ok(Settled::Pass(bytes.into())),
            (BodyAction::End(bytes), _) => Ok(Settled::End(bytes.into())),
        });
        match action {
            Ok(Settled::Pass(bytes)) => {
                self.data = Some(bytes);
                self.over = part.last;
                self.trailers = part.trailers;
                if part.last {
                    kept.give_back();
                } else {
                    self.turn = Turn::Body(kept, open);
                }
                Ok(())
            }
            Ok(Settled::End(bytes)) => {
                kept.give_back();
                self.data = Some(bytes);
                self.inner = Content::Empty;
                self.over = true;
                Ok(())
            }
            Ok(Settled::Answer((head, body))) => {
                kept.give_back();
                self.late.decide(Verdict::Answer(head, body));
                Err(self.broken(Failure::PluginRefused))
            }
            Err(fault) => {
                self.plugin.count(&fault);
                fault.report(self.plugin.name(), &open.route, &open.id, self.side.name());
                if self.plugin.on_error == OnError::Skip {
                    self.plugin.metrics().skips.inc();
                    self.data = Some(part.bytes);
                    self.trailers = part.trailers;
                    self.over = part.last;
                    return Ok(());
                }
                let failure = fault.failure();
                self.late.decide(Verdict::Failure(failure.clone()));
                Err(self.broken(failure))
            }
        }
    }

    /// Ends the body before its end.
    fn broken(&mut self, failure: Failure) -> BodyError {
        self.inner = Content::Empty;
        self.over = true;
        BodyError::new(failure, None)
    }

    /// What has come out of `inner` and is still to go on.
    fn held_bytes(&self) -> u64 {
        let waiting = match &self.turn {
            Turn::Plugin(_, part) => part.bytes.len(),
            Turn::Body(..) | Turn::Out => 0,
        };
        (waiting + self.data.as_ref().map_or(0, Bytes::len)) as u64
    }
}

/// What becomes of a part.
enum Settled {
    Pass(Bytes),
    End(Bytes),
    Answer((crate::facts::ResponseHead, Bytes)),
}

impl Body for Stage {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let stage = &mut *self;
        loop {
            if let Some(data) = stage.data.take().filter(|data| !data.is_empty()) {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            if let Some(trailers) = stage.trailers.take() {
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
            if stage.over {
                return Poll::Ready(None);
            }
            match &mut stage.turn {
                Turn::Out => return Pin::new(&mut stage.inner).poll_frame(context),
                Turn::Plugin(call, _) => {
                    let called = ready!(call.as_mut().poll(context));
                    if let Turn::Plugin(_, part) = std::mem::replace(&mut stage.turn, Turn::Out)
                        && let Err(error) = stage.settle(part, called)
                    {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                Turn::Body(..) => match ready!(Pin::new(&mut stage.inner).poll_frame(context)) {
                    Some(Ok(frame)) => stage.call(Part::of(frame, stage.inner.is_end_stream())),
                    Some(Err(error)) => {
                        stage.turn = Turn::Out;
                        stage.over = true;
                        return Poll::Ready(Some(Err(error)));
                    }
                    None => stage.call(Part::end()),
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let empty = self.data.as_ref().is_none_or(Bytes::is_empty) && self.trailers.is_none();
        let out = matches!(self.turn, Turn::Out) && self.inner.is_end_stream();
        empty && (self.over || out)
    }

    fn size_hint(&self) -> SizeHint {
        let is_out = matches!(self.turn, Turn::Out);
        if self.access == Access::Transform && !is_out {
            return SizeHint::new();
        }
        let inner = if self.over { SizeHint::with_exact(0) } else { self.inner.size_hint() };
        let held = self.held_bytes();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(held));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint
    }
}

//! A plugin as the end of a route: a request goes in, an answer comes out, whole or while it is made.
//!
//! The guest sees a copy of the exchange, because the exchange itself goes on with the answer's head
//! while the guest still writes the body. The call begins within the exchange's own future. If the
//! guest starts to stream, what is left of the call is handed over as [`Handled::rest`]: whoever sends
//! the body runs it beside, and ends it when nobody reads any more.

mod body;
mod handling;

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

pub use body::AnswerBody;
pub use handling::RequestStream;

pub(super) use body::Ending;
pub(super) use handling::Handling;
use handling::Started;

use super::Plugin;
use super::call::accept;
use super::contract::on_handle::exports::tidegate::plugin::handler::Handled as Said;
use super::fault::Fault;
use crate::facts::{Attribute, Open, ResponseHead};
use crate::failure::Failure;
use crate::telemetry::metrics::Phase;

/// A handler's answer.
pub struct Handled {
    /// Of the response.
    pub head: ResponseHead,
    /// Those of the exchange, as the handler left them.
    pub attributes: Vec<(Box<str>, Attribute)>,
    /// What follows the head.
    pub answering: Answering,
    /// What is left of the call; to be run until it is done, or ended with the body.
    pub rest: Option<Rest>,
}

/// The body of a handler's answer.
#[derive(Debug)]
pub enum Answering {
    /// Nothing.
    Empty,
    /// These bytes.
    Whole(Bytes),
    /// What comes while the call goes on.
    Streamed(AnswerBody),
}

/// A call that goes on. A drop ends the instance.
pub type Rest = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An answer that was given at once, with the attributes.
type Whole = (ResponseHead, Bytes, Vec<(Box<str>, Attribute)>);

impl std::fmt::Debug for Handled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handled").field("head", &self.head).finish_non_exhaustive()
    }
}

impl Plugin {
    /// Answers a request. `aside` is a copy of the exchange. A drop ends the call.
    ///
    /// # Errors
    ///
    /// What the client is told if the plugin failed before it had an answer; the operator was told.
    pub async fn handle(
        self: &Arc<Self>,
        aside: Open,
        request: RequestStream,
    ) -> Result<Handled, Failure> {
        if self.is_proxy() {
            return super::proxy::handle(self, aside, request).await;
        }
        let ending = Arc::new(Ending::default());
        let (handling, mut started) = Handling::new(request, &aside);
        let call = Arc::clone(self).answer(aside, Box::new(handling), Arc::clone(&ending));
        let mut call = Box::pin(call);
        // First the call: one that has started and is done needs nobody to run it.
        tokio::select! {
            biased;
            outcome = &mut call => match (started.try_recv(), outcome?) {
                (Ok(started), _) => Ok(started.handled(ending, None)),
                (Err(_), Some((head, body, attributes))) => {
                    Ok(Handled { head, attributes, answering: Answering::Whole(body), rest: None })
                }
                (Err(_), None) => Err(Failure::PluginTrap),
            },
            Ok(started) = &mut started => {
                let rest: Rest = Box::pin(async move { drop(call.await) });
                Ok(started.handled(ending, Some(rest)))
            }
        }
    }

    /// Calls `handle`. The answer, if it was given at once; one that streams is told by `ending`.
    async fn answer(
        self: Arc<Self>,
        aside: Open,
        handling: Box<Handling>,
        ending: Arc<Ending>,
    ) -> Result<Option<Whole>, Failure> {
        let mut lease = match self.instances.lend().await {
            Ok(lease) => lease,
            Err(fault) => return Err(self.blame(&aside.route, &aside.id, &fault)),
        };
        let (mut aside, handling, said) = lease.handle(aside, handling).await;
        self.metrics().called(Phase::Handler, lease.took());
        let answer = said.and_then(|said| match (said, handling.has_started()) {
            (Said::Respond(answer), false) => accept(answer, aside.head_limits).map(Some),
            (Said::Streamed, true) => Ok(None),
            (Said::Respond(_), true) => {
                Err(Fault::Contract("answered after it had started a stream".to_owned()))
            }
            (Said::Streamed, false) => {
                Err(Fault::Contract("returned `streamed` and never started a stream".to_owned()))
            }
        });
        // Before `handling` goes, whose end the reader of the body sees.
        match answer {
            Ok(answer) => {
                ending.tell(Ok(()));
                lease.give_back();
                let attributes = std::mem::take(&mut aside.attributes);
                Ok(answer.map(|(head, body)| (head, body, attributes)))
            }
            Err(fault) => {
                let failure = self.blame(&aside.route, &aside.id, &fault);
                ending.tell(Err(failure.clone()));
                if handling.has_started() { Ok(None) } else { Err(failure) }
            }
        }
    }

    /// Counts a fault and tells the operator; what the client is told.
    pub(super) fn blame(&self, route: &str, id: &str, fault: &Fault) -> Failure {
        self.count(fault);
        fault.report(self.name(), route, id, "handler");
        fault.failure()
    }
}

impl Started {
    fn handled(self, ending: Arc<Ending>, rest: Option<Rest>) -> Handled {
        let Self { head, attributes, parts } = self;
        let answering = parts.map_or(Answering::Empty, |parts| {
            Answering::Streamed(AnswerBody::written(parts, ending))
        });
        Handled { head, attributes, answering, rest }
    }
}

/// Where a handler says that its answer begins.
type Beginning = oneshot::Sender<Started>;

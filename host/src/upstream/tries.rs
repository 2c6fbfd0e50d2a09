//! The tries of one request: at which endpoints, and when it is enough.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tokio::time::{Instant, sleep};

use super::retry::{Cause, Retries, Retry};
use super::{Fault, Pools, ResponseBody, Upstream, backoff, deadline};
use crate::body::RequestBody;
use crate::clock;
use crate::facts::Tally;
use crate::failure::Failure;

/// Which connections a try may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// Those of the pool first.
    Any,
    /// A new one: if one of the pool was closed, so are most likely those beside it.
    New,
}

impl Choice {
    const fn after(cause: Cause) -> Self {
        match cause {
            Cause::Reset => Self::New,
            Cause::Timeout | Cause::Status => Self::Any,
        }
    }
}

impl Upstream {
    /// One try after another. An endpoint that cannot be connected to is passed over; what was
    /// sent is sent again only as the policy says.
    pub(super) async fn try_all(
        &self,
        pools: &Arc<Pools>,
        mut request: Request<RequestBody>,
        deadline: Instant,
        tally: &mut Tally,
    ) -> Result<Response<ResponseBody>, Failure> {
        let retry = self.retry.as_ref();
        let mut retries = retry.and_then(|retry| retry.follow(&mut request, pools.held()));
        let mut choice = Choice::Any;
        if pools.stage().is_none() {
            self.members.wait_for_names(self.connect_timeout).await;
        }
        let balance = self.current();
        let mut turn = balance.turn(tally.affinity);
        let mut next = turn.next();
        while let Some(endpoint) = next {
            if let Some(name) = &self.deadline_header {
                deadline::tell(request.headers_mut(), name, self.left_for_try(deadline));
            }
            let outcome =
                match self.attempt(pools, (&balance, endpoint), choice, request, tally).await {
                    Ok(response) => Ok(response),
                    Err(Fault::Sent(failure)) => Err(failure),
                    Err(Fault::Unsent(unsent, why)) => {
                        next = turn.next().filter(|_| retry.is_some_and(Retry::passes_over));
                        if next.is_some() {
                            request = *unsent;
                            continue;
                        }
                        Err(why)
                    }
                };
            let Some(cause) = self.cause(retries.as_ref(), &outcome) else { return outcome };
            next = turn.next();
            let is_known = next.is_none();
            let Some((again, pause)) =
                self.again(retries.as_mut(), (&outcome, cause), is_known, deadline)
            else {
                return outcome;
            };
            (request, choice) = (again, Choice::after(cause));
            // Closes the connection of a response that is not wanted.
            drop(outcome);
            if !pause.is_zero() {
                sleep(pause).await;
            }
            if is_known {
                // All were asked; there may be only one.
                turn = balance.turn(tally.affinity);
                next = turn.next();
            }
        }
        Err(Failure::DestinationUnavailable)
    }

    /// How long the response to a try that begins now is waited for.
    fn left_for_try(&self, deadline: Instant) -> Duration {
        let left = deadline.into_std().saturating_duration_since(clock::now());
        let limit = self.retry.as_ref().and_then(Retry::per_try_timeout);
        limit.map_or(left, |limit| limit.min(left))
    }

    /// Why what came of a request may be made good, if it may and there is a try left.
    fn cause(
        &self,
        retries: Option<&Retries<'_>>,
        outcome: &Result<Response<ResponseBody>, Failure>,
    ) -> Option<Cause> {
        retries.filter(|retries| retries.is_left())?;
        let retry = self.retry.as_ref()?;
        match outcome {
            Ok(response) => retry.cause_of_status(response.status()),
            Err(failure) => retry.cause_of(failure),
        }
    }

    /// The request once more, and how long to wait before: an endpoint that `is_known`, because it was
    /// asked already, gets a pause.
    fn again(
        &self,
        retries: Option<&mut Retries<'_>>,
        (outcome, cause): (&Result<Response<ResponseBody>, Failure>, Cause),
        is_known: bool,
        deadline: Instant,
    ) -> Option<(Request<RequestBody>, Duration)> {
        let retries = retries?;
        let pause = if is_known {
            self.pause(retries, (outcome, cause), deadline)
        } else {
            Ok(Duration::ZERO)
        };
        let next = match &self.breaker {
            Some(breaker) if !breaker.is_closed() => Err("breaker"),
            _ => pause.and_then(|pause| Ok((retries.next()?, pause))),
        };
        match next {
            Ok((request, pause)) => {
                self.metrics.retried(cause.as_str());
                tracing::debug!(upstream = %self.name, cause = cause.as_str(), "request is sent again");
                Some((request, pause))
            }
            Err(reason) => {
                self.metrics.retry_withheld(reason);
                None
            }
        }
    }

    /// How long to wait before the endpoint is asked again, which may have said so itself.
    ///
    /// # Errors
    ///
    /// It would be too long: the metric label.
    fn pause(
        &self,
        retries: &mut Retries<'_>,
        (outcome, cause): (&Result<Response<ResponseBody>, Failure>, Cause),
        deadline: Instant,
    ) -> Result<Duration, &'static str> {
        let own = retries.pause(cause);
        let asked = outcome.as_ref().ok().and_then(|it| backoff::retry_after(it.headers()));
        let longest = self.retry.as_ref().map_or(Duration::ZERO, Retry::max_retry_after);
        if asked.is_some_and(|asked| asked > longest) {
            return Err("retry_after");
        }
        let pause = own.max(asked.unwrap_or_default());
        let left = deadline.into_std().saturating_duration_since(clock::now());
        if pause.is_zero() || pause < left { Ok(pause) } else { Err("deadline") }
    }
}

//! The circuit breaker of an upstream: one that fails most requests is left alone for a while.
//!
//! ```text
//! closed --too many failed or slow--> open --after a while--> half-open --all good--> closed
//!                                       ^-------------- one was not -------'
//! ```
//!
//! Requests are counted, not tries: an upstream whose second endpoint answers is of use.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;

use super::window::Window;
use crate::clock;
use crate::config;
use crate::failure::Failure;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::BreakerMetrics;

/// When a request may come back that was refused only because others are being tried.
const TRIAL_RETRY_AFTER_S: u32 = 1;

/// The circuit breaker of an upstream.
#[derive(Debug)]
pub struct Breaker {
    upstream: Arc<str>,
    policy: config::Breaker,
    /// Shared with the next snapshot, if its window is as long.
    calls: Arc<Calls>,
    /// Shared with the next snapshot.
    state: Arc<State>,
}

/// Requests of late.
#[derive(Debug)]
struct Calls {
    all: Window,
    failed: Window,
    slow: Window,
}

#[derive(Debug)]
struct State {
    /// Whether `phase` is [`Phase::Closed`]: all that a request asks while all is well.
    is_closed: AtomicBool,
    inner: Mutex<Inner>,
    metrics: Arc<BreakerMetrics>,
}

#[derive(Debug)]
struct Inner {
    phase: Phase,
    /// Grows each time it becomes half-open, so that trials of an earlier round say nothing.
    round: u64,
}

/// What a breaker is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Closed,
    Open {
        until: Instant,
    },
    HalfOpen {
        /// Trials without an outcome.
        under_way: u32,
        /// Trials that went well.
        good: u32,
    },
}

impl Phase {
    /// The metric label, and what `/status` shows.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen { .. } => "half_open",
            Self::Open { .. } => "open",
        }
    }

    /// The value of the metric.
    const fn number(self) -> i64 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen { .. } => 1,
            Self::Open { .. } => 2,
        }
    }
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Good,
    Failed,
    /// It says nothing of the upstream: the client left or failed.
    Void,
}

/// A request that was let through. A drop without [`end`](Self::end) counts against the upstream if
/// the request's time was up, else not at all.
#[derive(Debug)]
pub(super) struct Trial<'a> {
    breaker: &'a Breaker,
    began: Instant,
    deadline: Instant,
    /// Of a half-open breaker.
    round: Option<u64>,
    is_over: bool,
}

impl Breaker {
    pub(super) fn build(
        policy: config::Breaker,
        upstream: &Arc<str>,
        metrics: &Metrics,
        previous: Option<&Self>,
    ) -> Self {
        let calls = Calls::of(policy.window);
        let known = previous.filter(|previous| previous.calls.all.is_as_long_as(&calls.all));
        let calls = known.map_or_else(|| Arc::new(calls), |previous| Arc::clone(&previous.calls));
        let state = match previous {
            Some(previous) => Arc::clone(&previous.state),
            None => Arc::new(State::new(metrics.breaker(upstream))),
        };
        Self { upstream: Arc::clone(upstream), policy, calls, state }
    }

    /// `closed`, `half_open` or `open`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        self.state.lock().phase.as_str()
    }

    /// Whether all requests go through.
    pub(super) fn is_closed(&self) -> bool {
        self.state.is_closed.load(Ordering::Relaxed)
    }

    /// Whether a request would go through now, before it waits for its turn.
    pub(super) fn look(&self, now: Instant) -> Result<(), Failure> {
        if self.is_closed() {
            return Ok(());
        }
        let inner = self.state.lock();
        self.refusal(inner.phase, now).map_or(Ok(()), |failure| Err(self.refuse(failure)))
    }

    /// Lets a request through. Its caller gives it up at `deadline`.
    pub(super) fn enter(&self, now: Instant, deadline: Instant) -> Result<Trial<'_>, Failure> {
        let round = if self.is_closed() { None } else { self.try_out(now)? };
        Ok(Trial { breaker: self, began: now, deadline, round, is_over: false })
    }

    /// The round that a request is a trial of; `None` if the breaker has closed meanwhile.
    fn try_out(&self, now: Instant) -> Result<Option<u64>, Failure> {
        let mut inner = self.state.lock();
        if let Some(failure) = self.refusal(inner.phase, now) {
            return Err(self.refuse(failure));
        }
        match &mut inner.phase {
            Phase::Closed => return Ok(None),
            Phase::Open { .. } => {
                inner.round += 1;
                self.change(&mut inner, Phase::HalfOpen { under_way: 1, good: 0 });
            }
            Phase::HalfOpen { under_way, .. } => *under_way += 1,
        }
        Ok(Some(inner.round))
    }

    /// Why nothing more goes through.
    fn refusal(&self, phase: Phase, now: Instant) -> Option<Failure> {
        let retry_after_s = match phase {
            Phase::Closed => return None,
            Phase::Open { until } => {
                let left = until.saturating_duration_since(now);
                if left.is_zero() {
                    return None;
                }
                let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
                u32::try_from(seconds).unwrap_or(u32::MAX)
            }
            // A reload may have made the number of trials smaller.
            Phase::HalfOpen { under_way, good } => {
                if under_way == 0 || under_way.saturating_add(good) < self.policy.half_open {
                    return None;
                }
                TRIAL_RETRY_AFTER_S
            }
        };
        Some(Failure::BreakerOpen { retry_after_s })
    }

    fn refuse(&self, failure: Failure) -> Failure {
        self.state.metrics.refused.inc();
        failure
    }

    /// Takes the outcome of a request that was let through.
    fn settle(&self, round: Option<u64>, outcome: Outcome, took: Duration, now: Instant) {
        let is_slow = self.policy.slow.is_some_and(|slow| took >= slow.threshold);
        match round {
            Some(round) => self.settle_trial(round, outcome, is_slow, now),
            None if outcome != Outcome::Void
                && self.is_closed()
                && self.calls.add(outcome, is_slow)
                && self.is_too_bad() =>
            {
                let mut inner = self.state.lock();
                if inner.phase == Phase::Closed {
                    self.open(&mut inner, now);
                }
            }
            // All is well, or it was sent before the breaker opened.
            None => {}
        }
    }

    fn settle_trial(&self, round: u64, outcome: Outcome, is_slow: bool, now: Instant) {
        let mut inner = self.state.lock();
        if inner.round != round {
            return;
        }
        let Phase::HalfOpen { under_way, good } = &mut inner.phase else { return };
        *under_way = under_way.saturating_sub(1);
        match outcome {
            Outcome::Void => {}
            Outcome::Good if !is_slow => {
                *good += 1;
                if *good >= self.policy.half_open {
                    self.calls.clear();
                    self.change(&mut inner, Phase::Closed);
                }
            }
            Outcome::Good | Outcome::Failed => self.open(&mut inner, now),
        }
    }

    fn is_too_bad(&self) -> bool {
        let now_us = clock::monotonic_us();
        let all = self.calls.all.count(now_us);
        let reaches = |part: &Window, percent: u32| {
            part.count(now_us).saturating_mul(100) >= all.saturating_mul(percent.into())
        };
        all >= self.policy.min_requests.into()
            && (reaches(&self.calls.failed, self.policy.errors)
                || self.policy.slow.is_some_and(|slow| reaches(&self.calls.slow, slow.percent)))
    }

    fn open(&self, inner: &mut Inner, now: Instant) {
        self.change(inner, Phase::Open { until: now + self.policy.open });
    }

    fn change(&self, inner: &mut Inner, phase: Phase) {
        inner.phase = phase;
        self.state.is_closed.store(phase == Phase::Closed, Ordering::Relaxed);
        self.state.metrics.state.set(phase.number());
        self.state.metrics.changed(phase.as_str());
        let (upstream, to) = (&*self.upstream, phase.as_str());
        match phase {
            Phase::Open { .. } => tracing::warn!(upstream, to, "circuit breaker changed"),
            Phase::Closed | Phase::HalfOpen { .. } => {
                tracing::info!(upstream, to, "circuit breaker changed");
            }
        }
    }
}

impl Calls {
    fn of(window: Duration) -> Self {
        let window = || Window::of(window);
        Self { all: window(), failed: window(), slow: window() }
    }

    /// Counts a request; whether it is one of those that open a breaker.
    fn add(&self, outcome: Outcome, is_slow: bool) -> bool {
        let is_failed = outcome == Outcome::Failed;
        let now_us = clock::monotonic_us();
        self.all.add(now_us);
        if is_failed {
            self.failed.add(now_us);
        }
        if is_slow {
            self.slow.add(now_us);
        }
        is_failed || is_slow
    }

    fn clear(&self) {
        for window in [&self.all, &self.failed, &self.slow] {
            window.clear();
        }
    }
}

impl State {
    fn new(metrics: Arc<BreakerMetrics>) -> Self {
        let inner = Mutex::new(Inner { phase: Phase::Closed, round: 0 });
        Self { is_closed: AtomicBool::new(true), inner, metrics }
    }

    /// Never held across an await; a panic leaves the phase whole.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trial<'_> {
    /// The head of a response, or why there was none.
    pub(super) fn end(mut self, outcome: Result<StatusCode, &Failure>, now: Instant) {
        let outcome = match outcome {
            Ok(status) if status.is_server_error() => Outcome::Failed,
            Ok(_) => Outcome::Good,
            Err(failure) if failure.is_upstream() => Outcome::Failed,
            Err(_) => Outcome::Void,
        };
        self.settle(outcome, now);
    }

    fn settle(&mut self, outcome: Outcome, now: Instant) {
        self.is_over = true;
        let took = now.saturating_duration_since(self.began);
        self.breaker.settle(self.round, outcome, took, now);
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let now = clock::now();
            let outcome = if now >= self.deadline { Outcome::Failed } else { Outcome::Void };
            self.settle(outcome, now);
        }
    }
}

#[cfg(test)]
mod tests;

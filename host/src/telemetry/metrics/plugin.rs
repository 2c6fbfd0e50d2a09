//! What a plugin has done, and the metrics it keeps itself.

use std::array;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::histogram::{EXCHANGE_BOUNDS, Histogram, PLUGIN_BOUNDS};
use super::interface::{HostCalls, Interface};
use super::own::{Kinds, MetricError, Own};
use super::shadow::{ShadowDecision, ShadowDecisions};
use super::tokens::Tokens;

/// When a plugin is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// `on-request`.
    Request,
    /// `on-request-body`.
    RequestBody,
    /// `on-response`.
    Response,
    /// `on-response-body`.
    ResponseBody,
    /// `on-complete`.
    Log,
    /// `on-tick`.
    Timer,
    /// `handle`.
    Handler,
}

impl Phase {
    /// In the order in which they run, then those that are no part of a pipeline.
    pub const ALL: [Self; 7] = [
        Self::Request,
        Self::RequestBody,
        Self::Response,
        Self::ResponseBody,
        Self::Log,
        Self::Timer,
        Self::Handler,
    ];

    /// The metric label and the log field.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::RequestBody => "request_body",
            Self::Response => "response",
            Self::ResponseBody => "response_body",
            Self::Log => "log",
            Self::Timer => "timer",
            Self::Handler => "handler",
        }
    }
}

/// What a plugin has done. Survives reloads by the plugin's name.
#[derive(Debug)]
pub struct PluginMetrics {
    /// By phase; the count is the number of calls.
    durations: [Histogram; Phase::ALL.len()],
    /// Calls that ended in a trap or broke the contract.
    pub traps: Counter,
    /// Calls that used up their running time.
    pub cpu_timeouts: Counter,
    /// Calls that used up their time from start to end.
    pub wall_timeouts: Counter,
    /// Exchanges for which no instance became free.
    pub saturated: Counter,
    /// Exchanges that went on without the plugin, by `on_error = "skip"`.
    pub skips: Counter,
    /// Log messages dropped because there were too many.
    pub log_dropped: Counter,
    /// Instances alive.
    pub instances: Gauge,
    /// Instances made.
    pub starts: Counter,
    /// Instances made new again after a call.
    pub renewals: Counter,
    /// Exchanges waiting for an instance.
    pub waiting: Gauge,
    /// Calls that ran for so long that they left their worker.
    pub long_calls: Counter,
    /// How long those waited that had to.
    pub queue: Histogram,
    /// For how long it ran, in nanoseconds.
    ran_ns: AtomicU64,
    /// The most that one instance has used, in bytes.
    memory_bytes_max: AtomicUsize,
    /// By interface.
    host_calls: [Counter; Interface::ALL.len()],
    /// What it would have done, if it ran without effect.
    pub(super) shadow_decisions: ShadowDecisions,
    /// Of these, those in which the stable version did something else.
    pub shadow_differences: Counter,
    /// Requests of its own.
    pub calls: Arc<CallMetrics>,
    pub(super) own: Own,
}

/// The requests that a plugin has sent by `http-client`.
#[derive(Debug)]
pub struct CallMetrics {
    /// From the start of a call to its response's head, or to what went wrong instead.
    pub duration: Histogram,
    answered: Counter,
    others: Tokens,
}

impl Default for CallMetrics {
    fn default() -> Self {
        Self {
            duration: Histogram::new(EXCHANGE_BOUNDS),
            answered: Counter::default(),
            others: Tokens::default(),
        }
    }
}

impl CallMetrics {
    /// Counts a call that was not started, by a word such as `denied`.
    pub fn refused(&self, why: &'static str) {
        self.others.count(why);
    }

    /// Counts a call that is over: `answered`, `cancelled`, or why it failed.
    pub fn ended(&self, outcome: &'static str) {
        if outcome == ANSWERED {
            self.answered.inc();
        } else {
            self.others.count(outcome);
        }
    }

    /// Each outcome and its number.
    pub(super) fn outcomes(&self) -> Vec<(&'static str, u64)> {
        let answered = Some((ANSWERED, self.answered.get())).filter(|(_, n)| *n > 0);
        answered.into_iter().chain(self.others.all()).collect()
    }
}

/// What most calls come to.
const ANSWERED: &str = "answered";

impl PluginMetrics {
    pub(super) fn new(kinds: Arc<Kinds>) -> Self {
        Self {
            durations: array::from_fn(|_| Histogram::new(PLUGIN_BOUNDS)),
            traps: Counter::default(),
            cpu_timeouts: Counter::default(),
            wall_timeouts: Counter::default(),
            saturated: Counter::default(),
            skips: Counter::default(),
            log_dropped: Counter::default(),
            instances: Gauge::default(),
            starts: Counter::default(),
            renewals: Counter::default(),
            waiting: Gauge::default(),
            long_calls: Counter::default(),
            queue: Histogram::new(PLUGIN_BOUNDS),
            ran_ns: AtomicU64::default(),
            memory_bytes_max: AtomicUsize::default(),
            host_calls: array::from_fn(|_| Counter::default()),
            shadow_decisions: ShadowDecisions::default(),
            shadow_differences: Counter::default(),
            calls: Arc::default(),
            own: Own::new(kinds),
        }
    }

    /// Counts a call, however it ended; `duration` is from the right to an instance to the call's end.
    pub fn called(&self, phase: Phase, duration: Duration) {
        if let Some(histogram) = self.durations.get(phase as usize) {
            histogram.observe_duration(duration);
        }
    }

    /// Adds time for which it ran.
    pub fn ran(&self, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.ran_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// For how long it ran.
    pub fn cpu(&self) -> Duration {
        Duration::from_nanos(self.ran_ns.load(Ordering::Relaxed))
    }

    /// Notes how much memory an instance uses, in bytes.
    pub fn uses(&self, memory_bytes: usize) {
        // Nearly always only read, which workers can do at the same time.
        if memory_bytes > self.memory_bytes_max.load(Ordering::Relaxed) {
            self.memory_bytes_max.fetch_max(memory_bytes, Ordering::Relaxed);
        }
    }

    /// The most that one instance has used, in bytes.
    pub fn memory_bytes_max(&self) -> usize {
        self.memory_bytes_max.load(Ordering::Relaxed)
    }

    /// Counts what a plugin has called.
    pub fn called_host(&self, calls: &HostCalls) {
        for (interface, calls) in calls.iter() {
            if let Some(counter) = self.host_calls.get(interface as usize) {
                counter.inc_by(calls);
            }
        }
    }

    /// Counts what a plugin without effect decided.
    pub fn shadow_decided(&self, decision: ShadowDecision) {
        self.shadow_decisions.count(decision);
    }

    /// `metrics.add`: adds to a counter of the plugin's own.
    ///
    /// # Errors
    /// As in the contract; nothing has been counted then.
    pub fn add<N: AsRef<str>, V: AsRef<str>>(
        &self,
        name: &str,
        labels: &[(N, V)],
        amount: f64,
    ) -> Result<(), MetricError> {
        self.own.add(name, labels, amount)
    }

    /// `metrics.observe`: adds a sample to a histogram of the plugin's own.
    ///
    /// # Errors
    /// As in the contract; nothing has been counted then.
    pub fn observe<N: AsRef<str>, V: AsRef<str>>(
        &self,
        name: &str,
        labels: &[(N, V)],
        value: f64,
    ) -> Result<(), MetricError> {
        self.own.observe(name, labels, value)
    }

    /// The interfaces that were called, and how often.
    pub fn host_calls(&self) -> impl Iterator<Item = (Interface, u64)> {
        let all = Interface::ALL.into_iter().zip(&self.host_calls);
        all.map(|(interface, calls)| (interface, calls.get())).filter(|(_, calls)| *calls > 0)
    }

    /// The phases that were called, and what the calls took.
    pub fn phases(&self) -> impl Iterator<Item = (&'static str, &Histogram)> {
        Phase::ALL
            .iter()
            .map(|phase| phase.label())
            .zip(&self.durations)
            .filter(|(_, histogram)| histogram.count() > 0)
    }
}

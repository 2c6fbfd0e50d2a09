//! What a plugin has done, and the metrics it keeps itself.

use std::array;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::histogram::{Histogram, PLUGIN_BOUNDS};
use super::interface::{HostCalls, Interface};
use super::own::{Kinds, MetricError, Own};

/// When a plugin is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// `on-request`.
    Request,
    /// `on-response`.
    Response,
    /// `on-complete`.
    Log,
    /// `handle`.
    Handler,
}

impl Phase {
    const ALL: [Self; 4] = [Self::Request, Self::Response, Self::Log, Self::Handler];

    const fn label(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Log => "log",
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
    /// Calls that used up their running time or their time from start to end.
    pub timeouts: Counter,
    /// Exchanges that went on without the plugin, by `on_error = "skip"`.
    pub skips: Counter,
    /// Log messages dropped because there were too many.
    pub log_dropped: Counter,
    /// Instances alive.
    pub instances: Gauge,
    /// Exchanges waiting for an instance.
    pub waiting: Gauge,
    /// By interface.
    host_calls: [Counter; Interface::ALL.len()],
    pub(super) own: Own,
}

impl PluginMetrics {
    pub(super) fn new(kinds: Arc<Kinds>) -> Self {
        Self {
            durations: array::from_fn(|_| Histogram::new(PLUGIN_BOUNDS)),
            traps: Counter::default(),
            timeouts: Counter::default(),
            skips: Counter::default(),
            log_dropped: Counter::default(),
            instances: Gauge::default(),
            waiting: Gauge::default(),
            host_calls: array::from_fn(|_| Counter::default()),
            own: Own::new(kinds),
        }
    }

    /// Counts a call, however it ended; `duration` is from the instance lent to the call's end.
    pub fn called(&self, phase: Phase, duration: Duration) {
        if let Some(histogram) = self.durations.get(phase as usize) {
            histogram.observe_duration(duration);
        }
    }

    /// Counts what a plugin has called.
    pub fn called_host(&self, calls: &HostCalls) {
        for (interface, calls) in calls.iter() {
            if let Some(counter) = self.host_calls.get(interface as usize) {
                counter.inc_by(calls);
            }
        }
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
    pub(super) fn host_calls(&self) -> impl Iterator<Item = (Interface, u64)> {
        let all = Interface::ALL.into_iter().zip(&self.host_calls);
        all.map(|(interface, calls)| (interface, calls.get())).filter(|(_, calls)| *calls > 0)
    }

    /// The phases that were called.
    pub(super) fn phases(&self) -> impl Iterator<Item = (&'static str, &Histogram)> {
        Phase::ALL
            .iter()
            .map(|phase| phase.label())
            .zip(&self.durations)
            .filter(|(_, histogram)| histogram.count() > 0)
    }
}

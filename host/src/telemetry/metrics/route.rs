//! What a route has seen.

use std::array;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::compression::CompressionMetrics;
use super::histogram::{EXCHANGE_BOUNDS, Histogram};
use super::tokens::Tokens;
use crate::facts::Source;

/// The route label of requests that no route matched.
pub const UNMATCHED: &str = "-";

/// What a route has seen. Handed out once, asked for nothing while requests pass.
#[derive(Debug)]
pub struct RouteMetrics {
    answers: [Answers; Source::ALL.len()],
    duration: Histogram,
    gateway_duration: Histogram,
    failures: Tokens,
    mirrored: [Counter; Mirrored::ALL.len()],
    /// Of its exchanges that left HTTP.
    pub tunnels: TunnelMetrics,
    /// Of its responses that were compressed.
    pub compression: CompressionMetrics,
}

/// What became of a request that was to be copied for another upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mirrored {
    /// The other upstream has answered the copy.
    Answered,
    /// It has not.
    Failed,
    /// The body is longer than `mirror.body`, so there was no copy.
    TooLarge,
    /// As many copies as `mirror.concurrency` were under way.
    Saturated,
    /// The body did not pass to its end.
    Cut,
}

impl Mirrored {
    const ALL: [Self; 5] =
        [Self::Answered, Self::Failed, Self::TooLarge, Self::Saturated, Self::Cut];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::TooLarge => "too_large",
            Self::Saturated => "saturated",
            Self::Cut => "cut",
        }
    }
}

/// Connections that speak another protocol than HTTP.
#[derive(Debug, Default)]
pub struct TunnelMetrics {
    /// Open now.
    pub open: Gauge,
    /// So far.
    pub opened: Counter,
    /// From clients to upstreams.
    pub to_upstream_bytes: Counter,
    /// From upstreams to clients.
    pub to_client_bytes: Counter,
}

impl Default for RouteMetrics {
    fn default() -> Self {
        Self {
            answers: array::from_fn(|_| Answers::default()),
            duration: Histogram::new(EXCHANGE_BOUNDS),
            gateway_duration: Histogram::new(EXCHANGE_BOUNDS),
            failures: Tokens::default(),
            mirrored: array::from_fn(|_| Counter::default()),
            tunnels: TunnelMetrics::default(),
            compression: CompressionMetrics::default(),
        }
    }
}

impl RouteMetrics {
    /// Counts an exchange that is over: the status it ended with, from the request's head read to
    /// the last byte of the response, and how much of that was spent waiting for upstreams.
    pub fn exchange(&self, status: u16, source: Source, duration: Duration, upstream: Duration) {
        if let Some(answers) = self.answers.get(source as usize) {
            answers.count(status);
        }
        self.duration.observe_duration(duration);
        self.gateway_duration.observe_duration(duration.saturating_sub(upstream));
    }

    /// Counts a failure by its token (`Failure::token`).
    pub fn failure(&self, error: &'static str) {
        self.failures.count(error);
    }

    /// Counts a request that was to be copied for another upstream.
    pub fn mirrored(&self, outcome: Mirrored) {
        if let Some(counter) = self.mirrored.get(outcome as usize) {
            counter.inc();
        }
    }

    /// Each outcome that there was, and its number.
    pub(super) fn mirrors(&self) -> Vec<(&'static str, u64)> {
        let all = Mirrored::ALL.iter().zip(&self.mirrored);
        let all = all.map(|(outcome, counter)| (outcome.as_str(), counter.get()));
        all.filter(|(_, n)| *n > 0).collect()
    }

    pub(super) fn duration(&self) -> &Histogram {
        &self.duration
    }

    pub(super) fn gateway_duration(&self) -> &Histogram {
        &self.gateway_duration
    }

    pub(super) fn failures(&self) -> Vec<(&'static str, u64)> {
        self.failures.all()
    }

    /// Status, source and number of all answers there were.
    pub(super) fn requests(&self) -> Vec<(String, &'static str, u64)> {
        let of_source = |(answers, source): (&Answers, Source)| {
            answers.all().into_iter().map(move |(status, n)| (status, source.as_str(), n))
        };
        self.answers.iter().zip(Source::ALL).flat_map(of_source).collect()
    }
}

/// Answers by status, from 100 to 599.
///
/// The hundred counters of a class are made when its first answer comes, 800 bytes: most routes
/// have seen two or three classes from each source at most.
#[derive(Debug, Default)]
struct Answers {
    classes: [OnceLock<Box<[AtomicU64; 100]>>; 5],
    /// From 600 to 999, which RFC 9110 section 15 does not define.
    others: AtomicU64,
}

impl Answers {
    fn count(&self, status: u16) {
        let (class, within) = (usize::from(status / 100), usize::from(status % 100));
        let counters = class.checked_sub(1).and_then(|class| self.classes.get(class));
        let counter = counters
            .map(|counters| {
                counters.get_or_init(|| Box::new(array::from_fn(|_| AtomicU64::default())))
            })
            .and_then(|counters| counters.get(within));
        counter.unwrap_or(&self.others).fetch_add(1, Ordering::Relaxed);
    }

    fn all(&self) -> Vec<(String, u64)> {
        let mut all = Vec::new();
        for (class, counters) in (1..).zip(&self.classes) {
            for (within, counter) in
                counters.get().into_iter().flat_map(|all| all.iter()).enumerate()
            {
                let n = counter.load(Ordering::Relaxed);
                if n > 0 {
                    all.push(((class * 100 + within).to_string(), n));
                }
            }
        }
        let others = self.others.load(Ordering::Relaxed);
        if others > 0 {
            all.push(("other".to_owned(), others));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_status_and_source() {
        let route = RouteMetrics::default();
        let ms = Duration::from_millis;
        for (status, source) in [
            (200, Source::Upstream),
            (200, Source::Upstream),
            (429, Source::Plugin),
            (599, Source::Gateway),
            (100, Source::Gateway),
            (600, Source::Upstream),
            (99, Source::Upstream),
        ] {
            route.exchange(status, source, ms(30), ms(20));
        }
        let expected = [
            ("200", "upstream", 2),
            ("other", "upstream", 2),
            ("429", "plugin", 1),
            ("100", "gateway", 1),
            ("599", "gateway", 1),
        ];
        let requests = route.requests();
        let requests: Vec<_> =
            requests.iter().map(|(s, from, n)| (s.as_str(), *from, *n)).collect();
        assert_eq!(requests, expected);
        assert!((route.duration().sum() - 0.21).abs() < 1e-9);
        assert!((route.gateway_duration().sum() - 0.07).abs() < 1e-9);
    }
}

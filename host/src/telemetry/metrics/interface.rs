//! The interfaces by which a plugin's host calls are counted.

/// An interface of the contract that plugins call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interface {
    /// `answer-stream`.
    AnswerStream,
    /// `body`.
    Body,
    /// `cache`.
    Cache,
    /// `clock`.
    Clock,
    /// `consumers`.
    Consumers,
    /// `counter`.
    Counter,
    /// `crypto`.
    Crypto,
    /// `exchange`.
    Exchange,
    /// `http-client`.
    HttpClient,
    /// `kv`.
    Kv,
    /// `log`.
    Log,
    /// `metrics`.
    Metrics,
    /// `output`.
    Output,
    /// `request`.
    Request,
    /// `response`.
    Response,
    /// `secret`.
    Secret,
    /// All of WASI, which the toolchains of some languages call.
    Wasi,
}

impl Interface {
    /// All of them, in their order as numbers.
    pub const ALL: [Self; 17] = [
        Self::AnswerStream,
        Self::Body,
        Self::Cache,
        Self::Clock,
        Self::Consumers,
        Self::Counter,
        Self::Crypto,
        Self::Exchange,
        Self::HttpClient,
        Self::Kv,
        Self::Log,
        Self::Metrics,
        Self::Output,
        Self::Request,
        Self::Response,
        Self::Secret,
        Self::Wasi,
    ];

    /// As in `wit/`, in traces, and the metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AnswerStream => "answer-stream",
            Self::Body => "body",
            Self::Cache => "cache",
            Self::Clock => "clock",
            Self::Consumers => "consumers",
            Self::Counter => "counter",
            Self::Crypto => "crypto",
            Self::Exchange => "exchange",
            Self::HttpClient => "http-client",
            Self::Kv => "kv",
            Self::Log => "log",
            Self::Metrics => "metrics",
            Self::Output => "output",
            Self::Request => "request",
            Self::Response => "response",
            Self::Secret => "secret",
            Self::Wasi => "wasi",
        }
    }
}

/// Host calls by interface, as one instance counts them: plain numbers that are added to the
/// plugin's metrics once a call of a phase is over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostCalls([u32; Interface::ALL.len()]);

impl HostCalls {
    /// Counts one.
    #[inline]
    pub fn count(&mut self, interface: Interface) {
        // In order as numbers, so it is always there.
        if let Some(calls) = self.0.get_mut(interface as usize) {
            *calls = calls.saturating_add(1);
        }
    }

    /// How many there were of all interfaces.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().map(|calls| u64::from(*calls)).sum()
    }

    /// Those interfaces that were called, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (Interface, u64)> {
        let all = Interface::ALL.into_iter().zip(self.0);
        all.filter(|(_, calls)| *calls > 0).map(|(interface, calls)| (interface, calls.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_listed_in_their_order_as_numbers() {
        for (number, interface) in Interface::ALL.into_iter().enumerate() {
            assert_eq!(interface as usize, number, "{interface:?}");
        }
    }

    #[test]
    fn calls_are_counted_by_interface() {
        let mut calls = HostCalls::default();
        for interface in [Interface::Kv, Interface::Wasi, Interface::Kv] {
            calls.count(interface);
        }
        assert_eq!(calls.iter().collect::<Vec<_>>(), [(Interface::Kv, 2), (Interface::Wasi, 1)]);
        assert_eq!(calls.sum(), 3);
    }
}

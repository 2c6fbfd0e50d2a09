//! What the operator sees: logs on standard error, metrics at `/metrics`.

pub mod logging;
pub mod metrics;

pub use metrics::Metrics;

/// The target of the log's spans, one for each exchange and each call of a phase.
pub const SPANS: &str = "tidegate::span";

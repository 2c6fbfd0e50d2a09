//! What the operator sees: logs on standard error, metrics at `/metrics`.

pub mod logging;
pub mod metrics;

pub use metrics::Metrics;

//! The plugin's own metrics, shown at `/metrics` of the admin listener. Needs the grant `metrics`.
//!
//! Names of metrics and labels are `[a-z][a-z0-9_]*` with at most 64 bytes, values of labels have
//! at most 128 bytes, and a plugin has at most 100 series.

use crate::host::metrics as host;

pub use crate::bindings::plugin::tidegate::plugin::metrics::MetricError;

/// Adds 1 to a counter, which begins at zero. Shown as `tidegate_plugin_<name>_total`.
///
/// # Errors
/// See [`MetricError`].
pub fn count(name: &str, labels: &[(&str, &str)]) -> Result<(), MetricError> {
    add(name, labels, 1.0)
}

/// Adds to a counter. Shown as `tidegate_plugin_<name>_total`.
///
/// # Errors
/// See [`MetricError`].
pub fn add(name: &str, labels: &[(&str, &str)], amount: f64) -> Result<(), MetricError> {
    host::add(name, &owned(labels), amount)
}

/// Adds a sample to a histogram with buckets from 0.0001 to 100, for seconds.
/// Shown as `tidegate_plugin_<name>`.
///
/// # Errors
/// See [`MetricError`].
pub fn observe(name: &str, labels: &[(&str, &str)], value: f64) -> Result<(), MetricError> {
    host::observe(name, &owned(labels), value)
}

fn owned(labels: &[(&str, &str)]) -> Vec<(String, String)> {
    labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

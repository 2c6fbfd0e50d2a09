//! Metrics, kept for the test.

use std::collections::BTreeMap;

use super::{phase, state};
use crate::metrics::MetricError;

/// Series of one plugin.
const SERIES_MAX: usize = 100;
const NAME_BYTES_MAX: usize = 64;
const LABEL_BYTES_MAX: usize = 128;

type Labels = Vec<(String, String)>;

#[derive(Default)]
pub(super) struct Registry {
    counters: BTreeMap<(String, Labels), f64>,
    histograms: BTreeMap<(String, Labels), Vec<f64>>,
}

/// The value of a counter; 0 if nothing was added.
#[must_use]
pub fn counter(name: &str, labels: &[(&str, &str)]) -> f64 {
    state::with(|state| {
        state.metrics.counters.get(&series(name, labels)).copied().unwrap_or_default()
    })
}

/// The samples of a histogram, in order.
#[must_use]
pub fn samples(name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
    state::with(|state| {
        state.metrics.histograms.get(&series(name, labels)).cloned().unwrap_or_default()
    })
}

fn series(name: &str, labels: &[(&str, &str)]) -> (String, Labels) {
    let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    (name.to_owned(), labels.iter().map(owned).collect())
}

pub(crate) fn add(name: &str, labels: &[(String, String)], amount: f64) -> Result<(), MetricError> {
    phase::not_in_configure("metrics.add");
    state::with(|state| {
        let Registry { counters, histograms } = &mut state.metrics;
        let others = histograms.keys().map(|(other, _)| other);
        check(name, labels, amount, others)?;
        let key = (name.to_owned(), labels.to_vec());
        if !counters.contains_key(&key) && counters.len() + histograms.len() >= SERIES_MAX {
            return Err(MetricError::TooManySeries);
        }
        *counters.entry(key).or_default() += amount;
        Ok(())
    })
}

pub(crate) fn observe(
    name: &str,
    labels: &[(String, String)],
    value: f64,
) -> Result<(), MetricError> {
    phase::not_in_configure("metrics.observe");
    state::with(|state| {
        let Registry { counters, histograms } = &mut state.metrics;
        let others = counters.keys().map(|(other, _)| other);
        check(name, labels, value, others)?;
        let key = (name.to_owned(), labels.to_vec());
        if !histograms.contains_key(&key) && counters.len() + histograms.len() >= SERIES_MAX {
            return Err(MetricError::TooManySeries);
        }
        histograms.entry(key).or_default().push(value);
        Ok(())
    })
}

fn check<'a>(
    name: &str,
    labels: &[(String, String)],
    value: f64,
    mut others: impl Iterator<Item = &'a String>,
) -> Result<(), MetricError> {
    let names = labels.iter().map(|(name, _)| name.as_str()).chain([name]);
    if !names.into_iter().all(is_name) {
        return Err(MetricError::InvalidName);
    }
    if labels.iter().any(|(_, value)| value.len() > LABEL_BYTES_MAX)
        || !value.is_finite()
        || value < 0.0
    {
        return Err(MetricError::InvalidValue);
    }
    match others.any(|other| other == name) {
        true => Err(MetricError::KindMismatch),
        false => Ok(()),
    }
}

/// `[a-z][a-z0-9_]*`.
fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

#[cfg(test)]
mod tests {
    use crate::fake::{metrics as recorded, reset};
    use crate::metrics::{MetricError, add, count, observe};

    #[test]
    fn a_counter_adds_up_for_each_set_of_labels() {
        reset();
        count("hits", &[("kind", "a")]).unwrap();
        add("hits", &[("kind", "a")], 2.5).unwrap();
        count("hits", &[("kind", "b")]).unwrap();
        assert_eq!(recorded::counter("hits", &[("kind", "a")]).to_string(), "3.5");
        assert_eq!(recorded::counter("hits", &[]).to_string(), "0");
    }

    #[test]
    fn a_sample_that_the_gateway_would_refuse_is_refused() {
        reset();
        observe("time", &[], 0.25).unwrap();
        assert_eq!(recorded::samples("time", &[]), [0.25]);
        assert_eq!(count("time", &[]), Err(MetricError::KindMismatch));
        assert_eq!(count("Hits", &[]), Err(MetricError::InvalidName));
        assert_eq!(count("hits", &[("9", "a")]), Err(MetricError::InvalidName));
        assert_eq!(add("hits", &[], -1.0), Err(MetricError::InvalidValue));
        assert_eq!(add("hits", &[], f64::NAN), Err(MetricError::InvalidValue));
        for n in 0..99 {
            count("hits", &[("n", &n.to_string())]).unwrap();
        }
        assert_eq!(count("hits", &[("n", "99")]), Err(MetricError::TooManySeries));
        count("hits", &[("n", "98")]).unwrap();
    }
}

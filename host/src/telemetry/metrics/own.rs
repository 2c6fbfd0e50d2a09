//! The metrics that a plugin keeps itself.
//!
//! A sample costs a binary search in a list that is read without a lock and replaced when a series
//! is added, of which there are at most [`SERIES_MAX`].

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use super::histogram::{AtomicF64, Histogram, OWN_BOUNDS};

/// Series of one plugin; a histogram is one.
pub const SERIES_MAX: usize = 100;

/// Labels of one series.
pub const LABELS_MAX: usize = 16;

/// Bytes of a metric's and a label's name.
const NAME_BYTES_MAX: usize = 64;

/// Bytes of a label's value.
const VALUE_BYTES_MAX: usize = 128;

/// The gateway's own names behind `tidegate_plugin_`, which a plugin must not use.
const TAKEN: [&str; 17] = [
    "calls",
    "cpu_seconds",
    "duration_seconds",
    "host_calls",
    "instances",
    "long_calls",
    "memory_bytes_max",
    "queue_seconds",
    "renewals",
    "saturated",
    "shadow_decisions",
    "shadow_differences",
    "skips",
    "starts",
    "timeouts",
    "traps",
    "waiting",
];

/// Labels that every series of a plugin has, or of a canary, or every histogram.
const TAKEN_LABELS: [&str; 3] = ["plugin", "version", "le"];

/// Why a sample was not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricError {
    /// A name is not `[a-z][a-z0-9_]*` or longer than 64 bytes, or a label is there twice, is
    /// called `plugin` or `le`, or is one of more than [`LABELS_MAX`].
    InvalidName,
    /// The name is already used for the other kind, by any plugin, or by the gateway.
    KindMismatch,
    /// The plugin has [`SERIES_MAX`] series already.
    TooManySeries,
    /// Negative or not finite, or a label's value over 128 bytes.
    InvalidValue,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Histogram,
}

/// The names in use by all plugins: one name has one kind in the whole text, or it could not be
/// read.
#[derive(Debug, Default)]
pub(super) struct Kinds(Mutex<BTreeMap<Box<str>, Kind>>);

impl Kinds {
    fn claim(&self, name: &str, kind: Kind) -> Result<(), MetricError> {
        if TAKEN.contains(&name) {
            return Err(MetricError::KindMismatch);
        }
        match *self.lock().entry(name.into()).or_insert(kind) {
            known if known == kind => Ok(()),
            _other => Err(MetricError::KindMismatch),
        }
    }

    /// Frees the names that nobody uses any more.
    pub(super) fn retain(&self, is_used: impl Fn(&str) -> bool) {
        self.lock().retain(|name, _| is_used(name));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Box<str>, Kind>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One line of a counter, or all lines of a histogram.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) name: Box<str>,
    /// Sorted by name.
    pub(super) labels: Vec<(Box<str>, Box<str>)>,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    Counter(AtomicF64),
    Histogram(Histogram),
}

impl Series {
    fn new(name: &str, labels: &[(&str, &str)], kind: Kind) -> Self {
        Self {
            name: name.into(),
            labels: labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            value: match kind {
                Kind::Counter => Value::Counter(AtomicF64::default()),
                Kind::Histogram => Value::Histogram(Histogram::new(OWN_BOUNDS)),
            },
        }
    }

    fn cmp(&self, name: &str, labels: &[(&str, &str)]) -> Ordering {
        let mine = self.labels.iter().map(|(name, value)| (&**name, &**value));
        (*self.name).cmp(name).then_with(|| mine.cmp(labels.iter().copied()))
    }

    fn record(&self, kind: Kind, amount: f64) -> Result<(), MetricError> {
        match (&self.value, kind) {
            (Value::Counter(sum), Kind::Counter) => sum.add(amount),
            (Value::Histogram(histogram), Kind::Histogram) => histogram.observe(amount),
            _ => return Err(MetricError::KindMismatch),
        }
        Ok(())
    }
}

/// The metrics that a plugin keeps itself.
#[derive(Debug)]
pub(super) struct Own {
    kinds: Arc<Kinds>,
    /// Sorted by name, then labels.
    series: ArcSwap<Vec<Arc<Series>>>,
    /// Held by whoever replaces the list.
    adding: Mutex<()>,
}

impl Own {
    pub(super) fn new(kinds: Arc<Kinds>) -> Self {
        Self { kinds, series: ArcSwap::default(), adding: Mutex::new(()) }
    }

    pub(super) fn add<N: AsRef<str>, V: AsRef<str>>(
        &self,
        name: &str,
        labels: &[(N, V)],
        amount: f64,
    ) -> Result<(), MetricError> {
        self.record(name, labels, Kind::Counter, amount)
    }

    pub(super) fn observe<N: AsRef<str>, V: AsRef<str>>(
        &self,
        name: &str,
        labels: &[(N, V)],
        value: f64,
    ) -> Result<(), MetricError> {
        self.record(name, labels, Kind::Histogram, value)
    }

    /// Sorted by name, then labels.
    pub(super) fn all(&self) -> Arc<Vec<Arc<Series>>> {
        self.series.load_full()
    }

    fn record<N: AsRef<str>, V: AsRef<str>>(
        &self,
        name: &str,
        labels: &[(N, V)],
        kind: Kind,
        amount: f64,
    ) -> Result<(), MetricError> {
        if !amount.is_finite() || amount < 0.0 {
            return Err(MetricError::InvalidValue);
        }
        if labels.len() > LABELS_MAX {
            return Err(MetricError::InvalidName);
        }
        let mut labels: Vec<_> =
            labels.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
        labels.sort_unstable();
        {
            let series = self.series.load();
            if let Some(known) = find(&series, name, &labels) {
                return known.record(kind, amount);
            }
        }
        self.make(name, &labels, kind)?.record(kind, amount)
    }

    fn make(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        kind: Kind,
    ) -> Result<Arc<Series>, MetricError> {
        check(name, labels)?;
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let series = self.series.load_full();
        if let Some(known) = find(&series, name, labels) {
            return Ok(Arc::clone(known));
        }
        if series.len() >= SERIES_MAX {
            // A name of the other kind is that, however many series there are.
            return match series.iter().find(|known| *known.name == *name) {
                Some(known) if known.kind() != kind => Err(MetricError::KindMismatch),
                _ => Err(MetricError::TooManySeries),
            };
        }
        self.kinds.claim(name, kind)?;
        let made = Arc::new(Series::new(name, labels, kind));
        let place = series.partition_point(|known| known.cmp(name, labels) == Ordering::Less);
        let mut longer = Vec::clone(&series);
        longer.insert(place, Arc::clone(&made));
        self.series.store(Arc::new(longer));
        Ok(made)
    }
}

impl Series {
    pub(super) fn kind(&self) -> Kind {
        match self.value {
            Value::Counter(_) => Kind::Counter,
            Value::Histogram(_) => Kind::Histogram,
        }
    }
}

fn find<'a>(
    series: &'a [Arc<Series>],
    name: &str,
    labels: &[(&str, &str)],
) -> Option<&'a Arc<Series>> {
    let place = series.binary_search_by(|known| known.cmp(name, labels)).ok()?;
    series.get(place)
}

fn check(name: &str, labels: &[(&str, &str)]) -> Result<(), MetricError> {
    let names_are_valid = is_name(name)
        && labels.iter().all(|(name, _)| is_name(name) && !TAKEN_LABELS.contains(name))
        && labels.is_sorted_by(|(before, _), (after, _)| before < after);
    if !names_are_valid {
        return Err(MetricError::InvalidName);
    }
    if labels.iter().any(|(_, value)| value.len() > VALUE_BYTES_MAX) {
        return Err(MetricError::InvalidValue);
    }
    Ok(())
}

/// `[a-z][a-z0-9_]*`, at most 64 bytes.
fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const NONE: [(&str, &str); 0] = [];

    fn own() -> Own {
        Own::new(Arc::default())
    }

    fn sum(own: &Own, place: usize) -> f64 {
        match &own.all()[place].value {
            Value::Counter(sum) => sum.get(),
            Value::Histogram(histogram) => histogram.sum(),
        }
    }

    #[test]
    fn a_counter_begins_at_zero_and_adds_up() {
        let own = own();
        own.add("hits", &NONE, 0.0).expect("valid");
        assert_eq!(sum(&own, 0).to_bits(), 0);
        own.add("hits", &NONE, 1.5).expect("valid");
        own.add("hits", &NONE, 2.0).expect("valid");
        assert!((sum(&own, 0) - 3.5).abs() < 1e-9);
    }

    #[test]
    fn the_order_of_labels_makes_no_difference() {
        let own = own();
        own.add("hits", &[("a", "1"), ("b", "2")], 1.0).expect("valid");
        own.add("hits", &[("b", "2"), ("a", "1")], 1.0).expect("valid");
        own.add("hits", &[("b", "1"), ("a", "2")], 1.0).expect("valid");
        own.add("hits", &[("a", "1")], 1.0).expect("valid");
        assert_eq!(own.all().len(), 3);
    }

    #[test]
    fn names_are_lower_case_words_of_at_most_64_bytes() {
        let own = own();
        let longest = "a".repeat(64);
        for name in ["a", "a_1", longest.as_str()] {
            assert_eq!(own.add(name, &NONE, 1.0), Ok(()), "{name}");
            assert_eq!(own.add("labelled", &[(name, "")], 1.0), Ok(()), "{name}");
        }
        let too_long = "a".repeat(65);
        for name in ["", "A", "1a", "_a", "a-b", "ä", too_long.as_str()] {
            assert_eq!(own.add(name, &NONE, 1.0), Err(MetricError::InvalidName), "{name}");
            let outcome = own.observe("labelled_too", &[(name, "")], 1.0);
            assert_eq!(outcome, Err(MetricError::InvalidName), "{name}");
        }
    }

    #[test]
    fn labels_are_there_once_and_are_not_the_gateways() {
        let own = own();
        for labels in [[("a", "1"), ("a", "1")], [("a", "1"), ("a", "2")]] {
            assert_eq!(own.add("hits", &labels, 1.0), Err(MetricError::InvalidName));
        }
        for name in ["plugin", "version", "le"] {
            assert_eq!(own.add("hits", &[(name, "x")], 1.0), Err(MetricError::InvalidName));
        }
        let many: Vec<_> = (0..17).map(|i| (format!("l{i}"), "")).collect();
        assert_eq!(own.add("hits", &many, 1.0), Err(MetricError::InvalidName));
        assert_eq!(own.add("hits", &many[..16], 1.0), Ok(()));
    }

    #[test]
    fn values_are_finite_and_not_negative() {
        let own = own();
        for value in [-1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(own.add("hits", &NONE, value), Err(MetricError::InvalidValue));
            assert_eq!(own.observe("sizes", &NONE, value), Err(MetricError::InvalidValue));
        }
        let (long, too_long) = ("x".repeat(128), "x".repeat(129));
        assert_eq!(own.add("hits", &[("a", long)], 1.0), Ok(()));
        assert_eq!(own.add("hits", &[("a", too_long)], 1.0), Err(MetricError::InvalidValue));
    }

    #[test]
    fn a_name_has_one_kind_among_all_plugins() {
        let kinds: Arc<Kinds> = Arc::default();
        let (one, other) = (Own::new(Arc::clone(&kinds)), Own::new(Arc::clone(&kinds)));
        one.add("hits", &NONE, 1.0).expect("valid");
        assert_eq!(one.observe("hits", &NONE, 1.0), Err(MetricError::KindMismatch));
        assert_eq!(one.observe("hits", &[("a", "1")], 1.0), Err(MetricError::KindMismatch));
        assert_eq!(other.observe("hits", &NONE, 1.0), Err(MetricError::KindMismatch));
        assert_eq!(other.add("hits", &NONE, 1.0), Ok(()));
        kinds.retain(|_| false);
        assert_eq!(Own::new(kinds).observe("hits", &NONE, 1.0), Ok(()));
    }

    #[test]
    fn the_gateways_own_names_are_taken() {
        for name in TAKEN {
            assert_eq!(own().add(name, &NONE, 1.0), Err(MetricError::KindMismatch));
        }
    }

    #[test]
    fn a_plugin_has_a_hundred_series_and_not_one_more() {
        let own = own();
        for i in 0..100 {
            own.add("hits", &[("i", i.to_string())], 1.0).expect("room");
        }
        assert_eq!(own.add("hits", &[("i", "100")], 1.0), Err(MetricError::TooManySeries));
        assert_eq!(own.observe("sizes", &NONE, 1.0), Err(MetricError::TooManySeries));
        assert_eq!(own.observe("hits", &NONE, 1.0), Err(MetricError::KindMismatch));
        assert_eq!(own.add("hits", &[("i", "99")], 1.0), Ok(()));
    }

    #[test]
    fn no_sample_is_lost_while_series_are_added() {
        let own = own();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for i in 0..5000_u32 {
                        own.add("hits", &[("i", (i % 50).to_string())], 1.0).expect("room");
                    }
                });
            }
        });
        let total: f64 = (0..50).map(|place| sum(&own, place)).sum();
        assert!((total - 40_000.0).abs() < 1e-6);
    }

    #[test]
    #[ignore = "a measurement: cargo test --release -- --ignored --nocapture a_sample_costs"]
    fn a_sample_costs_so_many_nanoseconds() {
        let own = own();
        for i in 0..99 {
            own.add("hits", &[("i", i.to_string())], 1.0).expect("room");
        }
        let start = crate::clock::now();
        for _ in 0..1_000_000 {
            own.add("hits", &[("i", "42")], 1.0).expect("known");
        }
        println!("{} ns a sample among 99 series", start.elapsed().as_nanos() / 1_000_000);
    }
}

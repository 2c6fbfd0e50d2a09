//! One figure with its spread.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Time, kept in nanoseconds.
    Time,
}

/// The median of many, and between which values eight of ten are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    unit: Unit,
    median: u64,
    low: u64,
    high: u64,
    count: usize,
}

impl Figure {
    /// A figure that has no spread.
    #[must_use]
    pub const fn exact(unit: Unit, value: u64) -> Self {
        Self { unit, median: value, low: value, high: value, count: 1 }
    }

    /// The figure of these times, of which there is at least one.
    #[must_use]
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |tenths: usize| {
            let index = times.len().saturating_sub(1) * tenths / 10;
            let time = times.get(index).copied().unwrap_or_default();
            u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
        };
        Self { unit: Unit::Time, median: at(5), low: at(1), high: at(9), count: times.len() }
    }

    /// By how much this is larger than `other`; absent if that is zero.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "two decimals of the ratio are shown")]
    pub fn ratio(&self, other: &Self) -> Option<f64> {
        (other.median > 0).then(|| self.median as f64 / other.median as f64)
    }

    /// For programs: times in microseconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a bench are far below 2^53")]
    pub fn json(&self) -> Value {
        match self.unit {
            Unit::Bytes => json!({ "bytes": self.median }),
            Unit::Time => json!({
                "median_us": self.median as f64 / 1000.0,
                "p10_us": self.low as f64 / 1000.0,
                "p90_us": self.high as f64 / 1000.0,
                "samples": self.count,
            }),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            Unit::Bytes if self.median < 1024 => write!(f, "{:>10} B", self.median),
            Unit::Bytes => {
                let tenths = self.median.saturating_mul(10) / 1024;
                write!(f, "{:>10} KiB", format!("{}.{}", tenths / 10, tenths % 10))
            }
            Unit::Time => {
                let (name, scale) = unit(self.median);
                write!(f, "{:>10} {name}", scaled(self.median, scale))?;
                if self.low < self.high {
                    write!(f, "  ({} to {})", scaled(self.low, scale), scaled(self.high, scale))?;
                }
                Ok(())
            }
        }
    }
}

/// The unit for times like this, and how many nanoseconds it has.
const fn unit(nanos: u64) -> (&'static str, u64) {
    if nanos < 10_000_000 { ("µs", 1000) } else { ("ms", 1_000_000) }
}

/// With two decimals.
fn scaled(nanos: u64, scale: u64) -> String {
    format!("{}.{:02}", nanos / scale, nanos % scale * 100 / scale)
}

//! Durations as text.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A number with a unit, or several: `30s`, `1m 30s`. Units are ms, s, m, h and d.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Duration {
    ms: u64,
}

/// As long as any duration may be: 36 500 days, in milliseconds.
const DURATION_MS_MAX: u64 = 36_500 * 86_400_000;

impl Duration {
    /// In seconds, exactly: the longest has 42 bits.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    pub(crate) const fn seconds(self) -> f64 {
        self.ms as f64 / 1000.0
    }

    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a duration such as `30s`, `5m` or `1h 30m`");
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(wrong());
        }
        let mut ms = 0_u64;
        while !rest.is_empty() {
            let (number, tail) = split_after(rest, |char| char.is_ascii_digit());
            let (unit, tail) = split_after(tail, |char| char.is_ascii_alphabetic());
            let number: u64 = number.parse().ok().ok_or_else(wrong)?;
            let part = number.saturating_mul(unit_ms(unit).ok_or_else(wrong)?);
            ms = ms.saturating_add(part);
            rest = tail.trim_start();
        }
        if ms > DURATION_MS_MAX {
            return Err(format!("`{text}` is longer than 36500d"));
        }
        Ok(Self { ms })
    }
}

fn unit_ms(unit: &str) -> Option<u64> {
    match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    }
}

fn split_after(text: &str, takes: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|char| !takes(char)).unwrap_or(text.len());
    text.split_at(end)
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A number with a unit (ms, s, m, h, d), or several of them.",
            "pattern": "^\\s*([0-9]+(ms|s|m|h|d)\\s*)+$",
            "examples": ["30s", "1h 30m"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_sum_of_numbers_with_units() {
        for (text, ms) in [
            ("0s", 0),
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            (" 7d ", 604_800_000),
        ] {
            assert_eq!(Duration::parse(text), Ok(Duration { ms }), "{text}");
        }
    }

    #[test]
    fn a_number_without_a_unit_is_refused() {
        for text in ["", "30", "s", "-1s", "1.5s", "1w", "1 s", "99999999999999999999s"] {
            assert!(Duration::parse(text).is_err(), "{text}");
        }
        assert_eq!(Duration::parse("36501d"), Err("`36501d` is longer than 36500d".to_owned()));
    }

    #[test]
    fn fractions_of_a_second_are_kept() {
        assert_eq!(Duration::parse("1500ms").map(Duration::seconds), Ok(1.5));
    }
}

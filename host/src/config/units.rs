//! Durations and sizes as text.

use std::time::Duration;

/// What a text that should hold a number with a unit is instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A number alone.
    NoUnit,
    /// Anything else.
    Malformed,
}

const SIZE_UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// `500ms`, `2s`, `1m 30s`.
pub(super) fn duration(text: &str) -> Result<Duration, Fault> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::NoUnit);
    }
    humantime::parse_duration(text).ok().ok_or(Fault::Malformed)
}

/// `16MiB`, `10MB`, `512B`, or a number of bytes. In upper and lower case alike.
pub(super) fn size(text: &str) -> Result<u64, Fault> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok().ok_or(Fault::Malformed)?;
    let unit = unit.trim_start();
    if unit.is_empty() {
        return Ok(number);
    }
    SIZE_UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))
        .and_then(|(_, bytes)| number.checked_mul(*bytes))
        .ok_or(Fault::Malformed)
}

/// With the greatest binary unit that leaves no rest.
pub(super) fn show_size(bytes: u64) -> String {
    SIZE_UNITS
        .iter()
        .filter(|(name, _)| name.contains('i') || *name == "B")
        .find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit))
        .map_or_else(|| format!("{bytes}B"), |(name, unit)| format!("{}{name}", bytes / unit))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Fault, duration, show_size, size};

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        assert_eq!(duration("30"), Err(Fault::NoUnit));
        assert_eq!(duration("0"), Err(Fault::NoUnit));
        assert_eq!(duration(""), Err(Fault::Malformed));
        assert_eq!(duration("soon"), Err(Fault::Malformed));
        assert_eq!(duration("-1s"), Err(Fault::Malformed));
        assert_eq!(duration("99999999999999999999s"), Err(Fault::Malformed));
    }

    #[test]
    fn sizes_have_binary_and_decimal_units() {
        assert_eq!(size("16MiB"), Ok(16 * 1024 * 1024));
        assert_eq!(size("10MB"), Ok(10_000_000));
        assert_eq!(size("10 mb"), Ok(10_000_000));
        assert_eq!(size("512B"), Ok(512));
        assert_eq!(size("512"), Ok(512));
        assert_eq!(size("1GiB"), Ok(1 << 30));
        assert_eq!(size("1.5MiB"), Err(Fault::Malformed));
        assert_eq!(size("MiB"), Err(Fault::Malformed));
        assert_eq!(size("1 apple"), Err(Fault::Malformed));
        assert_eq!(size("99999999999999GiB"), Err(Fault::Malformed));
    }

    #[test]
    fn a_size_is_shown_in_its_greatest_unit() {
        assert_eq!(show_size(0), "0B");
        assert_eq!(show_size(1000), "1000B");
        assert_eq!(show_size(32 * 1024), "32KiB");
        assert_eq!(show_size(64 << 30), "64GiB");
    }
}

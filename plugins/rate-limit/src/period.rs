//! Periods and rates as text.

/// As many milliseconds as a counter may look back: 365 days.
const PERIOD_MS_MAX: u64 = 31_536_000_000;

/// The periods that Kong has headers for and that have a fixed length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calendar {
    Second,
    Minute,
    Hour,
    Day,
}

impl Calendar {
    pub(crate) const ALL: [Self; 4] = [Self::Second, Self::Minute, Self::Hour, Self::Day];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    pub(crate) const fn ms(self) -> u64 {
        match self {
            Self::Second => 1_000,
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }

    /// The period of exactly this length, however it was written.
    pub(crate) fn of_ms(ms: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|calendar| calendar.ms() == ms)
    }
}

/// Reads `minute` or `10s`; in milliseconds.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    if let Some(calendar) = Calendar::ALL.into_iter().find(|calendar| calendar.name() == text) {
        return Ok(calendar.ms());
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(unknown(text)),
    };
    if number.is_empty() {
        return Err(unknown(text));
    }
    // A number too large for 64 bits is too long in every unit.
    let ms = number.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(unit_ms);
    if (1..=PERIOD_MS_MAX).contains(&ms) {
        Ok(ms)
    } else {
        Err(format!("`{text}` is not between 1ms and 365d"))
    }
}

fn unknown(text: &str) -> String {
    let way_out = match text {
        "week" => "; a week is `7d`",
        "month" => "; a month has no fixed length, `30d` has",
        "year" => "; a year has no fixed length, `365d` has",
        _ => "",
    };
    format!(
        "`{text}` is not a period: second, minute, hour, day, or a number with one of the units \
         ms, s, m, h, d{way_out}"
    )
}

/// Reads nginx's `10r/s`; the requests, and the period in milliseconds.
pub(crate) fn parse_rate(text: &str) -> Result<(u32, u64), String> {
    let unknown = || format!("`{text}` is not a rate such as 10r/s or 30r/m");
    let (number, period) = text.split_once("r/").ok_or_else(unknown)?;
    let period_ms = match period {
        "s" => Calendar::Second.ms(),
        "m" => Calendar::Minute.ms(),
        _ => return Err(unknown()),
    };
    let decimal = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    match number.parse::<u32>() {
        Ok(rate) if decimal && rate > 0 => Ok((rate, period_ms)),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, parse_rate};

    #[test]
    fn a_period_is_a_word_or_a_number_with_a_unit() {
        let check = |text: &str, ms: u64| assert_eq!(parse(text), Ok(ms), "{text}");
        check("second", 1_000);
        check("minute", 60_000);
        check("hour", 3_600_000);
        check("day", 86_400_000);
        check("1ms", 1);
        check("10s", 10_000);
        check("5m", 300_000);
        check("12h", 43_200_000);
        check("365d", 31_536_000_000);
    }

    #[test]
    fn other_periods_are_refused_with_the_way_out() {
        for text in ["", "s", "10", "10 s", "-1s", "1.5s", "10S", "fortnight", "+5s"] {
            let message = parse(text).unwrap_err();
            assert!(message.contains("is not a period: second, minute"), "{message}");
        }
        assert!(parse("week").unwrap_err().ends_with("a week is `7d`"));
        assert!(parse("month").unwrap_err().ends_with("`30d` has"));
        for text in ["0s", "366d", "99999999999999999999d"] {
            assert_eq!(parse(text), Err(format!("`{text}` is not between 1ms and 365d")));
        }
    }

    #[test]
    fn a_rate_is_what_nginx_reads() {
        assert_eq!(parse_rate("10r/s"), Ok((10, 1_000)));
        assert_eq!(parse_rate("30r/m"), Ok((30, 60_000)));
        for text in ["10", "10/s", "0r/s", "r/s", "10r/h", "+1r/s", "-1r/s", "1.5r/s", "10 r/s"] {
            assert_eq!(
                parse_rate(text),
                Err(format!("`{text}` is not a rate such as 10r/s or 30r/m"))
            );
        }
    }
}

//! A moment as text, in UTC.

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment taken apart.
struct Moment {
    year: u64,
    /// From 1 to 12.
    month: u64,
    /// From 1 to 31.
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    millisecond: u64,
}

impl Moment {
    fn of_unix_ms(ms: u64) -> Self {
        let (days, of_day) = (ms / 86_400_000, ms % 86_400_000);
        // Eras of 400 years, which have 146 097 days, begin on the first of March of year 0,
        // so that the leap day is the last of its year.
        let days = days + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        Self {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: of_year - (153 * from_march + 2) / 5 + 1,
            hour: of_day / 3_600_000,
            minute: of_day / 60_000 % 60,
            second: of_day / 1_000 % 60,
            millisecond: of_day % 1_000,
        }
    }
}

/// Appends `2026-11-21T03:51:29.042Z` (RFC 3339).
pub(crate) fn rfc3339(line: &mut Vec<u8>, unix_ms: u64) {
    let moment = Moment::of_unix_ms(unix_ms);
    digits(line, moment.year, 4);
    for (separator, number) in [
        (b'-', moment.month),
        (b'-', moment.day),
        (b'T', moment.hour),
        (b':', moment.minute),
        (b':', moment.second),
    ] {
        line.push(separator);
        digits(line, number, 2);
    }
    line.push(b'.');
    digits(line, moment.millisecond, 3);
    line.push(b'Z');
}

/// Appends `21/Nov/2026:03:51:29 +0000`, nginx's `$time_local` of a server in UTC.
pub(crate) fn local(line: &mut Vec<u8>, unix_ms: u64) {
    let moment = Moment::of_unix_ms(unix_ms);
    let name = usize::try_from(moment.month - 1).ok().and_then(|month| MONTHS.get(month));
    digits(line, moment.day, 2);
    line.push(b'/');
    line.extend_from_slice(name.map_or("???", |name| name).as_bytes());
    line.push(b'/');
    digits(line, moment.year, 4);
    for number in [moment.hour, moment.minute, moment.second] {
        line.push(b':');
        digits(line, number, 2);
    }
    line.extend_from_slice(b" +0000");
}

/// Appends at least so many digits.
pub(crate) fn digits(line: &mut Vec<u8>, number: u64, width: usize) {
    let mut text = [b'0'; 20];
    let mut rest = number;
    let mut count = 0;
    for place in text.iter_mut().rev() {
        if rest == 0 && count >= width {
            break;
        }
        // The remainder is below ten.
        *place = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        count += 1;
    }
    line.extend_from_slice(text.get(text.len() - count..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::{digits, local, rfc3339};

    fn shown(unix_ms: u64) -> (String, String) {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        rfc3339(&mut first, unix_ms);
        local(&mut second, unix_ms);
        (String::from_utf8(first).unwrap(), String::from_utf8(second).unwrap())
    }

    #[test]
    fn a_moment_is_shown_in_utc() {
        let check = |unix_ms: u64, rfc3339: &str, local: &str| {
            assert_eq!(shown(unix_ms), (rfc3339.to_owned(), local.to_owned()));
        };
        check(0, "1970-01-01T00:00:00.000Z", "01/Jan/1970:00:00:00 +0000");
        check(951_782_399_999, "2000-02-28T23:59:59.999Z", "28/Feb/2000:23:59:59 +0000");
        check(951_782_400_000, "2000-02-29T00:00:00.000Z", "29/Feb/2000:00:00:00 +0000");
        check(1_709_251_199_001, "2024-02-29T23:59:59.001Z", "29/Feb/2024:23:59:59 +0000");
        check(1_795_233_089_042, "2026-11-21T03:51:29.042Z", "21/Nov/2026:03:51:29 +0000");
        check(4_107_542_400_000, "2100-03-01T00:00:00.000Z", "01/Mar/2100:00:00:00 +0000");
    }

    #[test]
    fn numbers_have_at_least_their_width() {
        let check = |number: u64, width: usize, expected: &str| {
            let mut line = Vec::new();
            digits(&mut line, number, width);
            assert_eq!(String::from_utf8(line).unwrap(), expected);
        };
        check(0, 1, "0");
        check(7, 3, "007");
        check(1234, 2, "1234");
        check(u64::MAX, 1, "18446744073709551615");
    }
}

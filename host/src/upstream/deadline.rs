//! How an upstream is told for how long its answer is waited for.

use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// The header of gRPC, whose value has a unit.
const GRPC_TIMEOUT: &str = "grpc-timeout";

/// In its protocol a number has eight digits at most.
const GRPC_NUMBER_MAX: u128 = 99_999_999;

/// Writes what is left of a request's time into the header `name`, in milliseconds and at least one,
/// or as the gRPC protocol has it in `grpc-timeout`. A shorter time that the client asks for stays.
pub(super) fn tell(headers: &mut HeaderMap, name: &HeaderName, left: Duration) {
    let is_grpc = name.as_str() == GRPC_TIMEOUT;
    let asked = headers.get(name).and_then(|value| value.to_str().ok()).and_then(|text| {
        if is_grpc { grpc_timeout(text) } else { text.parse().ok().map(Duration::from_millis) }
    });
    if asked.is_some_and(|asked| asked <= left) {
        return;
    }
    let ms = left.as_millis().max(1);
    let value = match (is_grpc, ms <= GRPC_NUMBER_MAX) {
        (false, _) => ms.to_string(),
        (true, true) => format!("{ms}m"),
        (true, false) => format!("{}S", (ms / 1000).min(GRPC_NUMBER_MAX)),
    };
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// `Timeout` of "gRPC over HTTP2": one to eight digits and a unit.
fn grpc_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 60 * 60),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the upstream gets in `name` if the client sent `asked`.
    fn told(name: &'static str, asked: Option<&'static str>, left_ms: u64) -> String {
        let name = HeaderName::from_static(name);
        let mut headers = HeaderMap::new();
        if let Some(asked) = asked {
            headers.insert(&name, HeaderValue::from_static(asked));
        }
        tell(&mut headers, &name, Duration::from_millis(left_ms));
        assert_eq!(headers.len(), 1);
        headers[name].to_str().unwrap().to_owned()
    }

    #[test]
    fn what_is_left_is_told_in_milliseconds() {
        assert_eq!(told("x-deadline-ms", None, 1500), "1500");
        assert_eq!(told("x-deadline-ms", None, 0), "1");
        assert_eq!(told("x-deadline-ms", Some("2000"), 1500), "1500");
        assert_eq!(told("x-deadline-ms", Some("soon"), 1500), "1500");
    }

    #[test]
    fn a_shorter_time_of_the_client_stays() {
        assert_eq!(told("x-deadline-ms", Some("200"), 1500), "200");
        assert_eq!(told("grpc-timeout", Some("1S"), 1500), "1S");
        assert_eq!(told("grpc-timeout", Some("20000u"), 1500), "20000u");
    }

    #[test]
    fn grpc_has_units_and_eight_digits() {
        assert_eq!(told("grpc-timeout", None, 1500), "1500m");
        assert_eq!(told("grpc-timeout", Some("1H"), 1500), "1500m");
        assert_eq!(told("grpc-timeout", Some("1"), 1500), "1500m");
        assert_eq!(told("grpc-timeout", Some("123456789n"), 1500), "1500m");
        assert_eq!(told("grpc-timeout", Some(""), 1500), "1500m");
        assert_eq!(told("grpc-timeout", None, 99_999_999), "99999999m");
        assert_eq!(told("grpc-timeout", None, 100_000_000), "100000S");
    }
}

//! How long to wait before an endpoint is asked again.

use std::time::Duration;

use http::{HeaderMap, header};

use crate::clock;

/// No pause is longer than so many times the first.
const GROWTH_MAX: u32 = 10;

/// The pauses of one request. They grow, and each is drawn anew, so that requests that failed at the
/// same moment do not come back at the same moment.
#[derive(Debug)]
pub(super) struct Backoff {
    base: Duration,
    /// Pauses so far.
    count: u32,
}

impl Backoff {
    /// The first is `base` at most.
    pub(super) const fn new(base: Duration) -> Self {
        Self { base, count: 0 }
    }

    /// The next pause: from nothing to the first, three times, seven times it and so on, as Envoy
    /// draws it.
    pub(super) fn next(&mut self) -> Duration {
        let most = self.most();
        self.count = self.count.saturating_add(1);
        let most = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(fastrand::u64(0..=most))
    }

    fn most(&self) -> Duration {
        let doubled = 2_u32.saturating_pow(self.count.saturating_add(1)).saturating_sub(1);
        self.base.saturating_mul(doubled.min(GROWTH_MAX))
    }
}

/// What an answer says about when to ask again (RFC 9110 section 10.2.3), in seconds or as a date; a
/// date that is over is now.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than a number holds are more than anybody waits for.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let since_1970 = date.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Some(since_1970.saturating_sub(clock::unix()))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use http::{HeaderMap, HeaderValue, header};

    use super::{Backoff, retry_after};
    use crate::clock;

    #[test]
    fn pauses_grow_up_to_ten_times_the_first() {
        let mut backoff = Backoff::new(Duration::from_millis(25));
        let bounds = [0; 6].map(|_| {
            let most = backoff.most();
            assert!(backoff.next() <= most);
            most.as_millis()
        });
        assert_eq!(bounds, [25, 75, 175, 250, 250, 250]);
        assert_eq!(Backoff::new(Duration::ZERO).next(), Duration::ZERO);
    }

    #[test]
    fn pauses_differ() {
        let draw = |_| Backoff::new(Duration::from_secs(1)).next();
        let mut drawn: Vec<Duration> = (0..100).map(draw).collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert!(drawn.len() > 90, "{drawn:?}");
    }

    #[track_caller]
    fn says(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_str(value).unwrap());
        retry_after(&headers)
    }

    #[test]
    fn an_answer_says_when_to_ask_again_in_seconds_or_as_a_date() {
        assert_eq!(retry_after(&HeaderMap::new()), None);
        assert_eq!(says("3"), Some(Duration::from_secs(3)));
        assert_eq!(says("99999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(says("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        let date = httpdate::fmt_http_date(UNIX_EPOCH + clock::unix() + Duration::from_secs(100));
        let left = says(&date).expect("a date");
        assert!((98..=100).contains(&left.as_secs()), "{left:?}");
        assert_eq!(says("soon"), None);
        assert_eq!(says("-1"), None);
        assert_eq!(says(""), None);
    }
}

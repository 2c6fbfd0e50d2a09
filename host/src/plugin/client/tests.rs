use std::time::Duration;

use tokio::time::Instant;

use super::deadline;

#[test]
fn a_call_has_at_most_nine_tenths_of_what_is_left() {
    let now = Instant::now();
    let until = now + Duration::from_secs(10);
    let left = |timeout_ms| deadline(timeout_ms, until, now).duration_since(now);
    assert_eq!(left(None), Duration::from_secs(9));
    assert_eq!(left(Some(60_000)), Duration::from_secs(9));
    assert_eq!(left(Some(250)), Duration::from_millis(250));
    assert_eq!(deadline(None, now, until), until);
}

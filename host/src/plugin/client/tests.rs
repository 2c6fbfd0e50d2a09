use std::time::Duration;

use tokio::time::Instant;

use super::deadline;

#[test]
fn a_call_has_at_most_nine_tenths_of_what_is_left() {
    let now = Instant::now();
    let until = now + Duration::from_secs(10);
    let ms = Duration::from_millis;
    let left = |asked| deadline(asked, until, now).duration_since(now);
    assert_eq!(left(None), Duration::from_secs(9));
    assert_eq!(left(Some(ms(60_000))), Duration::from_secs(9));
    assert_eq!(left(Some(ms(250))), ms(250));
    assert_eq!(deadline(None, now, until), until);
}

//! Fixed and sliding windows.

use super::*;

#[test]
fn a_fixed_window_admits_its_limit_and_begins_again_at_a_multiple_of_its_length() {
    let counters = Counters::new(10);
    let rule = fixed(100, 60_000);
    assert_eq!(admitted_at(&counters, rule, 150, 59_000), 100);
    let refused = take_at(&counters, rule, 1, 59_250);
    assert_eq!(
        refused,
        Verdict {
            admitted: false,
            remaining: 0,
            retry_after_ms: 750,
            reset_after_ms: 750,
            delay_ms: 0
        }
    );
    assert_eq!(admitted_at(&counters, rule, 150, 60_000), 100);
}

#[test]
fn remaining_counts_the_claim_that_was_taken() {
    let counters = Counters::new(10);
    let first = take_at(&counters, fixed(100, 60_000), 1, 0);
    assert_eq!((first.admitted, first.remaining, first.reset_after_ms), (true, 99, 60_000));
    let second = take_at(&counters, fixed(100, 60_000), 9, 1);
    assert_eq!((second.remaining, second.reset_after_ms), (90, 59_999));
}

#[test]
fn a_sliding_window_never_holds_more_than_its_limit() {
    let counters = Counters::new(10);
    let rule = sliding(3, 1000);
    for at_ms in [0, 400, 900] {
        assert!(take_at(&counters, rule, 1, at_ms).admitted);
    }
    let refused = take_at(&counters, rule, 1, 950);
    assert_eq!((refused.admitted, refused.remaining), (false, 0));
    // The first take counts through the microsecond that ends its second.
    assert_eq!((refused.retry_after_ms, refused.reset_after_ms), (51, 51));
    assert!(!take_at(&counters, rule, 1, 1000).admitted);
    assert!(take_at(&counters, rule, 1, 1001).admitted);
    assert_eq!(take_at(&counters, rule, 1, 1001).retry_after_ms, 400);
}

#[test]
fn a_sliding_window_tells_when_enough_will_be_forgotten() {
    let counters = Counters::new(10);
    let rule = sliding(10, 1000);
    take_at(&counters, rule, 4, 0);
    take_at(&counters, rule, 4, 100);
    assert_eq!(take_at(&counters, rule, 3, 200).retry_after_ms, 801);
    assert_eq!(take_at(&counters, rule, 7, 200).retry_after_ms, 901);
    assert_eq!(take_at(&counters, rule, 11, 200).retry_after_ms, NEVER_MS);
    assert!(take_at(&counters, rule, 7, 1101).admitted);
}

#[test]
fn a_large_sliding_window_forgets_late_but_never_early() {
    let counters = Counters::new(10);
    let rule = sliding(5000, 60_000);
    let mut admissions = Vec::new();
    for at_ms in 0..240_000_u64 {
        if take_at(&counters, rule, 1, at_ms).admitted {
            admissions.push(at_ms);
        }
    }
    for (first, one_too_many) in admissions.iter().zip(admissions.iter().skip(5000)) {
        assert!(one_too_many - first > 60_000, "{first} and {one_too_many}");
    }
    // Four windows' worth, less what is forgotten up to 60 000 / 1 022 = 59 ms late.
    assert_eq!(admissions.len(), 20_000);
    let first_again = admissions[5000];
    assert_eq!(first_again, 60_059);
}

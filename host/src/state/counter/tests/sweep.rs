//! Counters that end, and time that runs backwards.

use super::*;

#[test]
fn full_counters_make_room_by_forgetting_those_that_ended() {
    let counters = Counters::new(2);
    let claim = |key| Claim { key, rule: fixed(5, 1000), cost: 1 };
    let at = |ms: u64| (START_MS + ms) * 1000;
    assert!(counters.take_one("p", &claim("a"), at(0)).is_ok());
    assert!(counters.take_one("p", &claim("b"), at(100)).is_ok());
    assert_eq!(counters.take_one("p", &claim("c"), at(500)), Err(CounterError::Exhausted));
    let both = counters.take("p", &[claim("c"), claim("d")], at(600));
    assert_eq!(both, Err(CounterError::Exhausted));
    // What there is already goes on working.
    assert_eq!(counters.take_one("p", &claim("a"), at(700)).expect("known").remaining, 3);
    // Both windows are over, and the last search was a second ago.
    assert!(counters.take_one("p", &claim("c"), at(1500)).is_ok());
    assert_eq!(counters.len(), 1);
}

#[test]
fn a_sweep_forgets_exactly_what_is_as_if_nothing_had_been_taken() {
    let counters = Counters::new(10);
    for rule in [fixed(2, 1000), sliding(2, 1000), token(1, 700, 2), leaky(1, 900, 1)] {
        take_at(&counters, rule, 1, 0);
    }
    let sweep = |ms: u64| counters.sweep((START_MS + ms) * 1000);
    assert_eq!([sweep(699), sweep(700), sweep(899), sweep(900)], [0, 1, 0, 1]);
    assert_eq!([sweep(999), sweep(1000), sweep(1001)], [0, 1, 1]);
    assert!(counters.is_empty());
}

#[test]
fn a_late_thread_cannot_bring_back_a_window_that_was_swept() {
    let counters = Counters::new(10);
    let rule = fixed(1, 1000);
    assert!(take_at(&counters, rule, 1, 500).admitted);
    counters.sweep((START_MS + 1000) * 1000);
    // Sampled before the sweep, admitted after: it counts in the window that is now.
    assert!(take_at(&counters, rule, 1, 999).admitted);
    assert!(!take_at(&counters, rule, 1, 1001).admitted);
}

#[test]
fn time_that_runs_backwards_counts_as_standing_still() {
    let counters = Counters::new(10);
    for rule in [fixed(2, 1000), sliding(2, 1000), token(1, 1000, 2), leaky(1, 1000, 1)] {
        assert!(take_at(&counters, rule, 1, 1500).admitted);
        assert!(take_at(&counters, rule, 1, 100).admitted);
        assert!(!take_at(&counters, rule, 1, 0).admitted);
    }
}

//! What a call takes, and what it may not.

use super::*;

#[test]
fn a_look_takes_nothing_and_makes_no_counter() {
    let counters = Counters::new(10);
    for rule in [fixed(2, 1000), sliding(2, 1000), token(1, 1000, 2), leaky(1, 1000, 1)] {
        let look = take_at(&counters, rule, 0, 0);
        assert_eq!((look.admitted, look.remaining, look.delay_ms), (true, 2, 0));
    }
    assert!(counters.is_empty());
}

#[test]
fn rules_scopes_and_keys_have_counts_of_their_own() {
    let counters = Counters::new(10);
    let count = |scope, key, rule| {
        let claim = Claim { key, rule, cost: 1 };
        counters.take(scope, &[claim], START_MS * 1000).expect("a verdict")[0].remaining
    };
    assert_eq!(count("a", "bc", fixed(5, 1000)), 4);
    assert_eq!(count("ab", "c", fixed(5, 1000)), 4);
    assert_eq!(count("a", "bc", fixed(5, 2000)), 4);
    assert_eq!(count("a", "bc", sliding(5, 1000)), 4);
    assert_eq!(count("a", "bc", fixed(5, 1000)), 3);
    assert_eq!(counters.len(), 4);
}

#[test]
fn of_several_claims_all_are_taken_or_none() {
    let counters = Counters::new(10);
    let claims = [
        Claim { key: "wide", rule: fixed(10, 60_000), cost: 1 },
        Claim { key: "narrow", rule: sliding(2, 60_000), cost: 1 },
    ];
    let remaining = |verdicts: &[Verdict]| (verdicts[0].remaining, verdicts[1].remaining);
    let now_us = START_MS * 1000;
    for expected in [(9, 1), (8, 0)] {
        let verdicts = counters.take("p", &claims, now_us).expect("verdicts");
        assert_eq!(remaining(&verdicts), expected);
    }
    let verdicts = counters.take("p", &claims, now_us).expect("verdicts");
    assert_eq!((verdicts[0].admitted, verdicts[1].admitted), (true, false));
    assert_eq!(remaining(&verdicts), (8, 0));
    assert_eq!((verdicts[0].retry_after_ms, verdicts[1].retry_after_ms), (0, 60_001));
}

#[test]
fn a_refused_call_makes_no_counter() {
    let counters = Counters::new(10);
    let claims = [
        Claim { key: "new", rule: fixed(10, 60_000), cost: 1 },
        Claim { key: "never", rule: fixed(1, 60_000), cost: 2 },
    ];
    assert!(!counters.take("p", &claims, START_MS * 1000).expect("verdicts")[1].admitted);
    assert!(counters.is_empty());
}

#[test]
fn claims_of_the_same_counter_add_up() {
    let counters = Counters::new(10);
    let claim = |cost| Claim { key: "k", rule: token(1, 1000, 5), cost };
    let now_us = START_MS * 1000;
    let refused = counters.take("p", &[claim(3), claim(3)], now_us).expect("verdicts");
    assert_eq!((refused[0].admitted, refused[1].admitted), (true, false));
    assert_eq!((refused[0].remaining, refused[1].remaining), (5, 5));
    let taken = counters.take("p", &[claim(3), claim(0), claim(2)], now_us).expect("verdicts");
    let remaining: Vec<_> = taken.iter().map(|verdict| verdict.remaining).collect();
    assert_eq!(remaining, [2, 2, 0]);
    assert_eq!(counters.len(), 1);
}

#[test]
fn what_is_out_of_range_is_invalid() {
    let counters = Counters::new(10);
    let long = "x".repeat(1025);
    let year_ms = 31_536_000_000;
    for (key, rule) in [
        ("k", fixed(0, 1000)),
        ("k", fixed(1, 0)),
        ("k", sliding(1, year_ms + 1)),
        ("k", token(1, 1000, 0)),
        ("k", token(0, 1000, 1)),
        ("k", leaky(1, 0, 1)),
        (long.as_str(), fixed(1, 1000)),
    ] {
        let claim = Claim { key, rule, cost: 1 };
        assert_eq!(counters.take("p", &[claim], 0), Err(CounterError::Invalid));
        assert_eq!(counters.take("p", &[claim, claim], 0), Err(CounterError::Invalid));
    }
    let claim = Claim { key: &long[1..], rule: leaky(u32::MAX, year_ms, u32::MAX), cost: u32::MAX };
    assert!(counters.take("p", &[claim], START_MS * 1000).expect("verdicts")[0].admitted);
    assert_eq!(counters.take("p", &[claim; 17], 0), Err(CounterError::TooManyClaims));
    assert_eq!(counters.take("p", &[], 0), Ok(Vec::new()));
}

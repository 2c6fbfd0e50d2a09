//! What checks and requests do to what is known, with a clock of our own.

use std::sync::Arc;
use std::time::Duration;

use super::outlier::Reason;
use super::{Change, Health, outlier};
use crate::config::{self, Balancing, ErrorRate, HealthCheck, LatencyOutlier, Outlier, Probe};
use crate::telemetry::Metrics;
use crate::upstream::endpoint::{Address, Care, Endpoint, Known, Seat};

const CHECK: HealthCheck = HealthCheck {
    probe: Probe::Tcp,
    interval: Duration::from_secs(5),
    timeout: Duration::from_secs(2),
    rise: 2,
    fall: 3,
};

const OUTLIER: Outlier = Outlier {
    consecutive_errors: 2,
    error_rate: None,
    latency: None,
    base_ejection: Duration::from_secs(30),
    max_ejection: Duration::from_secs(70),
    max_ejected_percent: 50,
};

const SECOND_US: u64 = 1_000_000;

/// What the checks change, one after another.
fn changes(health: &Health, checks: &[bool]) -> Vec<Option<Change>> {
    checks.iter().map(|is_good| health.checked(*is_good, &CHECK, SECOND_US)).collect()
}

fn endpoints(count: usize) -> Vec<Endpoint> {
    let balancing = Balancing { outlier: Some(OUTLIER), ..Balancing::default() };
    let care = Arc::new(Care::of(&balancing, count));
    let metrics = Metrics::default().upstream("u");
    let build = |index| {
        let config = config::Endpoint {
            is_https: false,
            host: format!("10.0.0.{index}"),
            port: 80,
            weight: 1,
            priority: 0,
        };
        let seat = Seat { config: &config, address: Address::Own, since_us: 0 };
        Endpoint::build(&seat, None, &metrics, &Known::default(), &care)
    };
    (0..count).map(build).collect()
}

/// How long it is ejected for so many failures at that second.
fn fail(all: &[Endpoint], index: usize, times: usize, second: u64) -> Option<u64> {
    let mut ejected = None;
    for _ in 0..times {
        let now_us = || second * SECOND_US;
        ejected = outlier::judge(&all[index], all, &OUTLIER, None, now_us).or(ejected);
    }
    ejected.map(|(time, _)| time.as_secs())
}

#[test]
fn it_takes_checks_in_a_row_to_change_something() {
    let health = Health::default();
    assert_eq!(changes(&health, &[true, false, false, true, false, false]), [None; 6]);
    assert!(health.is_healthy());
    assert_eq!(changes(&health, &[false]), [Some(Change::Fallen)]);
    assert_eq!(changes(&health, &[true, false, true]), [None; 3]);
    assert!(!health.is_healthy());
    assert_eq!(changes(&health, &[true]), [Some(Change::Risen)]);
    assert!(health.is_healthy());
}

#[test]
fn the_very_first_check_decides_at_once() {
    assert_eq!(changes(&Health::default(), &[false]), [Some(Change::Fallen)]);
    assert_eq!(changes(&Health::default(), &[true]), [None]);
}

#[test]
fn who_comes_back_warms_up() {
    let window = Duration::from_secs(10);
    let health = Health::default();
    assert_eq!(health.warmth(window, 5 * SECOND_US), 1000, "it was here from the start");
    changes(&health, &[false, true, true]);
    let warmth = |second| health.warmth(window, second * SECOND_US);
    assert_eq!([1, 2, 3, 6, 11, 99].map(warmth), [100, 100, 200, 500, 1000, 1000]);
}

#[test]
fn each_ejection_is_longer_up_to_the_longest() {
    let all = endpoints(2);
    assert_eq!(fail(&all, 0, 1, 10), None);
    assert_eq!(fail(&all, 0, 1, 10), Some(30));
    assert_eq!(all[0].standing(39 * SECOND_US), "ejected");
    assert_eq!(fail(&all, 0, 9, 39), None, "what was under way may still fail");
    assert_eq!(all[0].standing(40 * SECOND_US), "healthy");
    assert_eq!(fail(&all, 0, 2, 41), Some(60));
    assert_eq!(fail(&all, 0, 2, 102), Some(70));
    // Back at 172; for each half minute that went well an ejection is forgiven.
    assert_eq!(fail(&all, 0, 2, 172 + 61), Some(60));
}

#[test]
fn a_success_begins_the_row_anew() {
    let all = endpoints(2);
    for _ in 0..5 {
        assert_eq!(fail(&all, 0, 1, 10), None);
        assert_eq!(outlier::judge(&all[0], &all, &OUTLIER, Some(Duration::ZERO), || 0), None);
    }
}

#[test]
fn no_more_than_the_share_is_ejected() {
    let all = endpoints(3);
    assert_eq!(fail(&all, 0, 2, 10), Some(30));
    assert_eq!(fail(&all, 1, 9, 11), None, "half of three is one");
    assert_eq!(fail(&all, 1, 1, 40), Some(30), "the first is back");

    let alone = endpoints(1);
    assert_eq!(fail(&alone, 0, 9, 10), None, "there would be nobody left");
}

#[test]
fn a_large_share_of_failures_ejects_without_a_row_of_them() {
    let rate = ErrorRate { percent: 50, attempts_min: 6, interval: Duration::from_secs(10) };
    let outlier = Outlier { error_rate: Some(rate), ..OUTLIER };
    let all = endpoints(2);
    let judge = |has_failed: bool, second: u64| {
        let now_us = || second * SECOND_US;
        let answered = (!has_failed).then_some(Duration::ZERO);
        let ejected = outlier::judge(&all[0], &all, &outlier, answered, now_us);
        ejected.map(|(time, reason)| {
            assert_eq!(reason, Reason::ErrorRate);
            time.as_secs()
        })
    };
    let attempts = |second| [false, true, false, true, false].map(|failed| judge(failed, second));
    assert_eq!(attempts(20), [None; 5], "five say nothing");
    assert_eq!(attempts(30), [None; 5], "the count began anew");
    assert_eq!(judge(true, 31), Some(30), "three of six");
    assert_eq!(all[0].standing(32 * SECOND_US), "ejected");
}

const LATENCY: LatencyOutlier = LatencyOutlier {
    factor_percent: 300,
    floor: Duration::from_millis(50),
    attempts_min: 5,
    interval: Duration::from_secs(10),
};

/// What becomes of each endpoint with these times for an answer, after each has had so many answers
/// in one interval.
fn paced(took_ms: &[u64], answers: usize) -> Vec<&'static str> {
    let outlier = Outlier { latency: Some(LATENCY), ..OUTLIER };
    let all = endpoints(took_ms.len());
    // An interval that begins, its answers, and then the next, which shows to all what was.
    for second in [1, 2, 12, 13, 23] {
        for (endpoint, took) in all.iter().zip(took_ms) {
            for _ in 0..answers {
                let took = Some(Duration::from_millis(*took));
                let ejected = outlier::judge(endpoint, &all, &outlier, took, || second * SECOND_US);
                if let Some((time, reason)) = ejected {
                    assert_eq!((time.as_secs(), reason), (30, Reason::Latency));
                }
            }
        }
    }
    all.iter().map(|endpoint| endpoint.standing(24 * SECOND_US)).collect()
}

#[test]
fn who_is_much_slower_than_the_others_is_left_out() {
    assert_eq!(paced(&[300, 60, 70, 80], 3), ["ejected", "healthy", "healthy", "healthy"]);
    assert_eq!(paced(&[60, 300], 3), ["healthy", "ejected"]);
    assert_eq!(paced(&[300, 110], 3), ["healthy"; 2], "less than three times as slow");
    assert_eq!(paced(&[40, 1, 1], 3), ["healthy"; 3], "nobody notices the difference");
    assert_eq!(paced(&[300, 60], 2), ["healthy"; 2], "four answers in an interval say nothing");
    assert_eq!(paced(&[900], 3), ["healthy"], "there is nobody to compare it with");
    assert_eq!(
        paced(&[900, 800, 10, 10, 10], 3),
        ["ejected", "ejected", "healthy", "healthy", "healthy"],
        "no more than half are slow"
    );
}

#[test]
fn who_is_back_is_judged_by_what_it_does_then() {
    let outlier = Outlier { latency: Some(LATENCY), ..OUTLIER };
    let all = endpoints(2);
    let answers = |index: usize, took_ms: u64, second: u64| {
        let took = Some(Duration::from_millis(took_ms));
        let now_us = || second * SECOND_US;
        let answer = |_| outlier::judge(&all[index], &all, &outlier, took, now_us);
        (0..6).filter_map(answer).map(|(time, _)| time.as_secs()).next()
    };
    let round = |slow_ms, second| (answers(1, 60, second), answers(0, slow_ms, second));
    assert_eq!(round(900, 1), (None, None));
    assert_eq!(round(900, 12), (None, Some(30)));
    // What was under way is neither counted nor judged.
    assert_eq!(round(900, 23), (None, None));
    assert_eq!(round(60, 43), (None, None));
    assert_eq!(round(60, 54), (None, None));
    assert_eq!(all[0].standing(55 * SECOND_US), "healthy");
    assert_eq!(round(900, 65), (None, None));
    assert_eq!(round(900, 76), (None, Some(30)), "it was well for longer than an ejection lasts");
}

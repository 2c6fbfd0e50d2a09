//! Many threads at one counter.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;

use super::*;

/// Eight threads, each taking so often with what `now_us` says; returns how many were admitted.
fn hammer(takes: u32, take: impl Fn() -> bool + Sync) -> u32 {
    let admitted = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..takes {
                    admitted.fetch_add(u32::from(take()), Ordering::Relaxed);
                }
            });
        }
    });
    admitted.into_inner()
}

#[test]
fn simultaneous_takes_are_admitted_to_the_unit() {
    for (rule, expected) in [
        (fixed(100, 60_000), 100),
        (sliding(100, 60_000), 100),
        (sliding(2000, 60_000), 2000),
        (token(10, 1000, 50), 50),
        (leaky(10, 1000, 20), 21),
    ] {
        let counters = Counters::new(10);
        let admitted = hammer(1250, || take_at(&counters, rule, 1, 0).admitted);
        assert_eq!(admitted, expected, "{rule:?}");
    }
}

#[test]
fn buckets_admit_their_burst_and_elapsed_time_times_rate() {
    for (rule, burst) in [(token(3, 7, 20), 20), (leaky(3, 7, 19), 20)] {
        let counters = Counters::new(10);
        let clock = AtomicU64::new(0);
        let take = |now_us: u64| {
            let claim = Claim { key: "k", rule, cost: 1 };
            counters.take_one("p", &claim, START_MS * 1000 + now_us).expect("a verdict").admitted
        };
        // The bucket is full until the first take, which is therefore made at 0.
        let mut admitted = u32::from(take(0));
        admitted += hammer(5000, || take(clock.fetch_add(7, Ordering::SeqCst)));
        let end_us = clock.load(Ordering::SeqCst);
        while take(end_us) {
            admitted += 1;
        }
        assert_eq!(end_us, 280_000);
        assert_eq!(admitted, burst + 3 * 280 / 7);
    }
}

/// When an admission may have been, in microseconds.
#[derive(Clone, Copy)]
struct Admission {
    earliest: u64,
    latest: u64,
}

/// Eight threads taking from one key by a clock that moves with every take, and a sweeper.
fn admissions_under_a_moving_clock(rule: Rule) -> Vec<Admission> {
    let counters = Counters::new(10);
    let clock = AtomicU64::new(START_MS * 1000);
    let mut admissions: Vec<Admission> = thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut admissions = Vec::new();
                    for round in 0..4000 {
                        let earliest = clock.fetch_add(10, Ordering::SeqCst);
                        let claim = Claim { key: "k", rule, cost: 1 };
                        let verdict = counters.take_one("p", &claim, earliest).expect("a verdict");
                        let latest = clock.load(Ordering::SeqCst);
                        if verdict.admitted {
                            admissions.push(Admission { earliest, latest });
                        }
                        if round % 16 == 0 {
                            counters.sweep(clock.load(Ordering::SeqCst));
                        }
                    }
                    admissions
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
    });
    admissions.sort_by_key(|admission| admission.earliest);
    admissions
}

#[test]
fn no_span_holds_more_than_a_sliding_windows_limit_whatever_threads_think_of_now() {
    let admissions = admissions_under_a_moving_clock(sliding(5, 2));
    assert!(admissions.len() > 500);
    for (i, first) in admissions.iter().enumerate() {
        let end = first.earliest + 2000;
        let within = admissions[i..]
            .iter()
            .take_while(|admission| admission.earliest <= end)
            .filter(|admission| admission.latest <= end)
            .count();
        assert!(within <= 5, "{within} from {}", first.earliest);
    }
}

#[test]
fn sweeping_beside_takes_forgets_no_take() {
    let admissions = admissions_under_a_moving_clock(fixed(5, 2));
    assert!(admissions.len() > 500);
    let mut windows = std::collections::BTreeMap::new();
    for admission in &admissions {
        if admission.earliest / 2000 == admission.latest / 2000 {
            *windows.entry(admission.earliest / 2000).or_insert(0) += 1;
        }
    }
    assert!(windows.values().all(|admitted| *admitted <= 5));
}

#[test]
fn several_claims_stay_exact_under_concurrency_in_any_order() {
    let counters = Counters::new(10);
    let narrow = Claim { key: "narrow", rule: token(1, 60_000, 50), cost: 1 };
    let wide = Claim { key: "wide", rule: fixed(100_000, 60_000), cost: 2 };
    let (turn, wide_taken) = (AtomicU32::new(0), AtomicU32::new(0));
    let admitted = hammer(500, || {
        let claims = match turn.fetch_add(1, Ordering::Relaxed) % 3 {
            0 => vec![narrow, wide],
            1 => vec![wide, narrow],
            _ => vec![wide, narrow, wide],
        };
        let verdicts = counters.take("p", &claims, START_MS * 1000).expect("verdicts");
        let all = verdicts.iter().all(|verdict| verdict.admitted);
        if all {
            let wides = claims.iter().filter(|claim| claim.key == "wide");
            wide_taken.fetch_add(wides.map(|claim| claim.cost).sum(), Ordering::Relaxed);
        }
        all
    });
    assert_eq!(admitted, 50);
    let look = |claim: Claim<'_>| {
        let claim = Claim { cost: 0, ..claim };
        counters.take_one("p", &claim, START_MS * 1000).expect("a verdict").remaining
    };
    assert_eq!(look(narrow), 0);
    assert_eq!(look(wide), 100_000 - wide_taken.into_inner());
}

#[test]
#[ignore = "a measurement: cargo test --release -- --ignored --nocapture a_take_costs"]
fn a_take_costs_so_many_nanoseconds() {
    let counters = Counters::new(1_000_000);
    let keys: Vec<String> = (0..100_000).map(|i| format!("203.0.113.{i}")).collect();
    for (name, rule) in [
        ("fixed", fixed(u32::MAX, 60_000)),
        ("sliding", sliding(1000, 60_000)),
        ("token", token(1000, 1, 1000)),
        ("leaky", leaky(1000, 1, 1000)),
    ] {
        let time = |pick: &dyn Fn(usize) -> usize| {
            let start = crate::clock::now();
            for i in 0..1_000_000 {
                let key = keys[pick(i)].as_str();
                let claim = Claim { key, rule, cost: 1 };
                let now_us = START_MS * 1000 + i as u64;
                counters.take_one("rate-limit", &claim, now_us).expect("a verdict");
            }
            start.elapsed().as_nanos() / 1_000_000
        };
        let one = time(&|_| 0);
        let many = time(&|i| i.wrapping_mul(7919) % 100_000);
        println!("{name}: {one} ns one key, {many} ns 100 000 keys");
    }
    let rule = token(1000, 1, 1000);
    let start = crate::clock::now();
    hammer(250_000, || take_at(&counters, rule, 1, 0).admitted);
    println!("8 threads, one key: {} ns each", start.elapsed().as_nanos() / 2_000_000);
}

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;

use super::{Bucket, Claim, CounterError, Counters, NEVER_MS, Rule, Verdict, Window};

/// 2026-01-01T00:00:00Z, in milliseconds; a multiple of a minute.
const START_MS: u64 = 1_767_225_600_000;

fn fixed(limit: u32, window_ms: u64) -> Rule {
    Rule::FixedWindow(Window { limit, window_ms })
}

fn sliding(limit: u32, window_ms: u64) -> Rule {
    Rule::SlidingWindow(Window { limit, window_ms })
}

fn token(rate: u32, period_ms: u64, burst: u32) -> Rule {
    Rule::TokenBucket(Bucket { rate, period_ms, burst })
}

fn leaky(rate: u32, period_ms: u64, burst: u32) -> Rule {
    Rule::LeakyBucket(Bucket { rate, period_ms, burst })
}

/// One take of `cost` from the key `k`, so many milliseconds after the start.
fn take_at(counters: &Counters, rule: Rule, cost: u32, at_ms: u64) -> Verdict {
    let claim = Claim { key: "k", rule, cost };
    counters.take_one("plugin", &claim, (START_MS + at_ms) * 1000).expect("a verdict")
}

/// How many of so many simultaneous takes of one are admitted.
fn admitted_at(counters: &Counters, rule: Rule, takes: u32, at_ms: u64) -> usize {
    (0..takes).filter(|_| take_at(counters, rule, 1, at_ms).admitted).count()
}

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

#[test]
fn a_token_bucket_starts_full_and_gains_at_its_rate() {
    let counters = Counters::new(10);
    let rule = token(10, 1000, 5);
    assert_eq!(admitted_at(&counters, rule, 20, 0), 5);
    let refused = take_at(&counters, rule, 1, 30);
    assert_eq!((refused.retry_after_ms, refused.reset_after_ms, refused.remaining), (70, 470, 0));
    assert_eq!(admitted_at(&counters, rule, 20, 99), 0);
    assert_eq!(admitted_at(&counters, rule, 20, 100), 1);
    assert_eq!(admitted_at(&counters, rule, 20, 10_000), 5);
    assert_eq!(take_at(&counters, rule, 6, 20_000).retry_after_ms, NEVER_MS);
}

#[test]
fn a_token_bucket_does_not_drift() {
    let counters = Counters::new(10);
    // One every 3 1/7 ms, looked at every millisecond.
    let rule = token(7, 22, 1);
    let admitted = (0..=22_000).filter(|at| take_at(&counters, rule, 1, *at).admitted).count();
    // At most 7 001; each is up to a millisecond late, and a full bucket gains nothing meanwhile.
    assert_eq!(admitted, 5501);
    let rule = token(1, 3, 1);
    let admitted = (0..=3_000_000).filter(|at| take_at(&counters, rule, 1, *at).admitted).count();
    assert_eq!(admitted, 1_000_001);
    let rule = token(7, 22, 10);
    let admitted = (0..=22_000).filter(|at| take_at(&counters, rule, 1, *at).admitted).count();
    assert_eq!(admitted, 7010);
}

#[test]
fn a_leaky_bucket_admits_the_burst_and_one() {
    let counters = Counters::new(10);
    let rule = leaky(10, 1000, 20);
    assert_eq!(admitted_at(&counters, rule, 100, 0), 21);
    assert_eq!(admitted_at(&counters, rule, 100, 99), 0);
    assert_eq!(admitted_at(&counters, rule, 100, 100), 1);
    assert_eq!(admitted_at(&counters, rule, 100, 1100), 10);
}

#[test]
fn a_leaky_bucket_says_when_the_request_would_leak() {
    let counters = Counters::new(10);
    let rule = leaky(10, 1000, 20);
    let verdicts: Vec<_> = (0..4).map(|_| take_at(&counters, rule, 1, 0)).collect();
    let delays: Vec<_> = verdicts.iter().map(|verdict| verdict.delay_ms).collect();
    assert_eq!(delays, [0, 100, 200, 300]);
    let remaining: Vec<_> = verdicts.iter().map(|verdict| verdict.remaining).collect();
    assert_eq!(remaining, [20, 19, 18, 17]);
    // The excess was 3 and has leaked 0.55; one more makes 3.45.
    assert_eq!(take_at(&counters, rule, 1, 55).delay_ms, 345);
    assert_eq!(take_at(&counters, rule, 0, 55).delay_ms, 0);
}

#[test]
fn a_leaky_bucket_without_burst_spaces_requests() {
    let counters = Counters::new(10);
    let rule = leaky(1, 60_000, 0);
    assert!(take_at(&counters, rule, 1, 0).admitted);
    let refused = take_at(&counters, rule, 1, 1);
    assert_eq!((refused.admitted, refused.retry_after_ms), (false, 59_999));
    assert!(take_at(&counters, rule, 1, 60_000).admitted);
}

#[test]
fn a_leaky_bucket_is_that_of_nginx_for_whole_rates() {
    // ngx_http_limit_req_module in thousandths: excess - rate * ms / 1000 + 1000, not below 0.
    let counters = Counters::new(10);
    let rule = leaky(30, 1000, 7);
    let (mut excess, mut last_ms, mut now_ms) = (None, 0_u64, 0_u64);
    for step in 0..5000_u64 {
        now_ms += step * step % 67;
        let next = excess.map_or(0, |excess: i64| {
            let elapsed = i64::try_from(now_ms - last_ms).expect("small");
            (excess - 30 * elapsed + 1000).max(0)
        });
        let verdict = take_at(&counters, rule, 1, now_ms);
        assert_eq!(verdict.admitted, next <= 7000, "step {step}");
        if verdict.admitted {
            let delay_ms = u64::try_from(next).expect("not below 0").div_ceil(30);
            assert_eq!(verdict.delay_ms, delay_ms, "step {step}");
            (excess, last_ms) = (Some(next), now_ms);
        }
    }
}

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

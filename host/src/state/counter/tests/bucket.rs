//! Token buckets and leaky buckets.

use super::*;

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

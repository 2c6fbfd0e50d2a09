use super::*;
use crate::config::SlowCalls;

const SECOND: Duration = Duration::from_secs(1);

fn policy() -> config::Breaker {
    config::Breaker {
        errors: 50,
        min_requests: 4,
        window: Duration::from_secs(3600),
        slow: Some(SlowCalls { threshold: SECOND, percent: 75 }),
        open: 5 * SECOND,
        half_open: 2,
    }
}

fn breaker(policy: config::Breaker, previous: Option<&Breaker>) -> Breaker {
    Breaker::build(policy, &"u".into(), &Metrics::default(), previous)
}

/// A request that is let through at this moment and has plenty of time.
fn enter(breaker: &Breaker, now: Instant) -> Trial<'_> {
    breaker.enter(now, now + 60 * SECOND).expect("it is let through")
}

fn call(breaker: &Breaker, now: Instant, status: u16, took: Duration) {
    enter(breaker, now).end(Ok(StatusCode::from_u16(status).unwrap()), now + took);
}

fn refused(breaker: &Breaker, now: Instant) -> Option<u32> {
    breaker.enter(now, now + SECOND).err().and_then(|failure| failure.retry_after_s())
}

fn opened(now: Instant) -> Breaker {
    let breaker = breaker(policy(), None);
    for status in [200, 503, 500, 200] {
        call(&breaker, now, status, Duration::ZERO);
    }
    assert_eq!(breaker.state(), "closed", "a good one opens nothing");
    call(&breaker, now, 502, Duration::ZERO);
    assert_eq!(breaker.state(), "open");
    breaker
}

#[test]
fn it_opens_when_enough_requests_of_enough_have_failed() {
    let now = clock::now();
    let breaker = opened(now);
    assert_eq!(refused(&breaker, now), Some(5));
    assert_eq!(breaker.look(now), Err(Failure::BreakerOpen { retry_after_s: 5 }));
    assert_eq!(refused(&breaker, now + Duration::from_millis(4500)), Some(1));
    assert_eq!(breaker.state.metrics.refused.get(), 3);
    assert_eq!(breaker.state.metrics.state.get(), 2);
}

#[test]
fn too_few_requests_say_nothing() {
    let (breaker, now) = (breaker(policy(), None), clock::now());
    for _ in 0..3 {
        call(&breaker, now, 503, Duration::ZERO);
    }
    assert_eq!(breaker.state(), "closed");
}

#[test]
fn slow_responses_open_it_as_well() {
    let (breaker, now) = (breaker(policy(), None), clock::now());
    call(&breaker, now, 200, Duration::ZERO);
    for _ in 0..2 {
        call(&breaker, now, 200, SECOND);
    }
    assert_eq!(breaker.state(), "closed");
    call(&breaker, now, 200, SECOND);
    assert_eq!(breaker.state(), "open");
}

#[test]
fn good_trials_close_it_and_the_past_is_forgotten() {
    let now = clock::now();
    let breaker = opened(now);
    let later = now + 5 * SECOND;
    let (one, two) = (enter(&breaker, later), enter(&breaker, later));
    assert_eq!(breaker.state(), "half_open");
    assert_eq!(refused(&breaker, later), Some(1));
    one.end(Ok(StatusCode::OK), later);
    assert_eq!(refused(&breaker, later), Some(1));
    two.end(Ok(StatusCode::NOT_FOUND), later);
    assert_eq!(breaker.state(), "closed");
    for _ in 0..3 {
        call(&breaker, later, 503, Duration::ZERO);
    }
    assert_eq!(breaker.state(), "closed");
}

#[test]
fn one_bad_trial_opens_it_again_and_those_beside_it_say_nothing() {
    let now = clock::now();
    let breaker = opened(now);
    let later = now + 5 * SECOND;
    let (one, two) = (enter(&breaker, later), enter(&breaker, later));
    one.end(Err(&Failure::ResponseTimeout), later);
    assert_eq!(breaker.state(), "open");
    two.end(Ok(StatusCode::OK), later);
    assert_eq!(refused(&breaker, later), Some(5));

    // Of the next round too.
    let next = later + 5 * SECOND;
    let (old, slow) = (enter(&breaker, next), enter(&breaker, next));
    slow.end(Ok(StatusCode::OK), next + SECOND);
    assert_eq!(breaker.state(), "open");
    let last = next + 6 * SECOND;
    let _trial = enter(&breaker, last);
    old.end(Err(&Failure::ConnectionTerminated), last);
    assert_eq!(breaker.state(), "half_open");
}

#[test]
fn a_trial_whose_client_leaves_gives_its_place_to_another() {
    let now = clock::now();
    let breaker = opened(now);
    let later = now + 5 * SECOND;
    let (one, two) = (enter(&breaker, later), enter(&breaker, later));
    drop(one);
    two.end(Err(&Failure::ClientGone), later);
    assert_eq!(breaker.state(), "half_open");
    for _ in 0..2 {
        call(&breaker, later, 200, Duration::ZERO);
    }
    assert_eq!(breaker.state(), "closed");
}

#[test]
fn a_request_whose_time_was_up_counts_against_the_upstream() {
    let (breaker, now) = (breaker(policy(), None), clock::now());
    for _ in 0..4 {
        drop(breaker.enter(now, now).unwrap());
    }
    assert_eq!(breaker.state(), "open");
}

#[test]
fn the_next_snapshot_goes_on_with_its_state() {
    let now = clock::now();
    let first = opened(now);
    let second = breaker(config::Breaker { half_open: 1, ..policy() }, Some(&first));
    assert_eq!(refused(&second, now), Some(5));
    call(&second, now + 5 * SECOND, 200, Duration::ZERO);
    assert_eq!((first.state(), second.state()), ("closed", "closed"));

    for status in [503, 503, 200] {
        call(&second, now, status, Duration::ZERO);
    }
    let longer = breaker(config::Breaker { window: 60 * SECOND, ..policy() }, Some(&second));
    call(&longer, now, 503, Duration::ZERO);
    assert_eq!(longer.state(), "closed", "with another window it counts anew");
    call(&second, now, 503, Duration::ZERO);
    assert_eq!(longer.state(), "open");
}

#[test]
fn fewer_trials_after_a_reload_do_not_leave_it_half_open() {
    let now = clock::now();
    let first = breaker(config::Breaker { half_open: 3, ..policy() }, Some(&opened(now)));
    let later = now + 5 * SECOND;
    call(&first, later, 200, Duration::ZERO);
    call(&first, later, 200, Duration::ZERO);
    assert_eq!(first.state(), "half_open");
    let second = breaker(config::Breaker { half_open: 1, ..policy() }, Some(&first));
    call(&second, later, 200, Duration::ZERO);
    assert_eq!(second.state(), "closed");
}

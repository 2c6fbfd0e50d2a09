use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::{Discipline, Gate, Place, Refused};
use crate::clock;
use crate::config::Admission;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(20);

fn gate(discipline: Discipline) -> Arc<Gate> {
    Gate::new(discipline, Arc::default())
}

fn bounds(at_once: usize, queue: usize, queue_timeout: Duration) -> Admission {
    Admission { at_once, queue, queue_timeout }
}

/// A wait that has begun.
macro_rules! waiting {
    ($gate:expr, $bounds:expr) => {{
        let mut wait = Box::pin($gate.enter($bounds));
        assert!(futures_poll(&mut wait).is_pending());
        wait
    }};
}

fn futures_poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(future).poll(&mut context)
}

/// The result of a future that has one.
fn done<F: Future + Unpin>(future: &mut F) -> F::Output {
    match futures_poll(future) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it still waits"),
    }
}

fn taken(gate: &Gate) -> (i64, i64) {
    (gate.active(), gate.waiting())
}

#[tokio::test]
async fn places_are_handed_on_in_the_order_in_which_they_were_asked_for() {
    let (gate, two) = (gate(Discipline::Fair), bounds(2, 2, LONG));
    let first = gate.enter(&two).await.unwrap();
    let _second = gate.enter(&two).await.unwrap();
    let mut third = waiting!(gate, &two);
    let mut fourth = waiting!(gate, &two);
    assert_eq!(taken(&gate), (2, 2));

    drop(first);
    assert!(futures_poll(&mut fourth).is_pending());
    let third = done(&mut third).unwrap();
    assert_eq!(taken(&gate), (2, 1));
    drop(third);
    let fourth = done(&mut fourth).unwrap();
    drop(fourth);
    assert_eq!(taken(&gate), (1, 0));
}

#[tokio::test]
async fn no_more_wait_than_may_and_the_last_one_is_refused() {
    let (gate, one) = (gate(Discipline::Fair), bounds(1, 1, LONG));
    let _held = gate.enter(&one).await.unwrap();
    let _wait = waiting!(gate, &one);
    assert_eq!(gate.enter(&one).await.unwrap_err(), Refused::Full);
    assert_eq!(taken(&gate), (1, 1));
}

#[tokio::test]
async fn where_nobody_may_wait_nobody_does() {
    for discipline in [Discipline::Fair, Discipline::Shedding] {
        let (gate, one) = (gate(discipline), bounds(1, 0, LONG));
        let held = gate.enter(&one).await.unwrap();
        assert_eq!(gate.enter(&one).await.unwrap_err(), Refused::Full);
        drop(held);
        drop(gate.enter(&one).await.unwrap());
    }
}

#[tokio::test]
async fn the_one_who_waited_longest_makes_room_where_load_is_shed() {
    let (gate, one) = (gate(Discipline::Shedding), bounds(1, 1, LONG));
    let held = gate.enter(&one).await.unwrap();
    let mut oldest = waiting!(gate, &one);
    let mut newest = waiting!(gate, &one);
    assert_eq!(done(&mut oldest).unwrap_err(), Refused::Shed);
    drop(held);
    drop(done(&mut newest).unwrap());
    assert_eq!(taken(&gate), (0, 0));
}

#[tokio::test]
async fn patience_ends() {
    let (gate, one) = (gate(Discipline::Fair), bounds(1, 9, SHORT));
    let _held = gate.enter(&one).await.unwrap();
    assert_eq!(gate.enter(&one).await.unwrap_err(), Refused::Late);
    assert_eq!(taken(&gate), (1, 0));
}

#[tokio::test]
async fn a_dropped_wait_leaves_the_line_and_hands_on_what_it_was_given() {
    let (gate, one) = (gate(Discipline::Fair), bounds(1, 9, LONG));
    let held = gate.enter(&one).await.unwrap();
    let gone = waiting!(gate, &one);
    let given = waiting!(gate, &one);
    let mut last = waiting!(gate, &one);
    drop(gone);
    assert_eq!(taken(&gate), (1, 2));
    drop(held);
    // It has the place by now and does not know it.
    drop(given);
    let last: Place = done(&mut last).unwrap();
    assert_eq!(taken(&gate), (1, 0));
    drop(last);
    assert_eq!(taken(&gate), (0, 0));
}

#[tokio::test]
async fn a_changed_bound_holds_from_the_next_one_on() {
    let gate = gate(Discipline::Fair);
    let (one, two) = (bounds(1, 9, LONG), bounds(2, 9, LONG));
    let first = gate.enter(&one).await.unwrap();
    let mut second = waiting!(gate, &one);
    let mut third = waiting!(gate, &two);
    let second = done(&mut second).unwrap();
    assert_eq!(taken(&gate), (2, 1));

    let mut fourth = waiting!(gate, &one);
    drop(first);
    assert!(futures_poll(&mut third).is_pending());
    drop(second);
    drop(done(&mut third).unwrap());
    drop(done(&mut fourth).unwrap());
    assert_eq!(taken(&gate), (0, 0));
}

#[test]
fn patience_is_short_while_the_line_does_not_clear() {
    let (gate, one) = (gate(Discipline::Shedding), bounds(1, 9, Duration::from_secs(1)));
    let now = clock::now();
    let patience = |after: u64| {
        let asked = gate.ask(&one, now + Duration::from_millis(after)).unwrap();
        asked.map(|(waiter, patience)| {
            // It stays in line.
            std::mem::forget(waiter);
            patience
        })
    };
    assert_eq!(patience(0), None);
    assert_eq!(patience(0), Some(Duration::from_secs(1)));
    assert_eq!(patience(1000), Some(Duration::from_secs(1)));
    assert_eq!(patience(1001), Some(Duration::from_millis(50)));
    // Three waited; once they had their turn the line begins anew.
    for _ in 0..4 {
        gate.leave();
    }
    assert_eq!(patience(2000), None);
    assert_eq!(patience(2000), Some(Duration::from_secs(1)));
}

//! Turns, without sockets.

use std::sync::Arc;
use std::time::Duration;

use super::Balance;
use crate::clock;
use crate::config::{self, BalancePolicy, Balancing, HashKey, HealthCheck, Probe};
use crate::telemetry::Metrics;
use crate::upstream::endpoint::{Address, Care, Endpoint, Known, Seat, UnderWay};

const CHECK: HealthCheck = HealthCheck {
    probe: Probe::Tcp,
    interval: Duration::from_secs(5),
    timeout: Duration::from_secs(2),
    rise: 1,
    fall: 1,
};

/// Endpoints of these weights and priorities, called by their index.
fn of(balancing: &Balancing, endpoints: &[(u32, u8)], previous: Option<&Balance>) -> Balance {
    let care = Arc::new(Care::of(balancing, endpoints.len()));
    let metrics = Metrics::default().upstream("u");
    let known = previous.map_or(&[][..], Balance::endpoints);
    let build = |(index, (weight, priority)): (usize, &(u32, u8))| {
        let config = config::Endpoint {
            is_https: false,
            host: format!("10.0.0.{index}"),
            port: 80,
            weight: *weight,
            priority: *priority,
        };
        let since_us = if previous.is_some() { clock::monotonic_us().max(1) } else { 0 };
        let seat = Seat { config: &config, address: Address::Own, since_us };
        Endpoint::build(&seat, None, &metrics, &Known::of(known), &care)
    };
    let endpoints = endpoints.iter().enumerate().map(build).collect();
    Balance::build(endpoints, &care, previous)
}

fn weighted(policy: BalancePolicy, weights: &[u32]) -> Balance {
    let endpoints: Vec<(u32, u8)> = weights.iter().map(|weight| (*weight, 0)).collect();
    of(&Balancing { policy, ..Balancing::default() }, &endpoints, None)
}

fn checked(panic_percent: u8, endpoints: &[(u32, u8)]) -> Balance {
    let balancing =
        Balancing { health: Some(CHECK.clone()), panic_percent, ..Balancing::default() };
    of(&balancing, endpoints, None)
}

fn index(endpoint: &Endpoint) -> usize {
    let (host, _) = endpoint.address().split_once(':').unwrap();
    host.rsplit('.').next().unwrap().parse().unwrap()
}

/// A whole turn.
fn turn(balance: &Balance) -> Vec<usize> {
    balance.turn(None).map(index).collect()
}

fn firsts(balance: &Balance, turns: usize) -> Vec<usize> {
    (0..turns).filter_map(|_| balance.turn(None).next().map(index)).collect()
}

fn count(turns: &[usize], index: usize) -> usize {
    turns.iter().filter(|turn| **turn == index).count()
}

fn check(balance: &Balance, index: usize, is_good: bool) {
    balance.endpoints()[index].health().checked(is_good, &CHECK, clock::monotonic_us());
}

fn hold(balance: &Balance, index: usize, exchanges: usize) -> Vec<UnderWay> {
    (0..exchanges).map(|_| balance.endpoints()[index].enter().unwrap()).collect()
}

#[test]
fn a_turn_gives_every_endpoint_with_weight_once() {
    let balance = weighted(BalancePolicy::RoundRobin, &[2, 0, 1, 1]);
    assert_eq!(turn(&balance), [0, 2, 3]);
    assert_eq!(turn(&balance), [2, 3, 0]);
    assert_eq!(turn(&balance), [3, 0, 2]);
    for policy in [
        BalancePolicy::LeastConnections,
        BalancePolicy::PeakEwma,
        BalancePolicy::PowerOfTwo,
        BalancePolicy::Random,
        BalancePolicy::Hash(HashKey::Ip),
    ] {
        let mut all = turn(&weighted(policy, &[2, 0, 1, 1]));
        all.sort_unstable();
        assert_eq!(all, [0, 2, 3]);
    }
}

#[test]
fn the_next_snapshot_goes_on_where_the_last_one_is() {
    let first = weighted(BalancePolicy::RoundRobin, &[1, 1, 1]);
    assert_eq!(firsts(&first, 1), [0]);
    let second = of(&Balancing::default(), &[(1, 0), (1, 0), (1, 0)], Some(&first));
    assert_eq!(firsts(&second, 1), [1]);
    assert_eq!(firsts(&first, 1), [2]);
}

#[test]
fn without_weight_nobody_has_a_turn() {
    assert_eq!(turn(&weighted(BalancePolicy::RoundRobin, &[0, 0])), [0; 0]);
    assert_eq!(turn(&weighted(BalancePolicy::Hash(HashKey::Path), &[])), [0; 0]);
}

#[test]
fn the_share_of_an_unhealthy_endpoint_is_spread_over_all_others() {
    let balance = checked(50, &[(1, 0), (1, 0), (1, 0)]);
    check(&balance, 1, false);
    assert_eq!(firsts(&balance, 6), [0, 2, 0, 2, 0, 2]);
    assert_eq!(turn(&balance), [0, 2], "it is not asked in need, either");
    check(&balance, 1, true);
    assert_eq!(count(&firsts(&balance, 9), 1), 3);
}

#[test]
fn backups_are_asked_when_no_healthy_endpoint_is_before_them() {
    let balance = checked(0, &[(1, 1), (1, 0), (1, 0), (1, 7)]);
    assert_eq!(turn(&balance), [1, 2, 0, 3]);
    check(&balance, 1, false);
    assert_eq!(firsts(&balance, 3), [2, 2, 2]);
    check(&balance, 2, false);
    assert_eq!(turn(&balance), [0, 3]);
    check(&balance, 0, false);
    assert_eq!(turn(&balance), [3]);
    check(&balance, 1, true);
    assert_eq!(turn(&balance), [1, 3]);
}

#[test]
fn health_is_ignored_below_the_panic_threshold() {
    let balance = checked(50, &[(1, 0), (1, 0), (1, 0), (1, 1)]);
    check(&balance, 0, false);
    assert_eq!(count(&firsts(&balance, 8), 0), 0, "two of three are more than half");
    check(&balance, 1, false);
    let turns = firsts(&balance, 9);
    assert_eq!([0, 1, 2].map(|index| count(&turns, index)), [3, 3, 3]);
    check(&balance, 2, false);
    assert_eq!(firsts(&balance, 2), [3, 3], "the backup is healthy");
    check(&balance, 3, false);
    let mut all = turn(&balance);
    assert_eq!(all.pop(), Some(3), "nobody is: all are asked, in their order");
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2]);
}

#[test]
fn nobody_is_asked_if_nobody_is_healthy_and_health_is_never_ignored() {
    let balance = checked(0, &[(1, 0), (1, 0)]);
    check(&balance, 0, false);
    assert_eq!(turn(&balance), [1]);
    check(&balance, 1, false);
    assert_eq!(turn(&balance), [0; 0]);
}

#[test]
fn the_fewest_exchanges_under_way_for_the_weight_win() {
    let balance = weighted(BalancePolicy::LeastConnections, &[1, 1, 1]);
    let (zero, _one) = (hold(&balance, 0, 2), hold(&balance, 1, 1));
    assert_eq!(firsts(&balance, 3), [2, 2, 2]);
    let _two = hold(&balance, 2, 2);
    assert_eq!(firsts(&balance, 3), [1, 1, 1]);
    drop(zero);
    assert_eq!(firsts(&balance, 3), [0, 0, 0], "an end counts at once");

    let balance = weighted(BalancePolicy::LeastConnections, &[3, 1]);
    assert_eq!(count(&firsts(&balance, 8), 0), 6, "equals have their turns by weight");
    let _held = (hold(&balance, 0, 2), hold(&balance, 1, 1));
    assert_eq!(firsts(&balance, 2), [0, 0], "two of three are less than one of one");
}

#[test]
fn of_two_the_one_with_fewer_exchanges_wins() {
    fastrand::seed(1);
    let balance = weighted(BalancePolicy::PowerOfTwo, &[1, 1]);
    let _held = hold(&balance, 0, 1);
    assert_eq!(count(&firsts(&balance, 100), 1), 100);

    let balance = weighted(BalancePolicy::PowerOfTwo, &[1, 1, 1, 1]);
    let _held = hold(&balance, 3, 5);
    let turns = firsts(&balance, 900);
    assert_eq!(count(&turns, 3), 0, "the worst of all is never the better of two");
    for index in 0..3 {
        assert!((200..400).contains(&count(&turns, index)), "{turns:?}");
    }
}

#[test]
fn of_two_the_one_that_answers_sooner_wins() {
    fastrand::seed(2);
    let balance = weighted(BalancePolicy::PeakEwma, &[1, 1]);
    let [slow, fast] = balance.endpoints() else { panic!("two endpoints") };
    slow.took(Duration::from_millis(100), false, clock::monotonic_us);
    fast.took(Duration::from_millis(10), false, clock::monotonic_us);
    assert_eq!(firsts(&balance, 20), [1; 20]);
    let _held = hold(&balance, 1, 19);
    assert_eq!(firsts(&balance, 20), [0; 20], "twenty times 10 ms are longer");
    slow.took(Duration::ZERO, true, clock::monotonic_us);
    assert_eq!(firsts(&balance, 20), [1; 20], "a failure is not fast");
}

#[test]
fn chance_keeps_to_the_weights() {
    fastrand::seed(3);
    let turns = firsts(&weighted(BalancePolicy::Random, &[3, 1, 0]), 4000);
    let [three, one, none] = [0, 1, 2].map(|index| count(&turns, index));
    assert!((2850..3150).contains(&three), "{three}");
    assert_eq!((three + one, none), (4000, 0));
}

#[test]
fn the_same_value_goes_to_the_same_endpoint_and_to_another_only_in_need() {
    let balancing = Balancing {
        policy: BalancePolicy::Hash(HashKey::Ip),
        health: Some(CHECK.clone()),
        ..Balancing::default()
    };
    let balance = of(&balancing, &[(1, 0); 10], None);
    let all = || -> Vec<usize> {
        let number = |key: u64| key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (0..1000).map(|key| balance.turn(Some(number(key))).next().map(index).unwrap()).collect()
    };
    let before = all();
    assert_eq!(before, all());
    assert!((0..10).all(|index| (60..140).contains(&count(&before, index))), "{before:?}");

    check(&balance, 4, false);
    let during = all();
    let pairs = || before.iter().zip(&during);
    assert!(pairs().all(|(before, during)| (*before == 4) == (before != during)));
    let heirs: Vec<usize> =
        pairs().filter(|(before, _)| **before == 4).map(|(_, heir)| *heir).collect();
    assert!((0..10).filter(|index| count(&heirs, *index) > 0).count() > 5, "{heirs:?}");
    check(&balance, 4, true);
    assert_eq!(all(), before);
}

#[test]
fn a_new_endpoint_passes_most_of_its_turns_on() {
    let balancing =
        Balancing { slow_start: Some(Duration::from_secs(3600)), ..Balancing::default() };
    let first = of(&balancing, &[(1, 0)], None);
    let second = of(&balancing, &[(1, 0), (1, 0)], Some(&first));
    let turns = firsts(&second, 110);
    assert_eq!((count(&turns, 0), count(&turns, 1)), (100, 10));
    assert_eq!(turn(&second).len(), 2, "in need it is asked all the same");
}

#[test]
fn no_more_exchanges_than_may_be_are_let_in() {
    let balancing = Balancing { exchanges_max: Some(2), ..Balancing::default() };
    let balance = of(&balancing, &[(1, 0)], None);
    let held = hold(&balance, 0, 2);
    let [endpoint] = balance.endpoints() else { panic!("one endpoint") };
    assert!(endpoint.enter().is_none());
    assert_eq!(endpoint.under_way(), Some(2));
    drop(held);
    assert_eq!(endpoint.under_way(), Some(0));
    assert!(endpoint.enter().is_some());
}

#[test]
fn one_plain_endpoint_is_not_counted() {
    let balance = weighted(BalancePolicy::RoundRobin, &[1]);
    let _held = hold(&balance, 0, 1);
    assert_eq!(balance.endpoints()[0].under_way(), None);
}

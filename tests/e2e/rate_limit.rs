//! The first-party plugin `rate-limit`: exact to the unit, whoever asks at once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::guest;
use tidegate_tests::{client, origin};

const CLIENTS: usize = 64;
const REQUESTS: usize = 10_000;

async fn limited(config: &str) -> Gateway {
    let limit = guest::component("rate-limit").config(config);
    gateway::Builder::default().route_with("/", [limit], "respond = {}").start().await
}

/// Sends so many requests from so many clients at once. How many answers there were of each
/// status, and how long it took.
async fn flood(
    gateway: &Gateway,
    clients: usize,
    requests: usize,
) -> (BTreeMap<u16, usize>, Duration) {
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(gateway.http1().await);
    }
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for (number, mut connection) in connections.into_iter().enumerate() {
        let share = requests / clients + usize::from(number < requests % clients);
        tasks.spawn(async move {
            let mut statuses = Vec::with_capacity(share);
            for _ in 0..share {
                statuses.push(connection.get("/").await.status());
            }
            statuses
        });
    }
    let mut counts = BTreeMap::new();
    for status in tasks.join_all().await.into_iter().flatten() {
        *counts.entry(status).or_insert(0) += 1;
    }
    (counts, began.elapsed())
}

fn counts(admitted: usize) -> BTreeMap<u16, usize> {
    BTreeMap::from([(200, admitted), (429, REQUESTS - admitted)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fixed_window_admits_its_limit() {
    // A window of a year does not end during the test, unless somebody celebrates.
    let gateway = limited(r#"{ limit = 100, per = "365d", algorithm = "fixed" }"#).await;
    assert_eq!(flood(&gateway, CLIENTS, REQUESTS).await.0, counts(100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sliding_window_admits_its_limit() {
    let gateway = limited(r#"{ limit = 100, per = "10m", algorithm = "sliding" }"#).await;
    assert_eq!(flood(&gateway, CLIENTS, REQUESTS).await.0, counts(100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_bucket_admits_its_burst_and_what_time_brings() {
    let gateway =
        limited(r#"{ limit = 100, per = "minute", algorithm = "token", burst = 50 }"#).await;
    let (counts, elapsed) = flood(&gateway, CLIENTS, REQUESTS).await;
    let admitted = counts[&200];
    let most = 50 + brought(elapsed) + 1;
    // The first is taken a little after the clock starts here, the last a little before it stops.
    let least = 50 + brought(elapsed.saturating_sub(Duration::from_millis(700)));
    assert!((least..=most).contains(&admitted), "{admitted} of {least} to {most} in {elapsed:?}");
    assert_eq!(counts.values().sum::<usize>(), REQUESTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaky_bucket_admits_one_its_burst_and_what_time_brings() {
    let gateway = limited(
        r#"{ limit = 100, per = "minute", algorithm = "leaky", burst = 49, nodelay = true }"#,
    )
    .await;
    let (counts, elapsed) = flood(&gateway, CLIENTS, REQUESTS).await;
    let admitted = counts[&200];
    let most = 50 + brought(elapsed) + 1;
    let least = 50 + brought(elapsed.saturating_sub(Duration::from_millis(700)));
    assert!((least..=most).contains(&admitted), "{admitted} of {least} to {most} in {elapsed:?}");
}

/// What 100 a minute bring in this time.
fn brought(elapsed: Duration) -> usize {
    usize::try_from(elapsed.as_millis() * 100 / 60_000).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nginx_admits_of_a_hundred_at_once() {
    // `rate=10r/s burst=20 nodelay`, at a rate that brings nothing while the test runs.
    let gateway = limited(r#"{ rate = "1r/m", burst = 20, nodelay = true }"#).await;
    let (counts, elapsed) = flood(&gateway, 100, 100).await;
    assert!(elapsed < Duration::from_secs(60), "{elapsed:?}");
    assert_eq!(counts, BTreeMap::from([(200, 21), (429, 79)]));
}

#[tokio::test]
async fn a_leaky_bucket_lets_those_in_excess_wait_for_their_turn() {
    let gateway = limited(r#"{ rate = "10r/s", burst = 5 }"#).await;
    let (counts, elapsed) = flood(&gateway, 6, 6).await;
    assert_eq!(counts, BTreeMap::from([(200, 6)]));
    assert!(
        elapsed >= Duration::from_millis(480),
        "the sixth waits for half a second, {elapsed:?}"
    );
}

#[tokio::test]
async fn a_refusal_says_when_to_come_again() {
    let gateway = limited(r#"{ limit = 1, per = "hour" }"#).await;
    let reply = gateway.get("/").await;
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.header("x-ratelimit-limit-hour"), Some("1"));
    assert_eq!(reply.header("x-ratelimit-remaining-hour"), Some("0"));
    assert_eq!(reply.header("ratelimit-policy"), Some("\"hour\";q=1;w=3600"));
    let reply = gateway.get("/").await;
    assert_eq!(reply.status(), 429);
    assert_eq!(reply.json()["message"], "API rate limit exceeded");
    let seconds: u32 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((3500..=3600).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_are_told_apart() {
    let limit = guest::component("rate-limit").config(r#"{ limit = 1, per = "hour" }"#);
    let gateway = gateway::Builder::default()
        .setting("trusted_proxies = [\"127.0.0.1\"]")
        .route_with("/", [limit], "respond = {}")
        .start()
        .await;
    for (address, status) in [("1.1.1.1", 200), ("1.1.1.2", 200), ("1.1.1.1", 429)] {
        let reply = gateway.get_with("/", &[("x-forwarded-for", address)]).await;
        assert_eq!(reply.status(), status, "{address}");
    }
}

#[tokio::test]
async fn refused_requests_do_not_reach_the_upstream() {
    let origin = origin::replying("ok").await;
    let limit = guest::component("rate-limit").config(r#"{ limit = 3, per = "hour" }"#);
    let gateway = gateway::before(&origin).route("/", [limit]).start().await;
    let mut client = client::http1(gateway.address()).await;
    for _ in 0..10 {
        client.get("/").await;
    }
    assert_eq!(origin.counts().requests, 3);
}

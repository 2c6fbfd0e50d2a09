//! Every fault at once, for a while, beside a route that has nothing to do with them.
//!
//! `TIDEGATE_SOAK_SECONDS` makes it longer. What it prints about latencies is for people: a test on a
//! busy machine can say that nothing was lost, not how fast it was.

use std::time::{Duration, Instant};

use tidegate_tests::guest::{self, Plugin};
use tidegate_tests::process::Process;
use tidegate_tests::{client, gateway, origin};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::TIDEGATE;

const SECONDS: u64 = 9;

/// Between two requests of the neighbour, as of a route with 500 requests a second.
const PACE: Duration = Duration::from_millis(2);

const LIMITS: &str = "{ memory = \"4MiB\", cpu = \"5ms\", wall = \"100ms\" }";

/// What stands in the way, and what the client is told.
fn faults(silent: &origin::Origin) -> Vec<(&'static str, Plugin, &'static [u16])> {
    let holds = guest::fans_out().sends(&[], &[&silent.url()], "");
    vec![
        ("traps", guest::traps(), &[500]),
        ("grows", guest::grows(), &[500]),
        ("recurses", guest::recurses(), &[500]),
        ("loops", guest::loops(), &[500]),
        ("outside", guest::outside(), &[500]),
        ("lies", guest::lies(), &[500]),
        ("sleeps", guest::sleeps().config("{ ms = 60000 }"), &[500]),
        ("hold", holds, &[500]),
        // On a slow machine its time is up before its messages are.
        ("floods", guest::floods(), &[200, 500]),
    ]
}

/// Asks a route until then, one request after the other; how many there were, all with one of these statuses.
async fn suffer(
    process: &Process,
    path: &str,
    to: &str,
    statuses: &[u16],
    until: Instant,
) -> usize {
    let mut client = client::http1(process.address()).await;
    let mut count = 0;
    while Instant::now() < until {
        let headers = [("x-trap", "request"), ("x-to", to)];
        let reply = client.send(client::request("GET", path, &headers, "")).await;
        assert!(statuses.contains(&reply.status()), "{path}: {}", reply.status());
        count += 1;
    }
    count
}

/// Asks the neighbour at its pace until then; the latencies, sorted.
async fn neighbour(process: &Process, until: Instant) -> Vec<Duration> {
    let mut client = client::http1(process.address()).await;
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut latencies = Vec::new();
    while Instant::now() < until {
        pace.tick().await;
        let began = Instant::now();
        assert_eq!(client.get("/plain").await.status(), 200);
        latencies.push(began.elapsed());
    }
    latencies.sort_unstable();
    latencies
}

fn quantile(sorted: &[Duration], hundredths: usize) -> Duration {
    sorted[(sorted.len() * hundredths / 100).min(sorted.len() - 1)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_faults_at_once_cost_a_neighbour_no_request_and_the_gateway_no_memory() {
    let seconds = std::env::var("TIDEGATE_SOAK_SECONDS").ok();
    let seconds = seconds.map_or(SECONDS, |seconds| seconds.parse().expect("seconds"));
    let (origin, silent) = (origin::replying("ok").await, origin::silent().await);
    let mut builder = gateway::before(&origin).route("/plain", [guest::empty()]);
    for (name, plugin, _) in faults(&silent) {
        builder = builder.route(&format!("/{name}"), [plugin.named(name).limits(LIMITS)]);
    }
    let mut process = builder.spawn(TIDEGATE).await;
    process.ignore_log();
    let process = std::sync::Arc::new(process);

    let third = Duration::from_secs(seconds) / 3;
    let quiet = neighbour(&process, Instant::now() + third).await;

    let mut early = 0;
    let mut loud = Vec::new();
    for round in 0..2 {
        let until = Instant::now() + third;
        let mut sufferers = JoinSet::new();
        for (name, _, statuses) in faults(&silent) {
            let (process, to) = (std::sync::Arc::clone(&process), silent.url());
            sufferers.spawn(async move {
                let path =
                    if name == "lies" { "/lies/status".to_owned() } else { format!("/{name}") };
                (name, suffer(&process, &path, &to, statuses, until).await)
            });
        }
        loud = neighbour(&process, until).await;
        let counts: Vec<_> = sufferers.join_all().await;
        eprintln!("round {round}: {counts:?}");
        if round == 0 {
            early = process.resident_kib();
        }
    }
    let late = process.resident_kib();
    for (what, latencies) in [("alone", &quiet), ("beside faults", &loud)] {
        let [p50, p90, p99] = [50, 90, 99].map(|n| quantile(latencies, n));
        eprintln!("{what}: {} requests, p50 {p50:?}, p90 {p90:?}, p99 {p99:?}", latencies.len());
    }
    eprintln!("memory: {early} KiB, then {late} KiB");
    assert!(late <= early + early / 10, "{early} KiB after a round, then {late} KiB");
}

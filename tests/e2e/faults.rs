//! Thousands of faults in a row leave nothing behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tidegate_tests::guest::{self, Plugin};
use tidegate_tests::process::Process;
use tidegate_tests::{client, gateway, origin};

use crate::TIDEGATE;

const CLIENTS: usize = 4;

/// Has so many clients send so many requests to `path`; how many were answered with `status`.
async fn ask(
    process: &Process,
    path: &'static str,
    (clients, requests): (usize, usize),
    status: u16,
) -> usize {
    let left = Arc::new(AtomicUsize::new(requests));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..clients {
        let (left, address) = (Arc::clone(&left), process.address());
        tasks.spawn(async move {
            let mut client = client::http1(address).await;
            let mut expected = 0;
            while left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                .is_ok()
            {
                let request = client::request("GET", path, &[("x-trap", "request")], "");
                expected += usize::from(client.send(request).await.status() == status);
            }
            expected
        });
    }
    tasks.join_all().await.into_iter().sum()
}

/// Whether memory stays flat over `faults` of a plugin: the second half adds less than a twentieth
/// to what the first has left.
///
/// Half of them come first because the gateway gives back what loading took when it gets to it,
/// and takes some of it again.
async fn leaves_nothing(plugin: Plugin, faults: usize) {
    let origin = origin::replying("ok").await;
    let limits = "{ memory = \"4MiB\", cpu = \"2ms\", wall = \"50ms\" }";
    // One worker: of several, one may get no connection at first, and use its stack only later.
    let mut process = gateway::before(&origin)
        .setting("workers = 1")
        .route("/fault", [plugin.named("fault").limits(limits)])
        .route("/plain", [guest::empty()])
        .spawn(TIDEGATE)
        .await;
    process.ignore_log();

    assert_eq!(ask(&process, "/plain", (CLIENTS, 200), 200).await, 200);
    // More at once than later: the stacks of calls that run at once are kept, and used again.
    let (first, second) = (faults.div_ceil(2), faults / 2);
    assert_eq!(ask(&process, "/fault", (4 * CLIENTS, first), 500).await, first);
    let early = process.resident_kib();
    assert_eq!(ask(&process, "/fault", (CLIENTS, second), 500).await, second);
    let late = process.resident_kib();
    assert!(late <= early + early / 20, "{early} KiB after half of the faults, then {late} KiB");
    assert_eq!(ask(&process, "/plain", (CLIENTS, 200), 200).await, 200);

    let metrics = client::http1(process.admin()).await.get("/metrics").await;
    let alive = "tidegate_plugin_instances{plugin=\"fault\"} 0";
    assert!(metrics.text().contains(alive), "{}", metrics.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_traps_in_a_row_leave_nothing_behind() {
    leaves_nothing(guest::traps(), 10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_that_take_all_memory_leave_nothing_behind() {
    leaves_nothing(guest::grows(), 1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_that_recurse_leave_nothing_behind() {
    leaves_nothing(guest::recurses(), 1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_that_never_return_leave_nothing_behind() {
    leaves_nothing(guest::loops(), 500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_that_call_what_their_phase_lacks_leave_nothing_behind() {
    leaves_nothing(guest::outside(), 1_000).await;
}

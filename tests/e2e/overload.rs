//! More requests than an upstream or the gateway takes at once.

use std::sync::Arc;

use tidegate_tests::client::{self, Reply};
use tidegate_tests::gateway::Gateway;
use tidegate_tests::origin::Origin;
use tidegate_tests::{gateway, origin, until};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Answers each request once it may.
async fn hesitates(may: &Arc<Semaphore>) -> Origin {
    let may = Arc::clone(may);
    origin::scripted(move |mut connection| {
        let may = Arc::clone(&may);
        async move {
            while connection.request().await.is_some() {
                may.acquire().await.expect("it is never closed").forget();
                connection.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            }
        }
    })
    .await
}

/// Asks on a connection of its own, and goes on.
fn ask(gateway: &Gateway) -> JoinHandle<Reply> {
    let address = gateway.address();
    tokio::spawn(async move { client::http1(address).await.get("/").await })
}

fn refused(reply: &Reply) -> (u16, String, Option<&str>) {
    let error = reply.json()["error"].as_str().unwrap_or_default().to_owned();
    (reply.status(), error, reply.header("retry-after"))
}

fn overloaded(token: &str) -> (u16, String, Option<&'static str>) {
    (503, token.to_owned(), Some("1"))
}

/// Waits until a series has exactly this value, which may be less than before.
async fn settles(gateway: &Gateway, series: &str, value: f64) {
    let there =
        async || ((gateway.metric(series).await - value).abs() < f64::EPSILON).then_some(());
    until(there).await;
}

const ACTIVE: &str = "tidegate_upstream_active{upstream=\"origin\"}";
const WAITING: &str = "tidegate_upstream_waiting{upstream=\"origin\"}";

#[tokio::test]
async fn an_upstream_takes_so_many_at_once_and_so_many_wait() {
    let may = Arc::new(Semaphore::new(0));
    let origin = hesitates(&may).await;
    let gateway = gateway::before(&origin)
        .upstream("max_requests = 1\nqueue = 1\nqueue_timeout = \"1h\"")
        .route("/", [])
        .start()
        .await;
    let first = ask(&gateway);
    origin.saw(|counts| counts.requests == 1).await;
    let second = ask(&gateway);
    gateway.metric_becomes(WAITING, 1.0).await;
    assert_eq!(refused(&gateway.get("/").await), overloaded("upstream_overloaded"));
    let shown = gateway.status().await["upstreams"][0]["requests"].clone();
    assert_eq!(shown, serde_json::json!({ "active": 1, "limit": 1, "waiting": 1, "queue": 1 }));
    assert_eq!(origin.counts().requests, 1);

    may.add_permits(2);
    assert_eq!((first.await.unwrap().text(), second.await.unwrap().text()), ("ok", "ok"));
    settles(&gateway, ACTIVE, 0.0).await;
    let full = "tidegate_upstream_refused_total{upstream=\"origin\",reason=\"queue_full\"}";
    gateway.metric_becomes(full, 1.0).await;
}

#[tokio::test]
async fn a_wait_ends_after_its_time() {
    let may = Arc::new(Semaphore::new(0));
    let origin = hesitates(&may).await;
    let gateway = gateway::before(&origin)
        .upstream("max_requests = 1\nqueue = 9\nqueue_timeout = \"50ms\"")
        .route("/", [])
        .start()
        .await;
    let first = ask(&gateway);
    origin.saw(|counts| counts.requests == 1).await;
    assert_eq!(refused(&gateway.get("/").await), overloaded("upstream_overloaded"));
    may.add_permits(1);
    assert_eq!(first.await.unwrap().text(), "ok");
}

#[tokio::test]
async fn a_place_is_kept_until_the_last_byte_and_given_back_by_a_client_that_leaves() {
    let origin = origin::stalls_after_head().await;
    let gateway =
        gateway::before(&origin).upstream("max_requests = 1").route("/", []).start().await;
    let mut client = gateway.raw().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.head().await.status(), 200);
    assert_eq!(refused(&gateway.get("/").await), overloaded("upstream_overloaded"));
    drop(client);
    settles(&gateway, ACTIVE, 0.0).await;
}

#[tokio::test]
async fn a_client_that_leaves_while_it_waits_holds_up_nobody() {
    let may = Arc::new(Semaphore::new(0));
    let origin = hesitates(&may).await;
    let gateway = gateway::before(&origin)
        .upstream("max_requests = 1\nqueue = 1\nqueue_timeout = \"1h\"")
        .route("/", [])
        .start()
        .await;
    let first = ask(&gateway);
    origin.saw(|counts| counts.requests == 1).await;
    let gone = ask(&gateway);
    gateway.metric_becomes(WAITING, 1.0).await;
    gone.abort();
    settles(&gateway, WAITING, 0.0).await;
    let second = ask(&gateway);
    gateway.metric_becomes(WAITING, 1.0).await;
    may.add_permits(2);
    assert_eq!((first.await.unwrap().text(), second.await.unwrap().text()), ("ok", "ok"));
    assert_eq!(origin.counts().requests, 2);
}

#[tokio::test]
async fn a_limit_counts_what_began_before_a_change_of_the_configuration() {
    let may = Arc::new(Semaphore::new(0));
    let origin = hesitates(&may).await;
    let gateway =
        gateway::before(&origin).upstream("max_requests = 1").route("/", []).start().await;
    let first = ask(&gateway);
    origin.saw(|counts| counts.requests == 1).await;
    gateway.change(|text| text.replace("max_requests = 1", "max_requests = 2")).await;
    let second = ask(&gateway);
    origin.saw(|counts| counts.requests == 2).await;
    assert_eq!(refused(&gateway.get("/").await), overloaded("upstream_overloaded"));
    may.add_permits(2);
    assert_eq!((first.await.unwrap().text(), second.await.unwrap().text()), ("ok", "ok"));
}

#[tokio::test]
async fn the_gateway_sheds_the_one_that_waited_longest() {
    let may = Arc::new(Semaphore::new(0));
    let origin = hesitates(&may).await;
    let gateway = gateway::before(&origin)
        .limit("exchanges = 1")
        .limit("exchanges_queue = 1")
        .limit("exchanges_queue_timeout = \"1h\"")
        .route("/", [])
        .start()
        .await;
    let first = ask(&gateway);
    origin.saw(|counts| counts.requests == 1).await;
    let second = ask(&gateway);
    gateway.metric_becomes("tidegate_exchanges_waiting", 1.0).await;
    let third = ask(&gateway);

    assert_eq!(refused(&second.await.unwrap()), overloaded("proxy_overloaded"));
    let shown = gateway.status().await["exchanges"].clone();
    assert_eq!(shown, serde_json::json!({ "active": 1, "limit": 1, "waiting": 1, "queue": 1 }));
    may.add_permits(2);
    assert_eq!((first.await.unwrap().text(), third.await.unwrap().text()), ("ok", "ok"));
    settles(&gateway, "tidegate_exchanges", 0.0).await;
    gateway.metric_becomes("tidegate_exchanges_refused_total{reason=\"shed\"}", 1.0).await;
    let failed = "tidegate_failures_total{route=\"root\",error=\"proxy_overloaded\"}";
    gateway.metric_becomes(failed, 1.0).await;
}

//! Listeners that come, go and change with a reload.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tidegate_tests::client::{self, request};
use tidegate_tests::gateway::{Builder, Gateway};
use tidegate_tests::{gateway, origin, soon, tls, until};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const TLS: &str = "tls = { certificate = \"cert.pem\", key = \"key.pem\" }\n";

/// Two listeners that stay, so that tests can find them, and certificates for others.
fn listening(addresses: &[&str]) -> (Builder, tls::Authority) {
    let authority = tls::authority("listeners");
    let issued = authority.issue(&["localhost"]);
    let listeners = addresses.iter().map(|at| format!("[[listeners]]\naddress = {at:?}\n"));
    let builder = Builder::default()
        .file("cert.pem", &issued.pem)
        .file("key.pem", &issued.key)
        .toml(&listeners.collect::<String>());
    (builder, authority)
}

/// Changes what follows the address of a listener, or takes the listener away.
fn edited(text: &str, address: &str, change: Option<&str>) -> String {
    let table = format!("[[listeners]]\naddress = {address:?}\n");
    assert!(text.contains(&table), "{text}");
    match change {
        Some(lines) => text.replace(&table, &format!("{table}{lines}")),
        None => text.replace(&table, ""),
    }
}

/// A client that asks on one connection, and one with a connection for each request, until told to
/// stop. Both end the test if one request has no answer.
fn asking(address: SocketAddr, stop: &Arc<AtomicBool>, answers: &Arc<AtomicUsize>) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    for keeps in [true, false] {
        let (stop, answers) = (Arc::clone(stop), Arc::clone(answers));
        clients.spawn(async move {
            let mut client = client::http1(address).await;
            while !stop.load(Ordering::Relaxed) {
                let reply = client.send(request("GET", "/", &[], "")).await;
                assert_eq!(reply.text(), "ok");
                assert_eq!(reply.header("connection"), None, "the connection is told to end");
                answers.fetch_add(1, Ordering::Relaxed);
                if !keeps {
                    client = client::http1(address).await;
                }
            }
        });
    }
    clients
}

#[tokio::test]
async fn a_change_of_one_listener_costs_no_other_a_connection_or_a_request() {
    let origin = origin::replying("ok").await;
    let (builder, authority) = listening(&["127.0.0.1:0", "127.0.0.2:0"]);
    let builder = builder.upstream(&format!("endpoints = [{:?}]", origin.url()));
    let gateway = builder.route("/", []).start().await;
    let (stop, answers) = (Arc::default(), Arc::default());
    let mut clients = asking(gateway.address(), &stop, &answers);
    let some_more = async || {
        let enough = answers.load(Ordering::Relaxed) + 20;
        until(async || (answers.load(Ordering::Relaxed) >= enough).then_some(())).await;
    };
    let second = gateway.addresses()[1];

    some_more().await;
    let added = "[[listeners]]\naddress = \"[::1]:0\"\n";
    gateway.change(|text| format!("{added}{text}")).await;
    let addresses = gateway.running().addresses();
    assert_eq!(addresses.len(), 3);
    assert_eq!(client::http1(addresses[0]).await.get("/").await.text(), "ok");
    some_more().await;

    gateway.change(|text| edited(&text, "127.0.0.2:0", Some(TLS))).await;
    let mut encrypted = authority.dialer().http1(second, "localhost").await;
    assert_eq!(encrypted.get("/").await.text(), "ok");
    some_more().await;

    gateway.change(|text| edited(&text, "[::1]:0", None)).await;
    soon(async { while TcpStream::connect(addresses[0]).await.is_ok() {} }).await;
    some_more().await;

    stop.store(true, Ordering::Relaxed);
    while let Some(client) = soon(clients.join_next()).await {
        client.unwrap();
    }
    assert_eq!(encrypted.get("/").await.text(), "ok");
    let series = "tidegate_connections_accepted_total{listener=\"127.0.0.2:0\"}";
    assert!(gateway.metric(series).await >= 1.0, "metrics go on");
}

/// Has the only listener encrypted, or not any more.
async fn turn(gateway: &Gateway, encrypted: bool) {
    let at = "127.0.0.1:0";
    gateway
        .change(|text| match encrypted {
            true => edited(&text, at, Some(TLS)),
            false => text.replace(TLS, ""),
        })
        .await;
}

#[tokio::test]
async fn a_listener_that_turns_to_tls_keeps_its_socket_and_the_connections_that_it_had() {
    let (origin, release) = origin::events(2).await;
    let (builder, authority) = listening(&["127.0.0.1:0"]);
    let builder = builder.upstream(&format!("endpoints = [{:?}]", origin.url()));
    let gateway = builder
        .route("/", [])
        .route_with("/fixed", [], "respond = { body = \"ok\" }")
        .start()
        .await;
    let address = gateway.address();
    let mut plain = client::http1(address).await;
    assert_eq!(plain.get("/fixed").await.text(), "ok");
    let mut stream = client::raw(address).await;
    stream.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    release.send_replace(1);
    stream.until("data: 1\n\n").await;

    turn(&gateway, true).await;
    assert_eq!(gateway.running().addresses(), [address]);
    let mut encrypted = authority.dialer().http1(address, "localhost").await;
    assert_eq!(encrypted.get("/fixed").await.text(), "ok");
    let refused = client::raw(address)
        .await
        .send("GET /fixed HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .to_end()
        .await;
    assert!(!refused.contains("200"), "{refused}");
    assert_eq!(plain.get("/fixed").await.text(), "ok", "what is open goes on");
    release.send_replace(2);
    stream.until("data: 2\n\n").await;

    turn(&gateway, false).await;
    assert_eq!(gateway.running().addresses(), [address]);
    assert_eq!(client::http1(address).await.get("/fixed").await.text(), "ok");
    assert_eq!(encrypted.get("/fixed").await.text(), "ok");
}

#[tokio::test]
async fn connections_of_a_listener_that_goes_are_told_to_end() {
    let (origin, release) = origin::held().await;
    let gateway = gateway::before(&origin)
        .toml(
            "[[listeners]]\naddress = \"127.0.0.1:0\"\n[[listeners]]\naddress = \"127.0.0.2:0\"\n",
        )
        .route("/", [])
        .route_with("/fixed", [], "respond = { body = \"ok\" }")
        .start()
        .await;
    let (stays, goes) = (gateway.addresses()[0], gateway.addresses()[1]);
    let mut waiting = client::raw(goes).await;
    waiting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    origin.saw(|counts| counts.requests == 1).await;
    let mut idle = client::raw(goes).await;
    idle.send("GET /fixed HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(idle.response().await.text(), "ok");
    let mut second = client::http2(goes).await;
    assert_eq!(second.get("/fixed").await.text(), "ok");
    let mut other = client::http1(stays).await;
    assert_eq!(other.get("/fixed").await.text(), "ok");

    gateway.change(|text| edited(&text, "127.0.0.2:0", None)).await;
    soon(async { while TcpStream::connect(goes).await.is_ok() {} }).await;
    assert_eq!(idle.to_end().await, "", "closed in order");
    until(async || {
        let asked = second.try_send(request("GET", "/fixed", &[], "")).await;
        asked.err().map(|error| assert!(error.is_canceled() || error.is_closed(), "{error:?}"))
    })
    .await;
    release.send_replace(true);
    let response = waiting.response().await;
    assert_eq!(
        (response.text(), response.value("connection").as_deref()),
        ("ok".to_owned(), Some("close"))
    );
    assert_eq!(waiting.to_end().await, "");
    assert_eq!(other.get("/fixed").await.text(), "ok");
}

//! Endpoints that are left out because they are not well, and come back.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::origin::{self, Origin};
use tidegate_tests::until;
use tokio::net::TcpListener;

/// An origin that is well as long as the switch is on: else it answers 500 to everything.
async fn moody(text: &'static str) -> (Origin, Arc<AtomicBool>) {
    let is_well = Arc::new(AtomicBool::new(true));
    let switch = Arc::clone(&is_well);
    let origin = origin::scripted(move |mut connection| {
        let is_well = Arc::clone(&is_well);
        async move {
            while connection.request().await.is_some() {
                let status = if is_well.load(Ordering::SeqCst) { 200 } else { 500 };
                let length = text.len();
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n");
                connection.write(head + text).await;
            }
        }
    });
    (origin.await, switch)
}

/// The state of the endpoint with this index, by `/status`.
async fn state(gateway: &Gateway, index: usize) -> String {
    let status = gateway.status().await;
    status["upstreams"][0]["endpoints"][index]["state"].as_str().unwrap().to_owned()
}

async fn becomes(gateway: &Gateway, index: usize, wanted: &str) {
    until(async || (state(gateway, index).await == wanted).then_some(())).await;
}

/// Who answers so many requests, without repetitions.
async fn answers(gateway: &Gateway, requests: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..requests {
        let text = gateway.get("/").await.text().to_owned();
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts.sort();
    texts
}

fn checks(origin: &Origin) -> usize {
    let is_check = |line: &str| line.starts_with("GET /healthz ");
    origin.received().iter().filter(|request| is_check(&request.start_line())).count()
}

#[tokio::test]
async fn an_endpoint_leaves_when_it_is_unwell_and_comes_back() {
    let (one, is_well) = moody("one").await;
    let (two, _) = moody("two").await;
    let gateway = gateway::at(&[&one.url(), &two.url()])
        .upstream("health = { path = \"/healthz\", interval = \"20ms\", rise = 1, fall = 2 }")
        .route("/", [])
        .start()
        .await;
    assert_eq!(answers(&gateway, 6).await, ["one", "two"]);

    is_well.store(false, Ordering::SeqCst);
    becomes(&gateway, 0, "unhealthy").await;
    assert_eq!(answers(&gateway, 6).await, ["two"]);
    let gauge = |origin: &Origin| {
        let address = origin.address();
        format!("tidegate_upstream_endpoint_healthy{{upstream=\"origin\",endpoint=\"{address}\"}}")
    };
    assert!(gateway.metric(&gauge(&one)).await.abs() < f64::EPSILON);
    assert!((gateway.metric(&gauge(&two)).await - 1.0).abs() < f64::EPSILON);

    is_well.store(true, Ordering::SeqCst);
    becomes(&gateway, 0, "healthy").await;
    assert_eq!(answers(&gateway, 6).await, ["one", "two"]);
    let check = one.received().into_iter().find(|it| it.start_line().contains("/healthz")).unwrap();
    assert_eq!(check.start_line(), "GET /healthz HTTP/1.1");
    assert_eq!(check.value("host"), Some(one.address().to_string()));
    assert_eq!(check.value("user-agent").as_deref(), Some("tidegate-health"));
}

#[tokio::test]
async fn a_path_alone_is_enough_and_the_first_check_decides() {
    let (nowhere, origin) = (origin::nowhere().await, origin::replying("ok").await);
    let gateway = gateway::at(&[&format!("http://{nowhere}"), &origin.url()])
        .upstream("health = { path = \"/healthz\" }")
        .setting("workers = 2")
        .route("/", [])
        .start()
        .await;
    becomes(&gateway, 0, "unhealthy").await;
    until(async || (checks(&origin) > 0).then_some(())).await;
    assert_eq!(checks(&origin), 1, "the gateway asks, not each worker");
    assert_eq!(state(&gateway, 1).await, "healthy");
    assert_eq!(answers(&gateway, 4).await, ["ok"]);
    let failed = gateway.status().await["upstreams"][0]["endpoints"][0]["failed"].clone();
    assert_eq!(failed, 0, "nobody had to find out");
}

#[tokio::test]
async fn what_is_known_survives_a_reload() {
    let (one, is_well) = moody("one").await;
    let (two, _) = moody("two").await;
    is_well.store(false, Ordering::SeqCst);
    let gateway = gateway::at(&[&one.url(), &two.url()])
        .upstream("health = { path = \"/healthz\", interval = \"20ms\", rise = 100 }")
        .route("/", [])
        .start()
        .await;
    becomes(&gateway, 0, "unhealthy").await;

    // It is well again, but nobody asks any more.
    gateway.change(|text| text.replace("\"20ms\"", "\"1h\"")).await;
    is_well.store(true, Ordering::SeqCst);
    let route = "\n[[routes]]\nname = \"b\"\nmatch = { path = \"/b\" }\nrespond = {}\n";
    gateway.change(|text| text + route).await;
    assert_eq!(state(&gateway, 0).await, "unhealthy");
    assert_eq!(answers(&gateway, 4).await, ["two"]);

    gateway.change(|text| text.replace("health = ", "#")).await;
    assert_eq!(answers(&gateway, 4).await, ["one", "two"], "without checks nobody is unwell");
}

#[tokio::test]
async fn if_nobody_is_well_the_panic_threshold_decides() {
    let (origin, is_well) = moody("ok").await;
    is_well.store(false, Ordering::SeqCst);
    let before = |threshold: &str| {
        gateway::before(&origin)
            .upstream("health = { path = \"/healthz\", interval = \"50ms\" }")
            .upstream(threshold)
            .route("/", [])
            .start()
    };
    let strict = before("panic_threshold = 0").await;
    becomes(&strict, 0, "unhealthy").await;
    let reply = strict.get("/").await;
    assert_eq!(reply.status(), 503);
    let status = reply.header("proxy-status").unwrap();
    assert!(status.starts_with("tidegate; error=destination_unavailable"), "{status}");

    let lenient = before("").await;
    becomes(&lenient, 0, "unhealthy").await;
    assert_eq!(lenient.get("/").await.status(), 500, "what the endpoint says");
}

#[tokio::test]
async fn a_check_may_want_a_status_a_text_and_a_host() {
    let origin = origin::responding("HTTP/1.1 204 X\r\nx-a: 1\r\n\r\n").await;
    let texts = origin::replying("all systems go").await;
    for (origin, check, expected) in [
        (&origin, "path = \"/\", status = 204", "healthy"),
        (&origin, "path = \"/\", status = \"200-203\"", "unhealthy"),
        (&texts, "path = \"/?full\", body = \"systems go\"", "healthy"),
        (&texts, "path = \"/\", body = \"systems gone\"", "unhealthy"),
        (&texts, "path = \"/\", host = \"Health.internal:81\"", "healthy"),
        (&texts, "tcp = true", "healthy"),
    ] {
        let gateway = gateway::before(origin)
            .upstream(&format!("health = {{ {check}, interval = \"20ms\", fall = 1 }}"))
            .route("/", [])
            .start()
            .await;
        let seen = origin.counts().connections;
        until(async || (origin.counts().connections > seen + 2).then_some(())).await;
        assert_eq!(state(&gateway, 0).await, expected, "{check}");
    }
    let hosts = texts.received();
    assert!(hosts.iter().any(|it| it.value("host").as_deref() == Some("health.internal:81")));
    assert!(hosts.iter().any(|it| it.start_line() == "GET /?full HTTP/1.1"));
}

#[tokio::test]
async fn a_check_says_that_it_is_for_nobody_behind_the_gateway() {
    let origin = origin::replying("ok").await;
    let _gateway = gateway::before(&origin)
        .upstream("proxy_protocol = 1\nhealth = { path = \"/\" }")
        .route("/", [])
        .start()
        .await;
    until(async || (origin.counts().requests > 0).then_some(())).await;
    assert_eq!(origin.last().start_line(), "PROXY UNKNOWN");
}

#[tokio::test]
async fn backups_serve_while_the_others_are_unwell() {
    let (primary, is_well) = moody("primary").await;
    let (backup, _) = moody("backup").await;
    let gateway = gateway::Builder::default()
        .upstream(&format!(
            "endpoints = [{:?}, {{ url = {:?}, priority = 1 }}]",
            primary.url(),
            backup.url()
        ))
        .upstream("health = { path = \"/healthz\", interval = \"20ms\", rise = 1, fall = 1 }")
        .route("/", [])
        .start()
        .await;
    assert_eq!(answers(&gateway, 4).await, ["primary"]);
    is_well.store(false, Ordering::SeqCst);
    becomes(&gateway, 0, "unhealthy").await;
    assert_eq!(answers(&gateway, 4).await, ["backup"]);
    is_well.store(true, Ordering::SeqCst);
    becomes(&gateway, 0, "healthy").await;
    assert_eq!(answers(&gateway, 4).await, ["primary"]);
}

#[tokio::test]
async fn who_fails_with_requests_is_left_out_for_a_while() {
    let (one, is_well) = moody("one").await;
    let (two, _) = moody("two").await;
    is_well.store(false, Ordering::SeqCst);
    let gateway = gateway::at(&[&one.url(), &two.url()])
        .upstream("outlier = { consecutive_errors = 3, base_ejection = \"4s\" }")
        .route("/", [])
        .start()
        .await;
    let mut failures = 0;
    while state(&gateway, 0).await == "healthy" {
        failures += usize::from(gateway.get("/").await.status() == 500);
    }
    assert_eq!(failures, 3);
    assert_eq!(state(&gateway, 0).await, "ejected");
    assert_eq!(answers(&gateway, 6).await, ["two"]);
    assert_eq!(one.counts().requests, 3);
    let address = one.address();
    let ejections =
        format!("tidegate_upstream_ejections_total{{upstream=\"origin\",endpoint=\"{address}\"}}");
    gateway.metric_becomes(&ejections, 1.0).await;

    is_well.store(true, Ordering::SeqCst);
    becomes(&gateway, 0, "healthy").await;
    assert_eq!(answers(&gateway, 6).await, ["one", "two"]);
}

#[tokio::test]
async fn what_nobody_can_connect_to_is_left_out_and_no_request_is_lost() {
    let (nowhere, origin) = (origin::nowhere().await, origin::replying("ok").await);
    let gateway = gateway::at(&[&format!("http://{nowhere}"), &origin.url()])
        .upstream("outlier = { consecutive_errors = 2 }")
        .route("/", [])
        .start()
        .await;
    for _ in 0..10 {
        assert_eq!(gateway.get("/").await.text(), "ok");
    }
    assert_eq!(state(&gateway, 0).await, "ejected");
    let failed = gateway.status().await["upstreams"][0]["endpoints"][0]["failed"].clone();
    assert_eq!(failed, 2);
}

/// A server that knows the health checking protocol of gRPC and nothing else; gives what it was asked.
async fn grpc(is_serving: Arc<AtomicBool>) -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (is_serving, seen) = (Arc::clone(&is_serving), Arc::clone(&seen));
            let answer = service_fn(move |request: http::Request<Incoming>| {
                let (is_serving, seen) = (Arc::clone(&is_serving), Arc::clone(&seen));
                async move {
                    assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
                    assert_eq!(request.headers()["content-type"], "application/grpc");
                    let body = request.into_body().collect().await?.to_bytes();
                    *seen.lock().unwrap() = body.to_vec();
                    let state = if is_serving.load(Ordering::SeqCst) { 1 } else { 2 };
                    let message = Full::new(Bytes::copy_from_slice(&[0, 0, 0, 0, 2, 8, state]));
                    let mut trailers = http::HeaderMap::new();
                    trailers.insert("grpc-status", "0".parse().unwrap());
                    let body = message.with_trailers(async move { Some(Ok(trailers)) });
                    Ok::<_, hyper::Error>(http::Response::new(body))
                }
            });
            let connection = http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), answer);
            tokio::spawn(connection);
        }
    });
    (address, asked)
}

#[tokio::test]
async fn a_grpc_server_is_asked_in_its_own_way() {
    let is_serving = Arc::new(AtomicBool::new(true));
    let (address, asked) = grpc(Arc::clone(&is_serving)).await;
    let gateway = gateway::at(&[&format!("http://{address}")])
        .upstream("health = { grpc = \"a.B\", interval = \"20ms\", rise = 1, fall = 1 }")
        .route("/", [])
        .start()
        .await;
    until(async || (!asked.lock().unwrap().is_empty()).then_some(())).await;
    assert_eq!(*asked.lock().unwrap(), [0, 0, 0, 0, 5, 0x0a, 3, b'a', b'.', b'B']);
    assert_eq!(state(&gateway, 0).await, "healthy");
    is_serving.store(false, Ordering::SeqCst);
    becomes(&gateway, 0, "unhealthy").await;
    is_serving.store(true, Ordering::SeqCst);
    becomes(&gateway, 0, "healthy").await;
}

//! What a request and a response look like on the other side.

use serde_json::{Value, json};
use tidegate_tests::client;
use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::message::Message;
use tidegate_tests::origin::{self, Origin};

async fn plain() -> (Origin, Gateway) {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    (origin, gateway)
}

/// What the origin gets of a request with these field lines, sorted by name.
async fn forwarded(gateway: &Gateway, origin: &Origin, lines: &str) -> Vec<(String, String)> {
    let mut client = gateway.raw().await;
    client.send(format!("GET /p?q=1 HTTP/1.1\r\nHost: example.com\r\n{lines}\r\n")).await;
    assert_eq!(client.response().await.status(), 200);
    fields(&origin.last())
}

fn fields(message: &Message) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = message
        .head_text()
        .lines()
        .skip(1)
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    fields.sort();
    fields
}

fn names(fields: &[(String, String)]) -> Vec<&str> {
    fields.iter().map(|(name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn the_upstream_sees_the_request_and_who_is_between() {
    let (origin, gateway) = plain().await;
    let fields = forwarded(&gateway, &origin, "X-Own: 1\r\n").await;
    let port = gateway.address().port().to_string();
    let id = origin.last().value("x-request-id").unwrap();
    let expected = [
        ("host", "example.com"),
        ("via", "1.1 tidegate"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", "example.com"),
        ("x-forwarded-port", &port),
        ("x-forwarded-proto", "http"),
        ("x-own", "1"),
        ("x-real-ip", "127.0.0.1"),
        ("x-request-id", &id),
    ];
    let got: Vec<(&str, &str)> = fields
        .iter()
        .filter(|(name, _)| name != "forwarded")
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(got, expected);
    assert_eq!(origin.last().start_line(), "GET /p?q=1 HTTP/1.1");
    assert_eq!(id.len(), 32);
}

#[tokio::test]
async fn fields_about_the_connection_are_not_forwarded() {
    let (origin, gateway) = plain().await;
    let fields = forwarded(
        &gateway,
        &origin,
        "Connection: keep-alive, X-Secret\r\nKeep-Alive: timeout=5\r\nX-Secret: 1\r\nTE: gzip\r\n\
         Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\nUpgrade: h2c\r\n\
         X-Stays: 1\r\n",
    )
    .await;
    for gone in [
        "connection",
        "keep-alive",
        "x-secret",
        "te",
        "proxy-connection",
        "proxy-authorization",
        "upgrade",
    ] {
        assert!(!names(&fields).contains(&gone), "{gone} is in {fields:?}");
    }
    assert!(names(&fields).contains(&"x-stays"));
}

#[tokio::test]
async fn connection_cannot_take_away_what_the_gateway_adds() {
    let (origin, gateway) = plain().await;
    let fields = forwarded(
        &gateway,
        &origin,
        "Connection: close, x-forwarded-for, x-real-ip, host, authorization\r\nAuthorization: a\r\n",
    )
    .await;
    for stays in ["x-forwarded-for", "x-real-ip", "host", "authorization"] {
        assert!(names(&fields).contains(&stays), "{stays} is not in {fields:?}");
    }
}

#[tokio::test]
async fn nobody_is_believed_unless_trusted() {
    let (origin, gateway) = plain().await;
    let spoofed = "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n\
                   X-Real-IP: 1.2.3.4\r\nX-Request-Id: mine\r\nForwarded: for=1.2.3.4\r\n";
    let fields = forwarded(&gateway, &origin, spoofed).await;
    let text = format!("{fields:?}");
    assert!(
        !text.contains("1.2.3.4") && !text.contains("evil") && !text.contains("mine"),
        "{text}"
    );
    assert!(!text.contains("https"), "{text}");

    let gateway = gateway::before(&origin)
        .setting("trusted_proxies = [\"127.0.0.0/8\"]")
        .route("/", [])
        .start()
        .await;
    forwarded(&gateway, &origin, spoofed).await;
    let last = origin.last();
    assert_eq!(last.value("x-forwarded-for").as_deref(), Some("1.2.3.4, 127.0.0.1"));
    assert_eq!(last.value("x-forwarded-proto").as_deref(), Some("https"));
    assert_eq!(last.value("x-real-ip").as_deref(), Some("1.2.3.4"));
    assert_eq!(last.value("x-request-id").as_deref(), Some("mine"));
}

#[tokio::test]
async fn the_client_sees_the_response_and_who_is_between() {
    let origin = origin::responding(
        "HTTP/1.1 203 Some Reason\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
         Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nVia: 1.0 inner\r\nServer: own\r\nContent-Length: 2\r\n\r\nok",
    )
    .await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    let mut client = gateway.raw().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let response = client.response().await;
    assert_eq!((response.status(), response.text().as_str()), (203, "ok"));
    assert_eq!(response.values("set-cookie"), [b"a=1".to_vec(), b"b=2".to_vec()]);
    assert_eq!(response.values("via"), [b"1.0 inner".to_vec(), b"1.1 tidegate".to_vec()]);
    assert_eq!(response.value("server").as_deref(), Some("own"));
    for gone in ["connection", "keep-alive", "x-hop"] {
        assert_eq!(response.value(gone), None, "{gone}");
    }
    assert_eq!(response.value("x-request-id"), origin.last().value("x-request-id"));
}

#[tokio::test]
async fn the_host_that_the_upstream_sees_is_configured() {
    let origin = origin::replying("ok").await;
    for (policy, seen) in [
        ("client", "example.com".to_owned()),
        ("endpoint", origin.address().to_string()),
        ("users.internal", "users.internal".to_owned()),
    ] {
        let gateway = gateway::before(&origin)
            .upstream(&format!("host = {policy:?}"))
            .route("/", [])
            .start()
            .await;
        assert_eq!(gateway.get_with("/", &[("host", "example.com")]).await.status(), 200);
        assert_eq!(origin.last().value("host"), Some(seen));
        assert_eq!(origin.last().value("x-forwarded-host").as_deref(), Some("example.com"));
    }
}

#[tokio::test]
async fn head_has_the_fields_of_get_and_no_body() {
    let origin =
        origin::responding("HTTP/1.1 200 OK\r\ncontent-length: 1234\r\netag: \"a\"\r\n\r\n").await;
    let gateway = gateway::before(&origin)
        .route("/", [])
        .route_with("/fixed", [], "respond = { body = \"12345\" }")
        .start()
        .await;
    let mut client = gateway.raw().await;
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /fixed HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!(head.value("content-length").as_deref(), Some("1234"));
    assert_eq!(head.value("etag").as_deref(), Some("\"a\""));
    let head = client.head().await;
    assert_eq!((head.status(), head.value("content-length").as_deref()), (200, Some("5")));
    client.send("HEAD /nowhere-to-be HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let rest = client.to_end().await;
    assert!(rest.ends_with("\r\n\r\n"), "{rest}");
}

#[tokio::test]
async fn http2_in_is_http1_out() {
    let origin = origin::echoing().await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    let mut client = gateway.http2().await;
    let request = client::request("POST", "/p?q", &[("cookie", "a=1"), ("cookie", "b=2")], "body");
    let reply = client.send(request).await;
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.version(), http::Version::HTTP_2);
    let seen = reply.json();
    assert_eq!(seen["line"], "POST /p?q HTTP/1.1");
    assert_eq!(seen["body"], "body");
    let header = |name: &str| -> Vec<Value> {
        let lines = seen["headers"].as_array().unwrap().iter();
        lines.filter(|line| line[0] == name).map(|line| line[1].clone()).collect()
    };
    assert_eq!(header("via"), [json!("2 tidegate")]);
    assert_eq!(header("cookie"), [json!("a=1; b=2")]);
    assert_eq!(header("host"), [json!(gateway.address().to_string())]);
    assert_eq!(reply.header("via"), Some("1.1 tidegate"));
}

#[tokio::test]
async fn one_connection_carries_many_requests_and_the_upstreams_is_used_again() {
    let (origin, gateway) = plain().await;
    let mut client = gateway.http1().await;
    for _ in 0..20 {
        assert_eq!(client.get("/").await.text(), "ok");
    }
    assert_eq!((origin.counts().connections, origin.counts().requests), (1, 20));
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let origin = origin::echoing().await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    let mut client = gateway.raw().await;
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(client.response().await.text().contains("GET /1 "));
    assert!(client.response().await.text().contains("GET /2 "));
}

#[tokio::test]
async fn requests_are_spread_by_weight() {
    let (one, three) = (origin::replying("1").await, origin::replying("3").await);
    let gateway = gateway::Builder::default()
        .upstream(&format!(
            "endpoints = [{:?}, {{ url = {:?}, weight = 3 }}]",
            one.url(),
            three.url()
        ))
        .route("/", [])
        .setting("workers = 1")
        .start()
        .await;
    let mut client = gateway.http1().await;
    for _ in 0..40 {
        client.get("/").await;
    }
    assert_eq!((one.counts().requests, three.counts().requests), (10, 30));
}

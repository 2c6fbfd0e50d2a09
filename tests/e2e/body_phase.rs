//! Plugins that see and change bodies.

use serde_json::json;
use tidegate_tests::guest::{self, Plugin};
use tidegate_tests::message::Message;
use tidegate_tests::{client, gateway, origin};

fn bodies(config: &str) -> Plugin {
    guest::bodies().config(config)
}

fn post(body: &'static str) -> http::Request<http_body_util::Full<bytes::Bytes>> {
    client::request("POST", "/", &[], body)
}

fn length(message: &Message) -> (Option<String>, Option<String>) {
    (message.value("content-length"), message.value("transfer-encoding"))
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn a_request_is_held_until_its_whole_body_was_seen() {
    let origin = origin::replying("ok").await;
    let plugin = bodies(r#"{ request = "need", act = "upper" }"#);
    let gateway = gateway::before(&origin).route("/", [plugin]).start().await;
    let mut client = gateway.raw().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
        .await;
    // Another request overtakes it: the first has not been sent upstream.
    assert_eq!(gateway.send(post("first")).await.status(), 200);
    assert_eq!(origin.last().text(), "FIRST");
    client.send("2\r\ncd\r\n0\r\n\r\n").await;
    let response = client.response().await;
    assert_eq!(response.value("x-request-seen"), some("1 parts, 4 bytes, trailers []"));

    let received = origin.last();
    assert_eq!(received.text(), "ABCD");
    assert_eq!(length(&received), (some("4"), None), "it is whole, so its length is known");
    assert_eq!(received.value("x-body-bytes"), some("4"), "the head can still be changed");
}

#[tokio::test]
async fn a_request_without_a_body_is_shown_as_an_empty_one_if_it_is_needed() {
    let origin = origin::replying("ok").await;
    let need = bodies(r#"{ request = "need" }"#);
    let observe = bodies(r#"{ request = "transform" }"#).named("observe");
    let gateway =
        gateway::before(&origin).route("/need", [need]).route("/", [observe]).start().await;
    gateway.get("/need").await;
    assert_eq!(origin.last().value("x-body-bytes"), some("0"));
    assert_eq!(length(&origin.last()), (None, None));

    let reply = gateway.get("/").await;
    assert_eq!(length(&origin.last()), (None, None), "a GET stays one without a body");
    assert_eq!(reply.header("x-request-seen"), None);
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_or_passes_the_plugin_by() {
    let origin = origin::echoing().await;
    let asks = r#"{ request = "need", max = 4, act = "upper" }"#;
    let limited = guest::bodies().named("limited").config(r#"{ request = "need", act = "upper" }"#);
    let gateway = gateway::before(&origin)
        .route("/deny", [bodies(asks).named("deny")])
        .route("/skip", [bodies(asks).named("skip").key("on_large_body = \"skip\"")])
        .route("/limit", [limited.limits("{ body = 4 }")])
        .start()
        .await;
    for path in ["/deny", "/limit"] {
        let reply = gateway.send(client::request("POST", path, &[], "abcde")).await;
        assert_eq!(
            (reply.status(), &reply.json()["error"]),
            (413, &json!("request_body_too_large"))
        );
    }
    assert_eq!(origin.counts().heads, 0);

    let mut client = gateway.raw().await;
    client
        .send(
            "POST /skip HTTP/1.1\r\nHost: a\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n\
             3\r\nabc\r\n3\r\ndef\r\n0\r\nx-sum: 6\r\n\r\n",
        )
        .await;
    client.response().await;
    assert_eq!(origin.last().text(), "abcdef", "nothing of it is lost");
    assert_eq!(String::from_utf8_lossy(&origin.last().trailers).trim(), "x-sum: 6");
    let fits = gateway.send(client::request("POST", "/deny", &[], "abcd")).await;
    assert_eq!(fits.json()["body"], "ABCD");
}

#[tokio::test]
async fn a_plugin_may_answer_once_it_has_seen_the_body() {
    let origin = origin::replying("ok").await;
    let plugin = bodies(r#"{ request = "need", act = "refuse" }"#);
    let gateway = gateway::before(&origin).route("/", [plugin]).start().await;
    let reply = gateway.send(post("taxi")).await;
    assert_eq!((reply.status(), reply.text()), (422, "no x, please\n"));
    assert_eq!(origin.counts().heads, 0);
    assert_eq!(gateway.send(post("car")).await.text(), "ok");
}

#[tokio::test]
async fn parts_of_a_request_go_through_as_they_come() {
    let origin = origin::scripted(|mut connection| async move {
        // The head, then a part at a time, as it comes.
        if let Some(head) = connection.head().await {
            connection.body(head).await;
            connection.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        }
    })
    .await;
    let plugin = bodies(r#"{ request = "transform", act = "upper" }"#);
    let gateway = gateway::before(&origin).route("/", [plugin]).start().await;
    let mut client = gateway.raw().await;
    client
        .send(
            "POST / HTTP/1.1\r\nHost: a\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n\
             2\r\nab\r\n",
        )
        .await;
    // The upstream has the head before the body is whole.
    origin.saw(|counts| counts.heads == 1).await;
    client.send("3\r\ncde\r\n0\r\nx-sum: 5\r\n\r\n").await;
    let response = client.response().await;
    let received = origin.last();
    assert_eq!(received.text(), "ABCDE");
    assert_eq!(length(&received), (None, some("chunked")));
    assert_eq!(String::from_utf8_lossy(&received.trailers).trim(), "x-sum: 5");
    let seen = "3 parts, 5 bytes, trailers [x-sum]";
    assert_eq!(response.value("x-request-seen"), some(seen), "set while the body streamed");
}

#[tokio::test]
async fn a_transformed_body_of_known_length_is_sent_in_chunks() {
    let origin = origin::echoing().await;
    let plugin = bodies(r#"{ request = "transform", act = "drop" }"#);
    let gateway = gateway::before(&origin).route("/", [plugin]).start().await;
    let reply = gateway.send(post("abc")).await;
    assert_eq!(reply.json()["body"], "");
    assert_eq!(length(&origin.last()), (None, some("chunked")));
}

#[tokio::test]
async fn an_observed_body_stays_as_it_is() {
    let origin = origin::responding("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
    let plugin = bodies(r#"{ request = "observe", response = "observe" }"#);
    let changes = bodies(r#"{ request = "observe", act = "upper" }"#).named("changes");
    let gateway =
        gateway::before(&origin).route("/", [plugin]).route("/bad", [changes]).start().await;
    let mut client = gateway.raw().await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").await;
    let response = client.response().await;
    assert_eq!((response.text().as_str(), length(&response)), ("hello", (some("5"), None)));
    assert_eq!(origin.last().text(), "abc");
    assert_eq!(length(&origin.last()), (some("3"), None));
    assert_eq!(response.value("x-request-seen"), some("1 parts, 3 bytes, trailers []"));

    let reply = gateway.send(client::request("POST", "/bad", &[], "abc")).await;
    assert_eq!((reply.status(), &reply.json()["error"]), (500, &json!("proxy_internal_error")));
}

#[tokio::test]
async fn a_request_can_be_answered_in_the_middle_of_its_body() {
    let origin = origin::silent().await;
    let plugin = bodies(r#"{ request = "transform", act = "refuse" }"#);
    let gateway = gateway::before(&origin).route("/", [plugin]).start().await;
    let mut client = gateway.raw().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
        .await;
    origin.saw(|counts| counts.heads == 1).await;
    client.send("1\r\nx\r\n").await;
    let response = client.response().await;
    assert_eq!((response.status(), response.text().as_str()), (422, "no x, please\n"));
    origin.saw(|counts| counts.closed == 1).await;
}

#[tokio::test]
async fn an_ended_request_body_goes_on_without_its_rest() {
    let origin = origin::echoing().await;
    let plugin = bodies(r#"{ request = "transform", act = "end" }"#);
    let gateway = gateway::before(&origin).route("/", [plugin]).start().await;
    let mut client = gateway.raw().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
        .await;
    let response = client.response().await;
    assert_eq!(response.status(), 200);
    assert_eq!(origin.last().text(), "AB");
}

#[tokio::test]
async fn a_response_is_held_until_its_whole_body_was_seen() {
    let origin = origin::responding(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n",
    )
    .await;
    let plugin = bodies(r#"{ response = "need", act = "upper" }"#);
    let gateway = gateway::before(&origin)
        .route("/", [plugin.clone()])
        .route_with("/fixed", [plugin], "respond = { status = 418, body = \"tea\" }")
        .start()
        .await;
    let reply = gateway.get("/").await;
    assert_eq!((reply.text(), reply.header("content-length")), ("ABCDE", Some("5")));
    assert_eq!(
        (reply.header("transfer-encoding"), reply.header("x-body-bytes")),
        (None, Some("5"))
    );

    let reply = gateway.get("/fixed").await;
    assert_eq!((reply.status(), reply.text()), (418, "TEA"), "whoever gave it");
    let head = gateway.send(client::request("HEAD", "/fixed", &[], "")).await;
    assert_eq!((head.header("content-length"), head.header("x-body-bytes")), (Some("3"), None));

    let reply = gateway.http2().await.get("/").await;
    assert_eq!((reply.text(), reply.header("content-length")), ("ABCDE", Some("5")));
}

#[tokio::test]
async fn responses_without_a_body_are_not_shown() {
    for status in ["204 No Content", "304 Not Modified"] {
        let origin = origin::responding(format!("HTTP/1.1 {status}\r\n\r\n")).await;
        let plugin = bodies(r#"{ response = "need" }"#);
        let gateway = gateway::before(&origin).route("/", [plugin]).start().await;
        let reply = gateway.get("/").await;
        assert_eq!(reply.status().to_string(), status[..3]);
        assert_eq!(reply.header("x-body-bytes"), None);
    }
}

#[tokio::test]
async fn a_response_that_is_too_long_is_refused_or_passes_the_plugin_by() {
    let origin = origin::replying("hello").await;
    let asks = r#"{ response = "need", max = 4, act = "upper" }"#;
    let gateway = gateway::before(&origin)
        .route("/deny", [bodies(asks).named("deny")])
        .route("/skip", [bodies(asks).named("skip").key("on_large_body = \"skip\"")])
        .start()
        .await;
    let reply = gateway.get("/deny").await;
    assert_eq!((reply.status(), &reply.json()["error"]), (502, &json!("http_response_body_size")));
    assert_eq!(gateway.get("/skip").await.text(), "hello");
}

#[tokio::test]
async fn events_go_through_a_plugin_one_by_one() {
    let (origin, release) = origin::events(3).await;
    let transform = bodies(r#"{ response = "transform", act = "upper" }"#);
    let gateway = gateway::before(&origin)
        .route("/", [transform])
        .route("/head", [guest::headers()])
        .start()
        .await;
    for (path, event) in [("/", "DATA"), ("/head", "data")] {
        release.send_replace(0);
        let mut client = gateway.raw().await;
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!(client.head().await.status(), 200, "the head does not wait for the body");
        for number in 1..=3 {
            release.send_replace(number);
            client.until(&format!("{event}: {number}\n\n")).await;
        }
    }
}

#[tokio::test]
async fn several_plugins_change_a_body_one_after_the_other() {
    let origin = origin::echoing().await;
    let first = bodies(r#"{ request = "transform", act = "upper" }"#).named("first");
    let second = bodies(r#"{ request = "need" }"#).named("second");
    let gateway = gateway::before(&origin).route("/", [first, second]).start().await;
    let reply = gateway.send(post("abc")).await;
    assert_eq!(reply.json()["body"], "ABC");
    assert_eq!(origin.last().value("x-body-bytes"), some("3"), "the second sees the first's work");
    assert_eq!(length(&origin.last()), (some("3"), None));
}

#[tokio::test]
async fn a_trap_in_the_middle_of_a_body_costs_that_exchange_or_nothing() {
    let origin = origin::echoing().await;
    let traps = r#"{ request = "transform", act = "trap" }"#;
    let answers = r#"{ response = "transform", act = "trap" }"#;
    let gateway = gateway::before(&origin)
        .route("/deny", [bodies(traps).named("deny")])
        .route("/skip", [bodies(traps).named("skip").skipped_on_error()])
        .route("/cut", [bodies(answers).named("cut")])
        .start()
        .await;
    let reply = gateway.send(client::request("POST", "/deny", &[], "axe")).await;
    assert_eq!((reply.status(), &reply.json()["error"]), (500, &json!("proxy_internal_error")));
    let reply = gateway.send(client::request("POST", "/skip", &[], "axe")).await;
    assert_eq!(reply.json()["body"], "axe");

    let mut client = gateway.raw().await;
    client.send("POST /cut HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").await;
    // The head may have left by then or not; the end never comes.
    let answer = client.to_end().await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(!answer.ends_with("0\r\n\r\n"), "the response is cut, not ended: {answer}");
    gateway.metric_becomes("tidegate_plugin_traps_total{plugin=\"cut\"}", 1.0).await;
    gateway.metric_becomes("tidegate_plugin_instances{plugin=\"cut\"}", 0.0).await;
}

#[tokio::test]
async fn bodies_that_are_held_are_bounded_all_together() {
    let origin = origin::replying("ok").await;
    let plugin = bodies(r#"{ request = "need", max = 2000000 }"#).limits("{ body = \"4MiB\" }");
    let gateway =
        gateway::before(&origin).limit("held_bodies = \"1MiB\"").route("/", [plugin]).start().await;
    let reply = gateway.send(client::request("POST", "/", &[], vec![b'a'; 1_500_000])).await;
    assert_eq!((reply.status(), &reply.json()["error"]), (503, &json!("proxy_overloaded")));
    let reply = gateway.send(client::request("POST", "/", &[], vec![b'a'; 1_000_000])).await;
    assert_eq!(reply.status(), 200, "what was held is given back");
}

#[tokio::test]
async fn a_body_that_stops_coming_ends_the_wait() {
    let origin = origin::replying("ok").await;
    let plugin = bodies(r#"{ request = "need" }"#);
    let gateway = gateway::before(&origin)
        .limit("body_timeout = \"100ms\"")
        .route("/", [plugin])
        .start()
        .await;
    let mut client = gateway.raw().await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na").await;
    assert_eq!(client.response().await.status(), 408);
    gateway.metric_becomes("tidegate_plugin_instances{plugin=\"bodies\"}", 0.0).await;
}

#[tokio::test]
async fn a_body_phase_that_nobody_would_call_is_refused() {
    let origin = origin::replying("ok").await;
    let findings = gateway::before(&origin).route("/", [guest::unasked_body()]).refusal().await;
    let expected = "exports `request-body-phase` without `request-phase`";
    assert!(findings.contains(expected), "{findings}");
}

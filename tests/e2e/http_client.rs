//! Requests that plugins send themselves.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::guest::{self, Plugin};
use tidegate_tests::origin::{self, Origin};
use tidegate_tests::{client, soon};
use tokio::sync::Barrier;

/// May send to the upstream `origin`.
fn fans_out() -> Plugin {
    limited("{ wall = \"20s\" }")
}

fn limited(limits: &str) -> Plugin {
    guest::fans_out().sends(&["origin"], &[], "").limits(limits)
}

async fn ask(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> Value {
    let mut all = vec![("x-to", "origin")];
    all.retain(|(name, _)| !headers.iter().any(|(given, _)| given == name));
    all.extend(headers);
    gateway.get_with(path, &all).await.json()
}

fn counted(outcome: &str) -> String {
    format!("tidegate_plugin_http_calls_total{{plugin=\"fans-out\",outcome=\"{outcome}\"}}")
}

/// Answers nobody until two have asked, each on a connection of its own.
async fn meeting() -> Origin {
    let both = Arc::new(Barrier::new(2));
    origin::scripted(move |mut connection| {
        let both = Arc::clone(&both);
        async move {
            while connection.request().await.is_some() {
                both.wait().await;
                connection.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_request_goes_out_as_the_plugin_made_it_and_its_response_comes_in() {
    let origin = origin::responding(
        "HTTP/1.1 203 Fine\r\nconnection: x-private\r\nx-private: 1\r\nx-kept: 1\r\n\
         content-length: 4\r\n\r\nbody",
    )
    .await;
    let gateway = gateway::before(&origin).route("/", [fans_out()]).start().await;

    let got = ask(&gateway, "/send", &[]).await;
    assert_eq!(
        got,
        json!({ "status": 203, "headers": ["x-kept", "content-length"], "body": "body" })
    );
    let head = origin.last().head_text();
    assert!(head.starts_with("GET /asked?by=guest HTTP/1.1\r\n"), "{head}");
    assert_eq!(origin.last().value("host"), Some(origin.address().to_string()));
    assert_eq!(origin.last().value("via").as_deref(), Some("1.1 tidegate"));
    assert_eq!(origin.last().value("x-from").as_deref(), Some("fans-out"));
    gateway.metric_becomes(&counted("answered"), 1.0).await;
    let heads = "tidegate_plugin_http_duration_seconds_count{plugin=\"fans-out\"}";
    gateway.metric_becomes(heads, 1.0).await;
}

#[tokio::test]
async fn calls_are_under_way_at_the_same_time() {
    let origin = meeting().await;
    let gateway =
        gateway::before(&origin).setting("workers = 1").route("/", [fans_out()]).start().await;
    assert_eq!(soon(ask(&gateway, "/both", &[])).await, json!([200, 200]));
}

#[tokio::test]
async fn the_first_call_that_is_answered_ends_the_wait_for_any() {
    let origin = origin::scripted(|mut connection| async move {
        while let Some(request) = connection.request().await {
            if request.start_line().contains("/two") {
                connection.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            }
        }
    })
    .await;
    let gateway = gateway::before(&origin).route("/", [fans_out()]).start().await;
    assert_eq!(ask(&gateway, "/first", &[]).await, json!({ "index": 1, "again": 1 }));
    // The other two were cancelled with the end of the phase.
    origin.saw(|counts| counts.closed == 2).await;
    gateway.metric_becomes(&counted("cancelled"), 2.0).await;
    assert_eq!(gateway.get("/none").await.status(), 500);
}

#[tokio::test]
async fn an_upstream_balances_and_moves_without_a_reload_of_the_plugin() {
    let (one, two, three) = (
        origin::replying("one").await,
        origin::replying("two").await,
        origin::replying("three").await,
    );
    let gateway =
        gateway::at(&[&one.url(), &two.url()]).route("/", [fans_out().pooled()]).start().await;
    let mut bodies = Vec::new();
    for _ in 0..4 {
        bodies.push(ask(&gateway, "/send", &[]).await["body"].as_str().unwrap().to_owned());
    }
    assert_eq!(bodies, ["one", "two", "one", "two"]);

    gateway.change(|text| text.replace(&one.url(), &three.url())).await;
    for _ in 0..2 {
        bodies.push(ask(&gateway, "/send", &[]).await["body"].as_str().unwrap().to_owned());
    }
    assert!(bodies.contains(&"three".to_owned()), "{bodies:?}");
    assert_eq!(one.counts().requests, 2);
}

#[tokio::test]
async fn only_what_is_granted_can_be_reached() {
    let (origin, other) = (origin::replying("ok").await, origin::replying("other").await);
    let plugin = guest::fans_out().sends(&["origin"], &[&other.url()], "");
    let gateway = gateway::before(&origin)
        .toml("[upstreams.hidden]\nendpoints = [\"http://127.0.0.1:1\"]\n")
        .route("/", [plugin])
        .start()
        .await;

    assert_eq!(ask(&gateway, "/send", &[("x-to", &other.url())]).await["body"], "other");
    let got = ask(&gateway, "/send", &[("x-to", "hidden")]).await;
    assert_eq!(got["error"], "denied: upstream `hidden` is not granted");
    let got = ask(&gateway, "/send", &[("x-to", &origin.url())]).await;
    let denied = format!("denied: origin `{}` is not granted", origin.url());
    assert_eq!(got["error"], denied.as_str());
    let got = ask(&gateway, "/send", &[("x-to", "https://a:b@c")]).await;
    assert_eq!(
        got["error"],
        "invalid: `https://a:b@c` is no origin: a host has no user, path or query"
    );
    gateway.metric_becomes(&counted("denied"), 2.0).await;
    assert_eq!(origin.counts().requests, 0);

    let refusal =
        gateway::before(&origin).route("/", [guest::fans_out().grants("kv")]).refusal().await;
    assert!(refusal.contains("needs what is not granted: http-client"), "{refusal}");
}

#[tokio::test]
async fn a_request_that_is_not_valid_is_an_error_and_not_sent() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).route("/", [fans_out()]).start().await;
    for (name, value, error) in [
        ("x-method", "CONNECT", "`CONNECT` opens a tunnel"),
        ("x-method", "G T", "`G T` is no method"),
        ("x-path", "asked", "the path `asked` does not begin with `/`"),
        ("x-path", "/a b", "the path `/a b` holds what must be percent-encoded"),
        ("x-path", "/a#b", "the path `/a#b` holds what must be percent-encoded"),
        ("x-add", "host", "`host` is set by the gateway"),
        ("x-add", "Transfer-Encoding", "`Transfer-Encoding` is set by the gateway"),
        ("x-add", "a b", "`a b` is no field name"),
    ] {
        let got = ask(&gateway, "/send", &[(name, value)]).await;
        assert_eq!(got, json!({ "error": format!("invalid: {error}") }));
    }
    assert_eq!(origin.counts().requests, 0);
}

#[tokio::test]
async fn a_timeout_is_an_error_of_the_call_and_the_exchange_goes_on() {
    let origin = origin::silent().await;
    let gateway = gateway::before(&origin)
        .route("/", [fans_out()])
        .route("/short", [limited("{ wall = \"2s\" }").named("short")])
        .start()
        .await;
    let asked = ask(&gateway, "/send", &[("x-timeout", "30")]).await;
    assert_eq!(asked, json!({ "error": "timeout" }));
    origin.saw(|counts| counts.closed == 1).await;
    gateway.metric_becomes(&counted("timeout"), 1.0).await;

    // Without a timeout of its own the plugin still has a tenth of its time left.
    assert_eq!(ask(&gateway, "/short/send", &[]).await, json!({ "error": "timeout" }));
}

#[tokio::test]
async fn bodies_stream_in_both_directions() {
    let origin = origin::scripted(|mut connection| async move {
        while let Some(request) = connection.request().await {
            let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\ngot: \r\n";
            connection.write(chunked).await;
            let body = request.text();
            connection.write(format!("{:x}\r\n{body}\r\n", body.len())).await;
            connection.write("0\r\nx-sum: 3\r\n\r\n").await;
        }
    })
    .await;
    let gateway = gateway::before(&origin).route("/", [fans_out()]).start().await;
    let got = ask(&gateway, "/stream", &[("x-method", "POST")]).await;
    assert_eq!(
        got,
        json!({
            "status": 200,
            "body": "got: one two three",
            "trailers": ["x-sum"],
            "late": "invalid: this call takes no more of a body",
        })
    );
    assert_eq!(origin.last().value("transfer-encoding").as_deref(), Some("chunked"));
    assert!(origin.last().complete);
}

#[tokio::test]
async fn a_body_over_the_bound_ends_the_call() {
    // So long that much of it is still to come when the bound is passed.
    let origin = origin::replying(&"x".repeat(1_000_000)).await;
    let gateway = gateway::before(&origin).route("/", [fans_out()]).start().await;
    let got = ask(&gateway, "/send", &[("x-most", "99999")]).await;
    assert_eq!(got, json!({ "error": "too-large" }));
    origin.saw(|counts| counts.closed == 1).await;
    let got = ask(&gateway, "/send", &[("x-most", "1000000")]).await;
    assert_eq!(got["body"].as_str().map(str::len), Some(1_000_000));
}

#[tokio::test]
async fn calls_of_an_instance_and_of_a_plugin_are_bounded() {
    let origin = origin::silent().await;
    let gateway = gateway::before(&origin)
        .route("/", [limited("{ wall = \"20s\", calls = 5 }")])
        .route("/all", [limited("{ wall = \"20s\", calls = 256, calls_total = 20 }").named("all")])
        .start()
        .await;
    let got = ask(&gateway, "/many", &[]).await;
    assert_eq!(got, json!({ "started": 5, "then": "too-many" }));
    // What was started has ended with the phase, so it starts from none each time.
    for _ in 0..25 {
        let got = ask(&gateway, "/all/many", &[]).await;
        assert_eq!(got, json!({ "started": 20, "then": "too-many" }));
    }
    let series = "tidegate_plugin_http_calls_total{plugin=\"all\",outcome=\"cancelled\"}";
    gateway.metric_becomes(series, 500.0).await;
}

#[tokio::test]
async fn a_waiting_plugin_keeps_nobody_else_from_being_served() {
    let (silent, origin) = (origin::silent().await, origin::replying("ok").await);
    let waits = guest::fans_out().sends(&[], &[&silent.url()], "").limits("{ wall = \"60s\" }");
    let gateway = gateway::before(&origin)
        .setting("workers = 1")
        .route("/", [])
        .route("/waits", [waits])
        .start()
        .await;
    let waiting = {
        let mut client = gateway.http1().await;
        let request = client::request("GET", "/waits/send", &[("x-to", &silent.url())], "");
        tokio::spawn(async move { client.send(request).await })
    };
    silent.saw(|counts| counts.requests == 1).await;
    assert_eq!(gateway.get("/").await.text(), "ok");

    // A client that leaves takes the call with it.
    waiting.abort();
    silent.saw(|counts| counts.closed == 1).await;
    let series = "tidegate_plugin_http_calls_total{plugin=\"fans-out\",outcome=\"cancelled\"}";
    gateway.metric_becomes(series, 1.0).await;
}

#[tokio::test]
async fn a_call_that_is_left_open_ends_with_its_phase_also_in_an_instance_that_is_kept() {
    let origin = origin::silent().await;
    let gateway = gateway::before(&origin)
        .setting("workers = 1")
        .route("/", [fans_out().pooled()])
        .start()
        .await;
    assert_eq!(ask(&gateway, "/leave", &[]).await, json!("left"));
    gateway.metric_becomes(&counted("cancelled"), 1.0).await;
    let got = ask(&gateway, "/left", &[]).await;
    assert_eq!(
        got["error"],
        "invalid: the call ended with the function of the plugin that started it"
    );
}

#[tokio::test]
async fn response_and_log_phases_send_requests_too() {
    let origin = origin::scripted(|mut connection| async move {
        while let Some(request) = connection.request().await {
            let text = request.start_line();
            let text = text.split(' ').nth(1).unwrap_or_default().to_owned();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", text.len());
            connection.write(head + &text).await;
        }
    })
    .await;
    let gateway = gateway::before(&origin).route("/", [fans_out()]).start().await;

    let reply = gateway.get_with("/response", &[("x-to", "origin")]).await;
    assert_eq!((reply.text(), reply.header("x-said")), ("/response", Some("/asked?by=guest")));
    gateway.get_with("/log", &[("x-to", "origin")]).await;
    origin.saw(|counts| counts.requests == 4).await;
    assert_eq!(
        (origin.last().start_line().as_str(), origin.last().text().as_str()),
        ("POST /report HTTP/1.1", "200")
    );
}

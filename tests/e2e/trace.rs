//! What a traced plugin does, call by call.

use serde_json::json;
use tidegate_tests::{client, gateway, guest, origin, process, token};

use crate::TIDEGATE;

/// A line without its time of day and what the call took.
fn timeless(line: &str) -> &str {
    let (time, rest) = line.split_once(' ').unwrap();
    assert_eq!(time.len(), "12:00:01.123456".len(), "{line}");
    let (rest, took) = rest.rsplit_once(" <").unwrap();
    assert!(took.ends_with("s>"), "{line}");
    rest
}

#[tokio::test]
async fn every_host_call_of_a_traced_plugin_is_a_line() {
    let origin = origin::replying("ok").await;
    let traced = guest::capabilities().named("traced").grants("counter crypto kv metrics output");
    let mut process = gateway::before(&origin)
        .setting("trusted_proxies = [\"127.0.0.1\"]")
        .route("/", [traced, guest::sees().named("other").config("{ name = \"a\" }")])
        .spawn_with(TIDEGATE, &["--trace-plugin", "traced"])
        .await;

    let mut client = client::http1(process.address()).await;
    let headers = [("x-request-id", "r-1")];
    let reply = client.send(client::request("GET", "/kv", &headers, "")).await;
    assert_eq!(reply.status(), 200);
    let lines = process.traces("→").await;
    let calls: Vec<&str> = lines.iter().map(|line| timeless(line)).collect();
    assert_eq!(
        calls,
        [
            "r-1 traced request  request.path() = \"/kv\"",
            "r-1 traced request  kv.get(\"visits\") = none",
            "r-1 traced request  kv.set(\"visits\", \"x\", 3600000) = ok(1)",
            "r-1 traced request  kv.compare-and-set(\"visits\", none, [], none) = err(conflict)",
            "r-1 traced request  kv.delete(\"no such key\") = false",
            "r-1 traced request  → respond({status: 200, headers: [{name: \"content-type\", value: \
             \"application/json\"}], body: \"{\\\"before\\\":0,\\\"conflict\\\":\\\"conflict\\\",\
             \\\"deleted\\\":false,\\\"written\\\":true}\"})",
        ]
    );
}

#[tokio::test]
async fn credentials_are_left_out_of_a_trace_unless_asked_for() {
    let secret = "correct horse battery staple, 32";
    let auth = guest::component("jwt")
        .config(&format!("{{ issuers = [{{ secret = {secret:?}, algorithms = [\"HS256\"] }}] }}"));
    let origin = origin::replying("ok").await;
    let credential =
        format!("Bearer {}", token::signed(&json!({ "exp": token::now() + 60 }), secret));
    let gateway = || gateway::before(&origin).route("/", [auth.clone()]);

    let mut process = gateway().spawn_with(TIDEGATE, &["--trace-plugin", "*"]).await;
    let mut client = client::http1(process.address()).await;
    let asked = || client::request("GET", "/", &[("authorization", &credential)], "");
    assert_eq!(client.send(asked()).await.status(), 200);
    let lines = process.traces("→").await.join("\n");
    assert!(lines.contains("request.header(\"authorization\") = [<redacted>]"), "{lines}");
    assert!(lines.contains("crypto.verify(hs256, secret(<redacted>), "), "{lines}");
    assert!(!lines.contains("Bearer") && !lines.contains("horse"), "{lines}");

    let options = ["--trace-plugin", "jwt", "--trace-secrets"];
    let mut process = gateway().spawn_with(TIDEGATE, &options).await;
    let mut client = client::http1(process.address()).await;
    assert_eq!(client.send(asked()).await.status(), 200);
    let lines = process.traces("→").await.join("\n");
    assert!(lines.contains("request.header(\"authorization\") = [\"Bearer ey"), "{lines}");
    assert!(lines.contains("secret(\"correct horse battery staple, 32\")"), "{lines}");
}

#[tokio::test]
async fn a_plugin_that_is_not_there_cannot_be_traced() {
    let builder = gateway::Builder::default().route_with("/", [guest::empty()], "respond = {}");
    let (folder, _file) = builder.write();
    let arguments = ["run", "gateway.toml", "--trace-plugin", "emtpy"];
    let ended = process::run(TIDEGATE, &arguments, folder.path()).await;
    assert_eq!(ended.code, Some(1));
    let expected = "error: there is no plugin `emtpy` to trace; did you mean `empty`?\n";
    assert_eq!(ended.stderr, expected);
}

#[tokio::test]
async fn host_calls_are_counted_by_interface() {
    let origin = origin::replying("ok").await;
    let all = guest::capabilities().grants("counter crypto kv metrics output");
    let gateway = gateway::before(&origin).route("/", [all.pooled()]).start().await;
    for _ in 0..2 {
        assert_eq!(gateway.get("/kv").await.status(), 200);
    }
    let counted = async |interface: &str| {
        let labels = format!("{{plugin=\"capabilities\",interface=\"{interface}\"}}");
        gateway.metric(&format!("tidegate_plugin_host_calls_total{labels}")).await
    };
    for (interface, calls) in [("kv", 8.0), ("request", 2.0), ("clock", 0.0)] {
        assert!((counted(interface).await - calls).abs() < f64::EPSILON, "{interface}");
    }
}

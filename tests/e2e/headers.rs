//! The first-party plugin `headers`.

use tidegate_tests::guest::{self, Plugin};
use tidegate_tests::{gateway, origin};

fn headers(config: &str) -> Plugin {
    guest::component("headers").config(config)
}

/// Each kind of edit of both heads, on several requests of one connection.
async fn edits_both_heads(plugin: Plugin) {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nserver: old\r\nx-a: upstream\r\n\
        x-b: upstream\r\nvary: accept\r\n\r\n";
    let origin = origin::responding(answer).await;
    let gateway = gateway::before(&origin).route("/", [plugin]).start().await;

    let mut client = gateway.raw().await;
    for _ in 0..3 {
        let fields = "host: a\r\nx-debug: 1\r\nx-a: 1\r\nX-A: 2\r\nx-b: 3\r\n";
        client.send(format!("GET / HTTP/1.1\r\n{fields}\r\n")).await;
        let response = client.response().await;
        let sent =
            ["server", "x-a", "x-b", "x-c", "vary"].map(|name| joined(&response.values(name)));
        assert_eq!(sent, ["", "gateway", "upstream", "default", "accept|origin|cookie"]);

        let seen = origin.last();
        let sent = ["x-debug", "x-a", "x-b", "x-c", "x-d"].map(|name| joined(&seen.values(name)));
        assert_eq!(sent, ["", "gateway", "3", "default", "1|2"]);
    }
}

fn joined(values: &[Vec<u8>]) -> String {
    String::from_utf8(values.join(b"|".as_slice())).unwrap()
}

const EDITS: &str = r#"{
    request = { remove = ["X-Debug"], set = { x-a = "gateway" },
        default = { x-b = "default", x-c = "default" }, add = { x-d = ["1", "2"] } },
    response = { remove = ["server"], set = { x-a = "gateway" },
        default = { x-b = "default", x-c = "default" }, add = { vary = ["origin", "cookie"] } },
}"#;

#[tokio::test]
async fn both_heads_are_edited_by_fresh_instances() {
    edits_both_heads(headers(EDITS)).await;
}

#[tokio::test]
async fn both_heads_are_edited_by_pooled_instances() {
    edits_both_heads(headers(EDITS).pooled()).await;
}

#[tokio::test]
async fn an_answer_of_a_plugin_behind_or_of_the_gateway_has_the_headers_too() {
    let origin = origin::replying("ok").await;
    let edits = || headers(r#"{ response = { set = { x-gw = "bench" } } }"#);
    let jwt = guest::component("jwt")
        .config(r#"{ issuers = [{ secret = "a secret of the tests, 32 bytes." }] }"#);
    let gateway = gateway::before(&origin)
        .route("/behind", [edits().named("first"), jwt.clone().named("guard")])
        .route("/before", [jwt, edits()])
        .route("/traps", [edits().named("third"), guest::traps()])
        .start()
        .await;

    let refused = gateway.get("/behind").await;
    assert_eq!((refused.status(), refused.header("x-gw")), (401, Some("bench")));
    let refused = gateway.get("/before").await;
    assert_eq!((refused.status(), refused.header("x-gw")), (401, None), "it had no turn");
    let failed = gateway.get_with("/traps", &[("x-trap", "request")]).await;
    assert_eq!((failed.status(), failed.header("x-gw")), (500, Some("bench")));
}

#[tokio::test]
async fn what_no_plugin_may_write_is_a_finding_where_it_stands() {
    let origin = origin::replying("ok").await;
    let plugin = headers(r#"{ request = { set = { Host = "other" } } }"#);
    let refusal = gateway::before(&origin).route("/", [plugin]).refusal().await;
    assert!(
        refusal.contains("error: `host` belongs to the gateway and cannot be edited"),
        "{refusal}"
    );
}

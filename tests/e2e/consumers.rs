//! The capability `consumers`.

use serde_json::json;
use tidegate_tests::{gateway, guest, origin};

use crate::TIDEGATE;

const CONSUMERS: &str = r#"
[consumers.alice]
groups = ["staff", "admin"]
credentials = [{ kind = "key", id = "k-1" }, { kind = "basic", id = "alice", secret = "s3cret" }]
attributes = { plan = "gold", area = "eu" }

[consumers.bob]
credentials = [{ kind = "key", id = "k-2" }]
"#;

#[tokio::test]
async fn a_caller_is_known_by_what_it_presents() {
    let origin = origin::replying("ok").await;
    let knows = guest::knows().grants("consumers");
    let gateway = gateway::before(&origin).toml(CONSUMERS).route("/", [knows]).start().await;

    let reply = gateway.get_with("/", &[("x-kind", "basic"), ("x-id", "alice")]).await;
    assert_eq!(
        reply.json(),
        json!({
            "name": "alice",
            "groups": ["staff", "admin"],
            "attributes": [["area", "eu"], ["plan", "gold"]],
            "secret": "s3cret",
            "set": ["alice", "staff,admin"],
        })
    );
    let reply = gateway.get_with("/", &[("x-kind", "key"), ("x-id", "k-2")]).await;
    assert_eq!(
        reply.json(),
        json!({
            "name": "bob",
            "groups": [],
            "attributes": [],
            "secret": null,
            "set": ["bob", ""],
        })
    );
    let status = async |kind: &str, id: &str| {
        gateway.get_with("/", &[("x-kind", kind), ("x-id", id)]).await.status()
    };
    assert_eq!(status("key", "k-3").await, 401);
    assert_eq!(status("key", "alice").await, 401, "an id is of its kind");
    assert_eq!(
        gateway.get_with("/", &[("x-name", "alice")]).await.json(),
        json!({
            "name": "alice",
            "groups": ["staff", "admin"],
            "attributes": [["area", "eu"], ["plan", "gold"]],
        })
    );
    assert_eq!(gateway.get_with("/", &[("x-name", "eve")]).await.status(), 401);
    assert_eq!(gateway.status().await["consumers"], 2);
}

#[tokio::test]
async fn a_plugin_asks_only_for_the_kinds_that_it_was_granted() {
    let origin = origin::replying("ok").await;
    let knows = guest::knows().key("grants = { consumers = { kinds = [\"key\"] } }");
    let gateway = gateway::before(&origin).toml(CONSUMERS).route("/", [knows]).start().await;

    let status = async |kind: &str, id: &str| {
        gateway.get_with("/", &[("x-kind", kind), ("x-id", id)]).await.status()
    };
    assert_eq!(status("key", "k-1").await, 200);
    assert_eq!(status("basic", "alice").await, 401);
    let grants = &gateway.status().await["plugins"][0]["grants"];
    assert_eq!(*grants, json!({ "consumers": { "kinds": ["key"] } }));
}

#[tokio::test]
async fn a_change_of_consumers_is_seen_at_once_and_loads_no_plugin_again() {
    let origin = origin::replying("ok").await;
    let knows = guest::knows().grants("consumers");
    let gateway = gateway::before(&origin).toml(CONSUMERS).route("/", [knows]);
    let mut process = gateway.spawn(TIDEGATE).await;
    let file = process.folder().join("gateway.toml");
    let status = async |address, id: &str| {
        let headers = [("x-kind", "key"), ("x-id", id)];
        let request = tidegate_tests::client::request("GET", "/", &headers, "");
        tidegate_tests::client::http1(address).await.send(request).await.status()
    };
    assert_eq!(status(process.address(), "k-1").await, 200);

    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"k-1\"", "\"k-9\"")).unwrap();
    let event = process.logs("configuration changed").await;
    assert_eq!(event["changed"], "consumers");
    assert_eq!(status(process.address(), "k-1").await, 401);
    assert_eq!(status(process.address(), "k-9").await, 200);
}

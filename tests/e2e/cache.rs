//! The capability `cache`.

use serde_json::{Value, json};
use tidegate_tests::gateway::Gateway;
use tidegate_tests::guest::{self, Plugin};
use tidegate_tests::{client, gateway, origin};

fn remembers(name: &str) -> Plugin {
    guest::remembers().named(name).grants("cache")
}

async fn ask(gateway: &Gateway, method: &str, path: &str, headers: &[(&str, &str)]) -> Value {
    gateway.send(client::request(method, path, headers, "")).await.json()
}

#[tokio::test]
async fn a_response_is_kept_refreshed_and_removed() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin)
        .route("/a", [remembers("a")])
        .route("/b", [remembers("b")])
        .start()
        .await;

    assert_eq!(ask(&gateway, "GET", "/a/1", &[]).await, Value::Null);
    let page = [("x-value", "page"), ("x-etag", "1"), ("x-tag", "t"), ("x-fresh", "0")];
    assert_eq!(ask(&gateway, "PUT", "/a/1", &page).await, "kept");
    let stale = json!({
        "status": 203,
        "headers": [["etag", "1"], ["x-kept", "1"]],
        "body": "page",
        "fresh": false,
        "tags": ["t"],
    });
    assert_eq!(ask(&gateway, "GET", "/a/1", &[]).await, stale);
    assert_eq!(ask(&gateway, "GET", "/b/1", &[]).await, Value::Null);

    assert_eq!(ask(&gateway, "PATCH", "/a/1", &[("x-etag", "2")]).await, true);
    assert_eq!(ask(&gateway, "PATCH", "/a/2", &[("x-etag", "2")]).await, false);
    let refreshed = ask(&gateway, "GET", "/a/1", &[]).await;
    assert_eq!(refreshed["headers"], json!([["x-kept", "1"], ["etag", "2"]]));
    assert_eq!((&refreshed["fresh"], &refreshed["body"]), (&json!(true), &json!("page")));

    // It survives a reload that does not concern the plugin, and one that does.
    gateway
        .change(|text| text.replacen("workers = 2", "workers = 2\ndrain_timeout = \"1s\"", 1))
        .await;
    gateway
        .change(|text| text.replacen("[plugins.a]", "[plugins.a]\non_error = \"skip\"", 1))
        .await;
    assert_eq!(ask(&gateway, "GET", "/a/1", &[]).await["body"], "page");

    assert_eq!(ask(&gateway, "PUT", "/a/2", &[("x-tag", "t")]).await, "kept");
    assert_eq!(ask(&gateway, "PUT", "/a/3", &[("x-tag", "u")]).await, "kept");
    assert_eq!(ask(&gateway, "DELETE", "/a/1", &[("x-tag", "t")]).await, 2);
    assert_eq!(ask(&gateway, "GET", "/a/2", &[]).await, Value::Null);
    assert_eq!(ask(&gateway, "DELETE", "/a/3", &[]).await, true);
    assert_eq!(ask(&gateway, "DELETE", "/a/3", &[]).await, false);
    let over = [("x-fresh", "0"), ("x-stale", "0")];
    assert_eq!(ask(&gateway, "PUT", "/a/4", &over).await, "kept");
    assert_eq!(ask(&gateway, "GET", "/a/4", &[]).await, Value::Null, "its time is over");

    gateway.metric_becomes("tidegate_cache_hits_total{plugin=\"a\"}", 3.0).await;
    gateway.metric_becomes("tidegate_cache_misses_total{plugin=\"a\"}", 3.0).await;
    gateway.metric_becomes("tidegate_cache_misses_total{plugin=\"b\"}", 1.0).await;
    assert_eq!(gateway.status().await["cache"]["bytes"], 0);
}

#[tokio::test]
async fn what_plugins_keep_is_bounded_by_bytes() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin)
        .limit("cache = \"1MiB\"")
        .route("/a", [remembers("a")])
        .route("/b", [remembers("b")])
        .start()
        .await;

    let sized = |size: &'static str| [("x-size", size)];
    assert_eq!(ask(&gateway, "PUT", "/a/0", &sized("262144")).await, "too-large");
    for path in ["/a/1", "/a/2", "/b/1", "/b/2"] {
        assert_eq!(ask(&gateway, "PUT", path, &sized("250000")).await, "kept");
    }
    assert_eq!(ask(&gateway, "GET", "/a/1", &[]).await["body"], "long");
    assert_eq!(ask(&gateway, "PUT", "/b/3", &sized("250000")).await, "kept");
    assert_eq!(ask(&gateway, "GET", "/a/2", &[]).await, Value::Null, "the longest unused");
    assert_eq!(ask(&gateway, "GET", "/a/1", &[]).await["body"], "long");
    gateway.metric_becomes("tidegate_cache_evictions_total{plugin=\"a\"}", 1.0).await;
    gateway.metric_becomes("tidegate_cache_entries{plugin=\"b\"}", 3.0).await;
    let held = gateway.status().await["cache"]["bytes"].as_u64().unwrap();
    assert!((1_000_000..=1_048_576).contains(&held), "{held}");

    let invalid = [("x-fresh", "1000"), ("x-stale", "0")];
    assert_eq!(ask(&gateway, "PUT", "/a/5", &invalid).await, "invalid");
}

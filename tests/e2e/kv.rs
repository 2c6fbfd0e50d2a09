//! The scope of the grant `kv`.

use tidegate_tests::guest::{self, Plugin};
use tidegate_tests::{client, gateway, origin};

fn shares(name: &str, scope: &str) -> Plugin {
    guest::shares().named(name).key(&format!("grants = {{ kv = {scope} }}"))
}

async fn ask(gateway: &gateway::Gateway, method: &str, path: &str, value: &str) -> String {
    let request = client::request(method, path, &[("x-value", value)], "");
    gateway.send(request).await.text().to_owned()
}

#[tokio::test]
async fn plugins_share_what_they_are_granted_by_the_same_name() {
    let origin = origin::replying("ok").await;
    let sessions = "{ space = \"sessions\" }";
    let gateway = gateway::before(&origin)
        .route("/a", [shares("a", sessions)])
        .route("/b", [shares("b", sessions)])
        .route("/c", [shares("c", "true")])
        .start()
        .await;

    assert_eq!(ask(&gateway, "PUT", "/a/k", "of a").await, "written");
    assert_eq!(ask(&gateway, "GET", "/b/k", "").await, "of a");
    assert_eq!(ask(&gateway, "GET", "/c/k", "").await, "nothing");
    assert_eq!(ask(&gateway, "PUT", "/c/k", "of c").await, "written");
    assert_eq!(ask(&gateway, "GET", "/b/k", "").await, "of a");

    // One of both goes; the space stays with the other, and goes with that.
    let own = |text: String, name: &str| {
        let (before, table) = text.split_once(&format!("[plugins.{name}]")).unwrap();
        let table = table.replacen("kv = { space = \"sessions\" }", "kv = true", 1);
        format!("{before}[plugins.{name}]{table}")
    };
    gateway.change(|text| own(text, "a")).await;
    assert_eq!(ask(&gateway, "GET", "/a/k", "").await, "nothing");
    assert_eq!(ask(&gateway, "GET", "/b/k", "").await, "of a");
    gateway.change(|text| own(text, "b")).await;
    gateway.change(|text| text.replacen("kv = true", "kv = { space = \"sessions\" }", 2)).await;
    assert_eq!(ask(&gateway, "GET", "/b/k", "").await, "nothing");
}

#[tokio::test]
async fn a_key_without_a_granted_prefix_is_denied() {
    let origin = origin::replying("ok").await;
    let scoped = "{ space = \"all\", prefixes = [\"user:\", \"team:\"] }";
    let gateway = gateway::before(&origin)
        .route("/whole", [shares("whole", "{ space = \"all\" }")])
        .route("/scoped", [shares("scoped", scoped)])
        .start()
        .await;

    assert_eq!(ask(&gateway, "PUT", "/whole/key:1", "secret").await, "written");
    assert_eq!(ask(&gateway, "GET", "/scoped/key:1", "").await, "nothing");
    assert_eq!(ask(&gateway, "PUT", "/scoped/key:1", "x").await, "denied");
    assert_eq!(ask(&gateway, "POST", "/scoped/key:2", "x").await, "denied");
    assert_eq!(ask(&gateway, "DELETE", "/scoped/key:1", "").await, "false");
    assert_eq!(ask(&gateway, "POST", "/scoped/team:1", "x").await, "written");
    assert_eq!(ask(&gateway, "GET", "/whole/team:1", "").await, "x");
    assert_eq!(ask(&gateway, "GET", "/whole/key:1", "").await, "secret");
}

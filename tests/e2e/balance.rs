//! Which endpoint gets a request.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};
use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::origin::{self, Origin};
use tidegate_tests::{client, guest, soon, token, until};

/// Origins that answer with their number.
async fn origins(count: usize) -> Vec<Origin> {
    let mut origins = Vec::new();
    for number in 0..count {
        origins.push(origin::replying(&number.to_string()).await);
    }
    origins
}

/// A gateway before all of them that balances by this.
fn balancing(origins: &[Origin], balance: &str) -> gateway::Builder {
    let urls: Vec<String> = origins.iter().map(Origin::url).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    gateway::at(&urls).upstream(&format!("balance = {balance}")).route("/", [])
}

/// The series of an endpoint's gauge.
fn gauge(name: &str, endpoint: &Origin) -> String {
    let address = endpoint.address();
    format!("tidegate_upstream_endpoint_{name}{{upstream=\"origin\",endpoint=\"{address}\"}}")
}

async fn endpoints(gateway: &Gateway) -> Vec<Value> {
    gateway.status().await["upstreams"][0]["endpoints"].as_array().unwrap().clone()
}

/// Who answers each of these values of the header `x-user`.
async fn by_user(gateway: &Gateway) -> BTreeMap<String, String> {
    let mut answered = BTreeMap::new();
    for number in 0..40 {
        let user = format!("user-{number}");
        let reply = gateway.get_with("/", &[("x-user", &user)]).await;
        assert_eq!(reply.status(), 200);
        answered.insert(user, reply.text().to_owned());
    }
    answered
}

#[tokio::test]
async fn who_is_busy_gets_nothing_while_others_are_idle() {
    for balance in ["least_connections", "power_of_two"] {
        let (busy, idle) = (origin::stalls_after_head().await, origin::replying("idle").await);
        let gateway = gateway::at(&[&busy.url(), &idle.url()])
            .upstream(&format!("balance = {balance:?}"))
            .route("/", [])
            .start()
            .await;
        // Until the busy one has its exchange; it holds it until the client leaves.
        let held = until(async || {
            let mut client = gateway.http1().await;
            let head = client.begin(client::request("GET", "/", &[], "")).await.ok()?;
            (busy.counts().requests == 1).then_some((client, head))
        })
        .await;
        gateway.metric_becomes(&gauge("under_way", &busy), 1.0).await;
        assert_eq!(gateway.status().await["upstreams"][0]["balance"], balance);
        for _ in 0..20 {
            assert_eq!(gateway.get("/").await.text(), "idle", "{balance}");
        }
        assert_eq!(busy.counts().requests, 1, "{balance}");

        drop(held);
        let series = gauge("under_way", &busy);
        until(async || (gateway.metric(&series).await.abs() < f64::EPSILON).then_some(())).await;
    }
}

#[tokio::test]
async fn the_same_value_goes_to_the_same_endpoint_through_every_gateway() {
    let origins = origins(3).await;
    let balance = "{ hash = { header = \"X-User\" } }";
    let gateway = balancing(&origins, balance).start().await;
    let first = by_user(&gateway).await;
    assert_eq!(by_user(&gateway).await, first);
    let used: BTreeSet<&String> = first.values().collect();
    assert_eq!(used.len(), 3, "{first:?}");

    let other = balancing(&origins, balance).start().await;
    assert_eq!(by_user(&other).await, first);
}

#[tokio::test]
async fn cookies_paths_addresses_and_consumers_decide_as_well() {
    let origins = origins(4).await;
    let exp = token::now() + 60;
    let bearer = |sub: &str| format!("Bearer {}", token::hs256(&json!({ "sub": sub, "exp": exp })));
    let (alice, bob) = (bearer("alice"), bearer("bob"));
    for (balance, value) in [
        ("{ hash = { cookie = \"sid\" } }", 0),
        ("{ hash = \"path\" }", 1),
        ("{ hash = \"ip\" }", 2),
        ("{ hash = \"consumer\" }", 3),
    ] {
        let urls: Vec<String> = origins.iter().map(Origin::url).collect();
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let jwt = guest::component("jwt").config(&format!(
            "{{ issuers = [{{ secret = {:?} }}], consumer_claim = \"sub\" }}",
            token::SECRET
        ));
        let gateway = gateway::at(&urls)
            .upstream(&format!("balance = {balance}"))
            .setting("trusted_proxies = [\"127.0.0.1\"]")
            .route("/", [jwt])
            .start()
            .await;
        // Who differs in this one thing goes to another endpoint now and then, who does not never.
        let mut answered = BTreeSet::new();
        for number in 0..30 {
            let differs = |index: usize| if value == index { number } else { 0 };
            let cookie = format!("a=1; sid={}", differs(0));
            let path = format!("/{}", differs(1));
            let client = format!("10.0.0.{}", differs(2));
            let caller = if differs(3) % 2 == 0 { &alice } else { &bob };
            let headers = [
                ("cookie", cookie.as_str()),
                ("x-forwarded-for", client.as_str()),
                ("authorization", caller.as_str()),
            ];
            let first = gateway.get_with(&path, &headers).await;
            assert_eq!(first.status(), 200, "{}", first.text());
            let second = gateway.get_with(&path, &headers).await;
            assert_eq!(first.text(), second.text(), "{balance}");
            answered.insert(first.text().to_owned());
        }
        let most = if value == 3 { 2 } else { 4 };
        assert!(answered.len() <= most, "{balance}: {answered:?}");
        assert!(value == 3 || answered.len() > 1, "{balance}: {answered:?}");
    }
}

#[tokio::test]
async fn an_endpoint_has_no_more_exchanges_than_it_may() {
    let origin = origin::stalls_after_head().await;
    let gateway =
        gateway::before(&origin).upstream("max_connections = 1").route("/", []).start().await;
    let mut client = gateway.http1().await;
    let held = client.begin(client::request("GET", "/", &[], "")).await.unwrap();
    let reply = gateway.get("/").await;
    assert_eq!(reply.status(), 503);
    assert_eq!(reply.json()["error"], "proxy_overloaded");
    assert_eq!(endpoints(&gateway).await[0]["under_way"], 1);
    assert_eq!(origin.counts().requests, 1);

    drop((held, client));
    until(async || (endpoints(&gateway).await[0]["under_way"] == 0).then_some(())).await;
    let mut client = gateway.http1().await;
    let again = client.begin(client::request("GET", "/", &[], "")).await.unwrap();
    assert_eq!(again.status(), 200);
}

#[tokio::test]
async fn endpoints_of_a_file_change_without_a_change_of_the_gateways() {
    let origins = origins(2).await;
    let gateway = gateway::Builder::default()
        .file("endpoints.toml", format!("endpoints = [{:?}]\n", origins[0].url()))
        .upstream("endpoints_file = \"endpoints.toml\"")
        .route("/", [])
        .start()
        .await;
    assert_eq!(gateway.get("/").await.text(), "0");

    let text = format!("endpoints = [{{ url = {:?}, weight = 2 }}]\n", origins[1].url());
    fs::write(gateway.path("endpoints.toml"), text).unwrap();
    gateway.serves(2).await;
    assert_eq!(gateway.get("/").await.text(), "1");

    fs::write(gateway.path("endpoints.toml"), "endpoints = [\"nowhere\"]\n").unwrap();
    soon(gateway.running().wait_for_refused(1)).await;
    assert_eq!(gateway.get("/").await.text(), "1", "the old ones stay");
    let refused = gateway.status().await["changes"]["last_refused"]["findings"][0].clone();
    assert_eq!(refused["line"], 1);
    assert!(refused["file"].as_str().unwrap().ends_with("endpoints.toml"), "{refused}");
}

//! The first-party plugin `jwt`, embedded in the gateway.

use serde_json::json;
use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::guest::{self, Plugin};
use tidegate_tests::origin::{self, Origin};
use tidegate_tests::token;

fn auth() -> Plugin {
    guest::component("jwt").named("auth").config(&format!(
        "{{ issuers = [{{ iss = \"https://id.example\", secret = {:?}, audience = \"api\" }}], \
         consumer_claim = \"sub\", claims_to_headers = {{ sub = \"x-user\" }} }}",
        token::SECRET
    ))
}

async fn protected() -> (Origin, Gateway) {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).route("/", [auth()]).start().await;
    (origin, gateway)
}

fn claims() -> serde_json::Value {
    json!({ "iss": "https://id.example", "aud": ["api"], "sub": "alice", "exp": token::now() + 60 })
}

async fn with(gateway: &Gateway, token: &str) -> u16 {
    let authorization = format!("Bearer {token}");
    gateway.get_with("/", &[("authorization", &authorization), ("x-user", "root")]).await.status()
}

#[tokio::test]
async fn without_a_token_it_is_401_and_the_upstream_hears_nothing() {
    let (origin, gateway) = protected().await;
    let reply = gateway.get("/").await;
    assert_eq!(reply.status(), 401);
    assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer"));
    assert!(reply.json()["message"].is_string(), "{}", reply.text());
    assert_eq!(origin.counts().requests, 0);
}

#[tokio::test]
async fn with_a_good_token_it_is_200_and_the_upstream_knows_the_caller() {
    let (origin, gateway) = protected().await;
    assert_eq!(with(&gateway, &token::hs256(&claims())).await, 200);
    assert_eq!(
        origin.last().value("x-user").as_deref(),
        Some("alice"),
        "not what the client wrote"
    );
}

#[tokio::test]
async fn a_token_that_is_not_good_is_refused() {
    let (origin, gateway) = protected().await;
    let changed = |name: &str, value: serde_json::Value| {
        let mut claims = claims();
        claims[name] = value;
        token::hs256(&claims)
    };
    let good = token::hs256(&claims());
    let (message, _signature) = good.rsplit_once('.').unwrap();
    let (_header, payload) = message.split_once('.').unwrap();
    // `{"alg":"none"}`
    let unsigned = format!("eyJhbGciOiJub25lIn0.{payload}.");
    for token in [
        changed("exp", json!(token::now() - 60)),
        changed("nbf", json!(token::now() + 600)),
        changed("iss", json!("https://evil.example")),
        changed("aud", json!("other")),
        token::signed(&claims(), "another secret, also of 32 bytes"),
        format!("{message}."),
        unsigned,
        "not.a.token".to_owned(),
        "x".repeat(20_000),
    ] {
        assert_eq!(with(&gateway, &token).await, 401, "{}", &token[..token.len().min(300)]);
    }
    assert_eq!(origin.counts().requests, 0);
}

#[tokio::test]
async fn the_pooled_plugin_decides_the_same() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).route("/", [auth().pooled()]).start().await;
    let good = token::hs256(&claims());
    let bad = token::signed(&claims(), "another secret, also of 32 bytes");
    for _ in 0..20 {
        assert_eq!(with(&gateway, &good).await, 200);
        assert_eq!(with(&gateway, &bad).await, 401);
    }
}

#[tokio::test]
async fn each_consumer_has_a_limit_of_its_own() {
    let origin = origin::replying("ok").await;
    let limit =
        guest::component("rate-limit").config(r#"{ limit = 2, per = "hour", by = "consumer" }"#);
    let gateway = gateway::before(&origin).route("/", [auth(), limit]).start().await;
    let token = |subject: &str| {
        let mut claims = claims();
        claims["sub"] = json!(subject);
        token::hs256(&claims)
    };
    for (subject, status) in
        [("alice", 200), ("alice", 200), ("alice", 429), ("bob", 200), ("alice", 429), ("bob", 200)]
    {
        assert_eq!(with(&gateway, &token(subject)).await, status, "{subject}");
    }
}

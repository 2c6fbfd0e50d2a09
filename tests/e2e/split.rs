//! Traffic over several upstreams, and copies of it for another.

use std::collections::BTreeMap;

use tidegate_tests::client::{self, Reply};
use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::origin::{self, Origin};

/// Two versions that answer with their names.
async fn versions() -> (Origin, Origin) {
    (origin::replying("v1").await, origin::replying("v2").await)
}

/// A gateway whose route `shop` leads to both versions, with these lines.
async fn splitting((v1, v2): &(Origin, Origin), lines: &str) -> Gateway {
    let (v1, v2) = (v1.url(), v2.url());
    gateway::alone()
        .toml(&format!(
            "[upstreams.v1]\nendpoints = [{v1:?}]\n\n[upstreams.v2]\nendpoints = [{v2:?}]\n"
        ))
        .toml(&format!("[[routes]]\nname = \"shop\"\nmatch = {{ path = \"/\" }}\n{lines}\n"))
        .start()
        .await
}

const NINE_TO_ONE: &str =
    r#"upstream = [{ name = "v1", weight = 9 }, { name = "v2", weight = 1 }]"#;

/// How often each version answers, with these headers.
async fn count(gateway: &Gateway, requests: usize, headers: &[(&str, &str)]) -> [usize; 2] {
    let mut counts = BTreeMap::from([("v1", 0), ("v2", 0)]);
    for _ in 0..requests {
        let reply = gateway.get_with("/", headers).await;
        *counts.get_mut(reply.text()).expect("a version") += 1;
    }
    [counts["v1"], counts["v2"]]
}

#[tokio::test]
async fn requests_are_spread_by_weight_and_counted_by_upstream() {
    let versions = versions().await;
    let gateway = splitting(&versions, NINE_TO_ONE).await;
    assert_eq!(count(&gateway, 20, &[]).await, [19, 1]);
    let answered = |version: &str, origin: &Origin| {
        let endpoint = origin.address();
        format!(
            "tidegate_upstream_requests_total{{upstream=\"{version}\",endpoint=\"{endpoint}\",outcome=\"answered\"}}"
        )
    };
    gateway.metric_becomes(&answered("v1", &versions.0), 19.0).await;
    gateway.metric_becomes(&answered("v2", &versions.1), 1.0).await;
}

#[tokio::test]
async fn a_header_forces_the_canary_also_where_it_has_no_weight() {
    let versions = versions().await;
    let lines = "upstream = [\"v1\", { name = \"v2\", weight = 0 }]\n\
                 split = { force_header = \"x-canary\" }";
    let gateway = splitting(&versions, lines).await;
    assert_eq!(count(&gateway, 4, &[("x-canary", "v2")]).await, [0, 4]);
    assert_eq!(count(&gateway, 4, &[("x-canary", "v3")]).await, [4, 0]);
    assert_eq!(count(&gateway, 4, &[]).await, [4, 0]);
}

#[tokio::test]
async fn who_sends_the_same_header_has_the_same_version_after_a_reload_too() {
    let versions = versions().await;
    let lines = "upstream = [\"v1\", \"v2\"]\nsplit = { by = { header = \"x-user\" } }";
    let gateway = splitting(&versions, lines).await;
    let mut seen = [0, 0];
    let mut before = Vec::new();
    for user in 0..20 {
        let user = user.to_string();
        let counts = count(&gateway, 2, &[("x-user", &user)]).await;
        assert!(counts == [2, 0] || counts == [0, 2], "{user}: {counts:?}");
        seen[usize::from(counts[1] == 2)] += 1;
        before.push(counts);
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    gateway.change(|text| text + "\ntimeout = \"59s\"\n").await;
    for (user, counts) in before.iter().enumerate() {
        let user = user.to_string();
        assert_eq!(count(&gateway, 2, &[("x-user", &user)]).await, *counts, "{user}");
    }
}

/// The name and value of the cookie that is set, and its attributes.
fn cookie(reply: &Reply) -> Option<(String, String)> {
    let (pair, attributes) = reply.header("set-cookie")?.split_once("; ")?;
    Some((pair.to_owned(), attributes.to_owned()))
}

#[tokio::test]
async fn a_cookie_keeps_a_client_with_its_version_until_that_is_drained() {
    let versions = versions().await;
    let lines = "upstream = [{ name = \"v1\", weight = 1 }, { name = \"v2\", weight = 1 }]\n\
                 split = { by = { cookie = \"shop\", ttl = \"1h\" } }";
    let gateway = splitting(&versions, lines).await;
    let first = gateway.get("/").await;
    let (pair, attributes) = cookie(&first).expect("a cookie");
    assert_eq!(attributes, "Path=/; Max-Age=3600; HttpOnly; SameSite=Lax");
    assert!(pair.starts_with("shop=") && !pair.contains(first.text()), "{pair}");
    for _ in 0..4 {
        let again = gateway.get_with("/", &[("cookie", &pair)]).await;
        assert_eq!((again.text(), cookie(&again)), (first.text(), None));
    }
    // The turns go on for others.
    assert_eq!(gateway.get("/").await.text(), "v2");

    gateway
        .change(|text| {
            text.replace("{ name = \"v1\", weight = 1 }", "{ name = \"v1\", weight = 0 }")
        })
        .await;
    assert_eq!(first.text(), "v1");
    let moved = gateway.get_with("/", &[("cookie", &pair)]).await;
    assert_eq!(moved.text(), "v2");
    assert!(cookie(&moved).is_some_and(|(other, _)| other != pair));
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_binds_nobody() {
    let dead = origin::nowhere().await;
    let gateway = gateway::alone()
        .toml(&format!("[upstreams.v1]\nendpoints = [\"http://{dead}\"]\n"))
        .toml(
            "[[routes]]\nname = \"shop\"\nmatch = { path = \"/\" }\nupstream = [\"v1\"]\n\
             split = { by = { cookie = \"shop\" } }\n",
        )
        .start()
        .await;
    let reply = gateway.get("/").await;
    assert_eq!((reply.status(), reply.header("set-cookie")), (502, None));
}

/// A gateway whose route leads to `origin`, and copies to `shadow` with these settings.
async fn mirroring(origin: &Origin, shadow: &str, settings: &str) -> Gateway {
    gateway::before(origin)
        .toml(&format!("[upstreams.shadow]\nendpoints = [{shadow:?}]\n"))
        .route_with(
            "/",
            [],
            &format!("upstream = \"origin\"\nmirror = {{ upstream = \"shadow\"{settings} }}"),
        )
        .start()
        .await
}

fn mirrored(outcome: &str) -> String {
    format!("tidegate_mirrored_requests_total{{route=\"root\",outcome=\"{outcome}\"}}")
}

#[tokio::test]
async fn a_copy_is_the_same_request_and_its_answer_is_dropped() {
    let (origin, shadow) = (origin::replying("real").await, origin::replying("shadow").await);
    let gateway = mirroring(&origin, &shadow.url(), "").await;
    let request = client::request("POST", "/a?q=1", &[("x-own", "1")], "a body");
    let reply = gateway.send(request).await;
    assert_eq!((reply.status(), reply.text()), (200, "real"));
    shadow.saw(|counts| counts.requests == 1).await;
    let (seen, copied) = (origin.last(), shadow.last());
    assert_eq!(copied.start_line(), "POST /a?q=1 HTTP/1.1");
    assert_eq!(
        (copied.text().as_str(), copied.value("content-length").as_deref()),
        ("a body", Some("6"))
    );
    for name in ["x-own", "x-request-id", "x-forwarded-for", "via", "host"] {
        assert_eq!(copied.value(name), seen.value(name), "{name}");
    }
    gateway.metric_becomes(&mirrored("answered"), 1.0).await;
    // A request without a body is copied as well.
    gateway.get("/").await;
    gateway.metric_becomes(&mirrored("answered"), 2.0).await;
    assert_eq!(shadow.counts().requests, 2);
}

#[tokio::test]
async fn a_share_is_copied() {
    let (origin, shadow) = (origin::replying("real").await, origin::replying("shadow").await);
    let gateway = mirroring(&origin, &shadow.url(), ", percent = 10").await;
    for _ in 0..20 {
        assert_eq!(gateway.get("/").await.text(), "real");
    }
    // The turns fall evenly: of these it is the first, the sixth and the fourteenth.
    gateway.metric_becomes(&mirrored("answered"), 3.0).await;
    assert_eq!(shadow.counts().requests, 3);
}

#[tokio::test]
async fn long_bodies_are_not_copied_whether_announced_or_not() {
    let (origin, shadow) = (origin::replying("real").await, origin::replying("shadow").await);
    let gateway = mirroring(&origin, &shadow.url(), ", body = \"10B\"").await;
    let announced = client::request("POST", "/", &[], "0123456789x");
    assert_eq!(gateway.send(announced).await.text(), "real");
    let mut chunked = gateway.raw().await;
    chunked
        .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await
        .send("6\r\n012345\r\n5\r\n6789x\r\n0\r\n\r\n")
        .await;
    assert_eq!(chunked.response().await.text(), "real");
    assert_eq!(origin.last().text(), "0123456789x");
    gateway.metric_becomes(&mirrored("too_large"), 2.0).await;

    let short = client::request("POST", "/", &[], "0123456789");
    gateway.send(short).await;
    gateway.metric_becomes(&mirrored("answered"), 1.0).await;
    assert_eq!(shadow.last().text(), "0123456789");
}

#[tokio::test]
async fn a_dead_shadow_costs_nobody_anything() {
    let origin = origin::replying("real").await;
    let dead = format!("http://{}", origin::nowhere().await);
    let gateway = mirroring(&origin, &dead, "").await;
    assert_eq!(gateway.get("/").await.text(), "real");
    gateway.metric_becomes(&mirrored("failed"), 1.0).await;
    assert!(!gateway.admin("/metrics").await.text().contains("tidegate_failures_total{"));
}

#[tokio::test]
async fn a_silent_shadow_has_so_many_copies_under_way_and_no_more() {
    let (origin, shadow) = (origin::replying("real").await, origin::silent().await);
    let gateway = mirroring(&origin, &shadow.url(), ", concurrency = 2").await;
    for _ in 0..5 {
        assert_eq!(gateway.get("/").await.text(), "real");
    }
    gateway.metric_becomes(&mirrored("saturated"), 3.0).await;
    assert_eq!(shadow.saw(|counts| counts.requests == 2).await.requests, 2);
}

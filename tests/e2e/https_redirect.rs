//! From HTTP to HTTPS, and staying there.

use tidegate_tests::gateway::{self, Builder, Gateway};
use tidegate_tests::tls::{Dialer, authority};
use tidegate_tests::{client, origin};

const CHALLENGE: &str = "/.well-known/acme-challenge/token_1";

fn redirecting(line: &str) -> Builder {
    gateway::alone().toml(&format!("[[listeners]]\naddress = \"127.0.0.1:0\"\n{line}")).route_with(
        "/",
        [],
        "respond = { body = \"in the clear\" }",
    )
}

#[tokio::test]
async fn every_request_is_sent_to_the_same_place_over_tls() {
    let gateway = redirecting("redirect_https = true").start().await;
    let host = [("host", "a.example:8080")];
    for (method, status) in
        [("GET", 301), ("HEAD", 301), ("POST", 308), ("PUT", 308), ("DELETE", 308)]
    {
        let reply = gateway.send(client::request(method, "/a/b?c=d", &host, "")).await;
        assert_eq!(reply.status(), status, "{method}");
        assert_eq!(reply.header("location"), Some("https://a.example/a/b?c=d"), "{method}");
        assert_eq!(reply.header("strict-transport-security"), None);
        assert!(reply.header("x-request-id").is_some());
    }
    let redirected = "tidegate_requests_total{route=\"-\",status=\"308\",source=\"gateway\"}";
    gateway.metric_becomes(redirected, 3.0).await;
}

#[tokio::test]
async fn the_port_can_be_another_and_answers_to_challenges_stay_in_the_clear() {
    let gateway = redirecting("redirect_https = 8443").start().await;
    let reply = gateway.get_with("/", &[("host", "a.example")]).await;
    assert_eq!(reply.header("location"), Some("https://a.example:8443/"));
    assert_eq!(gateway.get(CHALLENGE).await.text(), "in the clear");
    let below = gateway.get(&format!("{CHALLENGE}/../../../users")).await;
    assert_eq!(below.status(), 301);
}

#[tokio::test]
async fn who_came_to_a_trusted_proxy_over_tls_is_not_sent_in_circles() {
    let proto = [("x-forwarded-proto", "https")];
    let stranger = redirecting("redirect_https = true").start().await;
    assert_eq!(stranger.get_with("/", &proto).await.status(), 301);
    let trusted = redirecting("redirect_https = true")
        .setting("trusted_proxies = [\"127.0.0.0/8\"]")
        .start()
        .await;
    assert_eq!(trusted.get_with("/", &proto).await.status(), 200);
}

#[tokio::test]
async fn a_client_that_names_no_host_is_refused() {
    let gateway = redirecting("redirect_https = true").start().await;
    let mut raw = gateway.raw().await;
    let answer = raw.send("GET / HTTP/1.0\r\n\r\n").await.to_end().await;
    assert!(answer.starts_with("HTTP/1.0 400 ") || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(!answer.contains("in the clear"), "{answer}");
}

#[tokio::test]
async fn a_change_of_the_line_takes_effect_for_new_connections() {
    let gateway = redirecting("redirect_https = true").start().await;
    assert_eq!(gateway.get("/").await.status(), 301);
    gateway.change(|text| text.replace("redirect_https = true", "redirect_https = false")).await;
    assert_eq!(gateway.get("/").await.text(), "in the clear");
}

async fn secured(hsts: &str) -> (Gateway, Dialer) {
    let authority = authority("ca");
    let own = authority.issue(&["a.example"]);
    let origin =
        "HTTP/1.1 200 OK\r\nstrict-transport-security: max-age=0\r\ncontent-length: 0\r\n\r\n";
    let origin = origin::responding(origin).await;
    let gateway = gateway::before(&origin)
        .file("a.pem", &own.pem)
        .file("a.key", &own.key)
        .toml(&format!(
            "[[listeners]]\naddress = \"127.0.0.1:0\"\n\
             tls = {{ certificate = \"a.pem\", key = \"a.key\" }}\nhsts = {hsts}"
        ))
        .route_with("/fixed", [], "respond = {}")
        .route("/own", [])
        .start()
        .await;
    let dialer = authority.dialer();
    // The test asks before the origin goes.
    let mut client = dialer.http1(gateway.address(), "a.example").await;
    let own = client.get("/own").await;
    assert_eq!(own.header("strict-transport-security"), Some("max-age=0"), "the origin's own");
    (gateway, dialer)
}

#[tokio::test]
async fn every_response_over_tls_says_how_long_to_stay_there_unless_it_says_so_itself() {
    let (gateway, dialer) = secured("\"180d\"").await;
    let mut client = dialer.http1(gateway.address(), "a.example").await;
    for (path, status) in [("/fixed", 200), ("/none", 404)] {
        let reply = client.get(path).await;
        assert_eq!(reply.status(), status);
        assert_eq!(reply.header("strict-transport-security"), Some("max-age=15552000"), "{path}");
    }
}

#[tokio::test]
async fn subdomains_and_lists_are_asked_for_only_if_the_file_says_so() {
    let table = "{ max_age = \"2y\", include_subdomains = true, preload = true }";
    let (gateway, dialer) = secured(table).await;
    let reply = dialer.http1(gateway.address(), "a.example").await.get("/fixed").await;
    let expected = "max-age=63115200; includeSubDomains; preload";
    assert_eq!(reply.header("strict-transport-security"), Some(expected));
}

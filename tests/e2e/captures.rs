//! What a route's match has captured, in header fields and in `Host`.

use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::origin::{self, Origin};

async fn routed(origin: &Origin, routes: &str) -> Gateway {
    gateway::before(origin).toml(routes).start().await
}

const TENANTS: &str = r#"
[[routes]]
name = "tenant"
match = { host = ["*.shop.test", "*.eu.shop.test"], path = { pattern = "/t/{tenant}/{rest+}" } }
rewrite = { replace_path = "/{rest}", host = "{tenant}.internal:81" }
request_headers = { set = { x-tenant = "{tenant}", x-shop = "at {*}", x-json = '{{"a":1}}' }, add = { x-tag = ["{rest}", "b"] } }
response_headers = { set = { x-for = "{tenant}@{*}" }, remove = "x-origin" }
upstream = "origin"

[[routes]]
name = "numbered"
match = { path = { regex = "/n/([a-z]+)(?:/(?<id>[0-9]+))?" } }
request_headers.set = { x-kind = "{1}", x-id = "{id}" }
upstream = "origin"

[[routes]]
name = "answer"
match = { path = { pattern = "/hello/{name}" } }
respond = { body = "hello" }
response_headers.set = { x-name = "{name}" }
"#;

#[tokio::test]
async fn fields_and_host_are_made_of_what_the_match_has_captured() {
    let origin = origin::replying("ok").await;
    let gateway = routed(&origin, TENANTS).await;
    let reply = gateway.get_with("/t/acme/a/b?q=1", &[("host", "one.eu.shop.test:8080")]).await;
    assert_eq!((reply.status(), reply.header("x-for")), (200, Some("acme@one")));
    let seen = origin.last();
    assert_eq!(seen.start_line(), "GET /a/b?q=1 HTTP/1.1");
    assert_eq!(seen.value("host").as_deref(), Some("acme.internal:81"));
    assert_eq!(seen.value("x-tenant").as_deref(), Some("acme"));
    assert_eq!(seen.value("x-shop").as_deref(), Some("at one"));
    assert_eq!(seen.value("x-json").as_deref(), Some("{\"a\":1}"));
    assert_eq!(seen.values("x-tag"), [b"a/b".to_vec(), b"b".to_vec()]);

    let reply = gateway.get_with("/t/acme/a", &[("host", "A.B.shop.test")]).await;
    assert_eq!(reply.header("x-for"), Some("acme@a.b"));

    assert_eq!(gateway.get("/n/users/7").await.status(), 200);
    assert_eq!(origin.last().value("x-kind").as_deref(), Some("users"));
    assert_eq!(origin.last().value("x-id").as_deref(), Some("7"));
    assert_eq!(gateway.get("/n/users").await.status(), 200);
    assert_eq!(origin.last().value("x-id").as_deref(), Some(""));

    let reply = gateway.get("/hello/caf%c3%a9").await;
    assert_eq!((reply.text(), reply.header("x-name")), ("hello", Some("caf%C3%A9")));
}

#[tokio::test]
async fn what_is_no_host_is_a_bad_request() {
    let origin = origin::replying("ok").await;
    let gateway = routed(&origin, TENANTS).await;
    for tenant in ["a%20b", "a:1", "a@b", "..a"] {
        let path = format!("/t/{tenant}/x");
        let reply = gateway.get_with(&path, &[("host", "one.shop.test")]).await;
        assert_eq!(reply.status(), 400, "{tenant}");
    }
    assert_eq!(origin.counts().requests, 0);
}

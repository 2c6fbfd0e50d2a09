//! What a route makes of a request's path, host and headers.

use std::sync::Arc;

use rcgen::CertifiedKey;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::origin::{self, Origin};
use tidegate_tests::{client, process, soon};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::TIDEGATE;

/// A program like those of `FastAPI` with `root_path` from `X-Forwarded-Prefix`: it knows `/docs` and
/// `/openapi.json`, and its page names the latter as the client has to ask for it.
async fn documented() -> Origin {
    origin::scripted(|mut connection| async move {
        while let Some(request) = connection.request().await {
            let root = request.value("x-forwarded-prefix").unwrap_or_default();
            let body = match request.start_line().split(' ').nth(1).unwrap() {
                "/docs" => format!("url: '{root}/openapi.json'"),
                "/openapi.json" => format!("{{\"servers\":[{{\"url\":\"{root}\"}}]}}"),
                _ => {
                    connection.write("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
                    continue;
                }
            };
            let length = body.len();
            connection
                .write(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"))
                .await;
        }
    })
    .await
}

#[tokio::test]
async fn a_page_of_fastapi_finds_its_document_behind_a_stripped_prefix() {
    let origin = documented().await;
    let gateway = gateway::before(&origin)
        .route_with("/api/users", [], "upstream = \"origin\"\nrewrite = { strip_prefix = true }")
        .start()
        .await;
    let page = gateway.get("/api/users/docs").await;
    assert_eq!(page.text(), "url: '/api/users/openapi.json'");
    let document = gateway.get(page.text().split('\'').nth(1).unwrap()).await;
    assert_eq!(document.json()["servers"][0]["url"], "/api/users");
}

/// A gateway before an origin, with these routes.
async fn routed(origin: &Origin, routes: &str) -> Gateway {
    gateway::before(origin).toml(routes).start().await
}

const TEMPLATES: &str = r#"
[[routes]]
name = "posts"
match = { path = { regex = "^/users/(?<id>[^/]+)/posts(/[0-9]+)?$" } }
rewrite = { replace_path = "/p/{id}{2}" }
upstream = "origin"

[[routes]]
name = "user"
match = { path = { pattern = "/users/{id}" } }
rewrite = { replace_path = "/u/{id}" }
upstream = "origin"

[[routes]]
name = "me"
match = { path = { exact = "/users/me" } }
upstream = "origin"

[[routes]]
name = "files"
match = { path = { pattern = "/files/{bucket}/{key+}" } }
rewrite = { replace_path = "/{key}/of/{bucket}" }
upstream = "origin"

[[routes]]
name = "moved"
match = { path = { pattern = "/old/{id}" } }
redirect = { path = "/users/{id}", status = 308 }

[[routes]]
name = "renamed"
match = { path = "/renamed" }
redirect = { replace_prefix = "/new", status = 301 }
"#;

#[tokio::test]
async fn paths_are_made_of_what_was_captured_and_explain_says_the_same() {
    let origin = origin::echoing().await;
    let gateway = routed(&origin, TEMPLATES).await;
    for (sent, seen) in [
        ("/users/7/posts", "/p/7"),
        ("/users/7/posts/3?q=1", "/p/7/3?q=1"),
        ("/users/7", "/u/7"),
        ("/users/a%20b", "/u/a%20b"),
        ("/users/me", "/users/me"),
        ("/files/b/a/c.txt", "/a/c.txt/of/b"),
    ] {
        assert_eq!(
            gateway.get(sent).await.json()["line"],
            format!("GET {seen} HTTP/1.1"),
            "{sent}"
        );
        let url = format!("http://a{sent}");
        let arguments = ["explain", "gateway.toml", "GET", &url];
        let explained = process::run(TIDEGATE, &arguments, &gateway.path("")).await;
        let expected = format!("  request  GET {seen}\n");
        assert!(explained.stdout.contains(&expected), "{sent}: {}", explained.stdout);
    }
    for (sent, status, location) in [
        ("/old/7?q=1", 308, "http://a.example/users/7?q=1"),
        ("/renamed/x", 301, "http://a.example/new/x"),
    ] {
        let reply = gateway.get_with(sent, &[("host", "a.example")]).await;
        assert_eq!((reply.status(), reply.header("location")), (status, Some(location)));
    }
}

#[tokio::test]
async fn captures_cannot_be_put_together_to_a_path_above_the_route() {
    let origin = origin::echoing().await;
    let gateway = routed(
        &origin,
        r#"
[[routes]]
name = "parts"
match = { path = { regex = "/(\\.*)x(.*)" } }
rewrite = { replace_path = "/safe/{1}{2}" }
upstream = "origin"
"#,
    )
    .await;
    let reply = gateway.get("/xy").await;
    assert_eq!(reply.json()["line"], "GET /safe/y HTTP/1.1");
    for sent in ["/..x/admin", "/..x;/admin"] {
        let reply = gateway.get(sent).await;
        assert_eq!(reply.json()["error"], "http_request_error", "{sent}");
    }
    assert_eq!(origin.counts().requests, 1);
}

#[tokio::test]
async fn a_route_has_a_host_and_edits_of_headers() {
    let origin = origin::responding(
        "HTTP/1.1 200 OK\r\nserver: own\r\nx-old: 1\r\nx-kept: 1\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let gateway = routed(
        &origin,
        r#"
[[routes]]
name = "edited"
match = { path = "/" }
rewrite = { host = "inner.example" }
request_headers = { set = { x-set = "new" }, add = { x-add = ["1", "2"] }, remove = ["x-gone", "accept"] }
response_headers = { set = { x-old = "2" }, add = { x-kept = "2" }, remove = "server" }
upstream = "origin"

[[routes]]
name = "failing"
match = { path = "/failing" }
response_headers = { set = { x-frame-options = "DENY" } }
respond = { status = 503 }

[[routes]]
name = "endpoint"
match = { path = "/endpoint" }
rewrite = { host = "endpoint" }
upstream = "origin"
"#,
    )
    .await;
    let sent = [("x-set", "old"), ("x-add", "0"), ("x-gone", "1"), ("accept", "text/plain")];
    let reply = gateway.get_with("/", &sent).await;
    let seen = origin.last();
    assert_eq!(seen.value("host").as_deref(), Some("inner.example"));
    assert_eq!(seen.value("x-set").as_deref(), Some("new"));
    assert_eq!(seen.values("x-add"), [b"0".to_vec(), b"1".to_vec(), b"2".to_vec()]);
    assert_eq!((seen.value("x-gone"), seen.value("accept")), (None, None));
    assert_eq!((reply.header("server"), reply.header("x-old")), (None, Some("2")));
    let kept: Vec<_> = reply.headers().get_all("x-kept").iter().collect();
    assert_eq!(kept, ["1", "2"]);

    // Also where the gateway itself answers.
    let reply = gateway.get("/failing").await;
    assert_eq!((reply.status(), reply.header("x-frame-options")), (503, Some("DENY")));

    gateway.get("/endpoint").await;
    let address = origin.address().to_string();
    assert_eq!(origin.last().value("host"), Some(address));
}

#[tokio::test]
async fn a_route_may_be_for_some_clients_behind_a_trusted_proxy() {
    let gateway = gateway::alone()
        .setting("trusted_proxies = [\"127.0.0.1\"]")
        .toml(
            r#"
[[routes]]
name = "inside"
match = { path = "/", client = ["10.0.0.0/8", "2001:db8::/32"] }
respond = { body = "inside" }

[[routes]]
name = "outside"
match = { path = "/" }
respond = { body = "outside" }
"#,
        )
        .start()
        .await;
    for (client, expected) in [
        ("10.1.2.3", "inside"),
        ("2001:db8::1", "inside"),
        ("192.0.2.1", "outside"),
        // What a client says of itself in front of the proxy's own word is not believed.
        ("10.1.2.3, 192.0.2.1", "outside"),
    ] {
        let reply = gateway.get_with("/", &[("x-forwarded-for", client)]).await;
        assert_eq!(reply.text(), expected, "{client}");
    }
}

#[tokio::test]
async fn a_route_may_be_for_a_server_name() {
    let names = ["a.example".to_owned(), "b.example".to_owned()];
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
    let gateway = gateway::alone()
        .file("cert.pem", cert.pem())
        .file("key.pem", signing_key.serialize_pem())
        .toml(
            r#"
[[listeners]]
address = "127.0.0.1:0"
tls = { certificate = "cert.pem", key = "key.pem" }

[[routes]]
name = "a"
match = { path = "/", sni = "a.example" }
respond = { body = "a" }

[[routes]]
name = "rest"
match = { path = "/" }
respond = { body = "rest" }
"#,
        )
        .start()
        .await;
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    for (name, expected) in [("a.example", "a"), ("b.example", "rest")] {
        let stream = TcpStream::connect(gateway.address()).await.unwrap();
        let server = ServerName::try_from(name).unwrap();
        let stream = soon(connector.connect(server, stream)).await.unwrap();
        // The host says another name: what counts is the connection's.
        let mut client = client::http1_over(stream, "a.example").await;
        assert_eq!(client.get("/").await.text(), expected, "{name}");
    }
}

const MIGRATED: &str = r#"
[[routes]]
name = "kong"
match = { path = "/kong" }
prefix_mode = "kong"
rewrite = { strip_prefix = true, add_prefix = "/srv" }
upstream = "origin"

[[routes]]
name = "kong-v1"
match = { path = "/kv1" }
prefix_mode = "kong"
rewrite = { strip_prefix = true, add_prefix = "/srv/", path_handling = "v1" }
upstream = "origin"

[[routes]]
name = "a"
match = { path = "/a/" }
prefix_mode = "nginx"
rewrite = { replace_prefix = "/" }
upstream = "origin"

[[routes]]
name = "b"
match = { path = "/b/" }
prefix_mode = "nginx"
upstream = "origin"
"#;

#[tokio::test]
async fn prefixes_of_other_gateways_reach_the_upstream_as_there() {
    let origin = origin::replying("ok").await;
    let gateway = routed(&origin, MIGRATED).await;
    for (sent, seen) in [
        ("/kongreq", "/srv/req"),
        ("/kong/", "/srv/"),
        ("/kong", "/srv"),
        ("/kv1", "/srv/"),
        ("/kv1//x", "/srv//x"),
        ("/a/b%2Fc?q=%2F", "/b/c?q=%2F"),
        ("/a//x", "/x"),
        ("/b/b%2Fc", "/b/b%2Fc"),
        ("/b//x", "/b//x"),
        ("/b/%2e%2e/b/z?q", "/b/%2e%2e/b/z?q"),
    ] {
        let mut client = gateway.raw().await;
        client.send(format!("GET {sent} HTTP/1.1\r\nHost: a.example\r\n\r\n")).await;
        assert_eq!(client.response().await.status(), 200, "{sent}");
        assert_eq!(origin.last().start_line(), format!("GET {seen} HTTP/1.1"), "{sent}");
        let prefix = origin.last().value("x-forwarded-prefix");
        let stripped = ["/kong", "/kv1"].into_iter().find(|prefix| sent.starts_with(prefix));
        assert_eq!(prefix.as_deref(), stripped, "{sent}");
    }
    let before = origin.counts().requests;
    let reply = gateway.get_with("/a?q=1", &[("host", "a.example")]).await;
    assert_eq!((reply.status(), reply.header("location")), (301, Some("http://a.example/a/?q=1")));
    assert_eq!(gateway.get("/A/x").await.status(), 404);
    assert_eq!(origin.counts().requests, before);
}

//! Which way a request goes.

use tidegate_tests::{client, gateway, origin, process};

use crate::TIDEGATE;

const ROUTES: &str = r#"
[[routes]]
name = "regex"
match = { path = { regex = "/users/[0-9]+" } }
respond = { body = "regex" }

[[routes]]
name = "prefix"
match = { path = "/users" }
respond = { body = "prefix" }

[[routes]]
name = "exact"
match = { path = { exact = "/users/me" } }
respond = { body = "exact" }

[[routes]]
name = "post"
match = { path = "/users", methods = ["POST"] }
respond = { body = "post" }

[[routes]]
name = "canary"
match = { path = "/users", headers = { x-canary = "1" } }
respond = { body = "canary" }

[[routes]]
name = "version"
match = { path = "/users", query = { v = "2" } }
respond = { body = "version" }

[[routes]]
name = "host"
match = { path = "/users", host = "*.example.com" }
respond = { body = "host" }
"#;

/// Method, target, headers, and the route that takes it.
type Case = (&'static str, &'static str, Headers, Option<&'static str>);
type Headers = &'static [(&'static str, &'static str)];

#[tokio::test]
async fn the_most_specific_route_wins_and_explain_says_the_same() {
    let builder = gateway::Builder::default().toml(ROUTES);
    let gateway = builder.start().await;
    let cases: [Case; 9] = [
        ("GET", "/users", &[], Some("prefix")),
        ("GET", "/users/a/b", &[], Some("prefix")),
        ("GET", "/usersx", &[], None),
        ("GET", "/users/me", &[], Some("exact")),
        ("POST", "/users", &[], Some("post")),
        ("GET", "/users", &[("x-canary", "1")], Some("canary")),
        ("GET", "/users?v=2", &[], Some("version")),
        ("GET", "/users", &[("host", "api.example.com")], Some("host")),
        ("GET", "/users", &[("host", "example.com")], Some("prefix")),
    ];
    for (method, path, headers, expected) in cases {
        let reply = gateway.send(client::request(method, path, headers, "")).await;
        let got = (reply.status() == 200).then(|| reply.text());
        assert_eq!(got, expected, "{method} {path} {headers:?}");

        let host = headers.iter().find(|(name, _)| *name == "host").map_or("a", |(_, host)| host);
        let url = format!("http://{host}{path}");
        let lines: Vec<String> = headers
            .iter()
            .filter(|(name, _)| *name != "host")
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        let mut arguments = vec!["explain", "gateway.toml", method, &url];
        for line in &lines {
            arguments.extend(["-H", line]);
        }
        let folder = gateway.path("");
        let explained = process::run(TIDEGATE, &arguments, &folder).await;
        assert_eq!(explained.code, Some(i32::from(expected.is_none())), "{explained:?}");
        if let Some(route) = expected {
            assert!(explained.stdout.contains(route), "{route}: {}", explained.stdout);
        }
    }
}

#[tokio::test]
async fn prefixes_are_stripped_and_replaced() {
    let origin = origin::echoing().await;
    let gateway = gateway::before(&origin)
        .route_with("/strip", [], "upstream = \"origin\"\nrewrite = { strip_prefix = true }")
        .route_with("/swap", [], "upstream = \"origin\"\nrewrite = { replace_prefix = \"/v2\" }")
        .route_with("/all", [], "upstream = \"origin\"\nrewrite = { replace_path = \"/one\" }")
        .start()
        .await;
    for (sent, seen) in [
        ("/strip/a?q=1", "/a?q=1"),
        ("/strip", "/"),
        ("/swap/a", "/v2/a"),
        ("/all/a/b?q", "/one?q"),
    ] {
        assert_eq!(gateway.get(sent).await.json()["line"], format!("GET {seen} HTTP/1.1"));
    }
    assert_eq!(gateway.get("/strip/a").await.status(), 200);
    assert_eq!(origin.last().value("x-forwarded-prefix").as_deref(), Some("/strip"));
}

#[tokio::test]
async fn fixed_responses_and_redirects_need_no_upstream() {
    let gateway = gateway::Builder::default()
        .route_with(
            "/down",
            [],
            "respond = { status = 503, headers = { retry-after = \"600\" }, body = \"back soon\" }",
        )
        .route_with("/old", [], "redirect = { scheme = \"https\", status = 301 }")
        .route_with("/moved", [], "redirect = { host = \"new.example\", path = \"/start\" }")
        .start()
        .await;
    let reply = gateway.get("/down").await;
    assert_eq!((reply.status(), reply.text()), (503, "back soon"));
    assert_eq!(reply.header("retry-after"), Some("600"));
    assert_eq!(reply.header("content-length"), Some("9"));
    let reply = gateway.get_with("/old/a?b=c", &[("host", "example.com")]).await;
    assert_eq!(reply.status(), 301);
    assert_eq!(reply.header("location"), Some("https://example.com/old/a?b=c"));
    let reply = gateway.get_with("/moved", &[("host", "example.com")]).await;
    assert_eq!((reply.status(), reply.header("location")), (302, Some("http://new.example/start")));
}

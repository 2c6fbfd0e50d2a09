use super::*;
use crate::config;

const FILE: &str = r#"
[gateway]
trusted_proxies = ["10.0.0.0/8"]

[[listeners]]
address = "127.0.0.1:8080"

[upstreams.users]
endpoints = ["http://127.0.0.1:9001", { url = "http://127.0.0.1:9002", weight = 3 }]

[upstreams.legacy]
endpoints = ["http://legacy.internal"]
host = "legacy.example"

[plugins.auth]
component = "jwt"

[plugins.limit]
component = "rate-limit"

[plugins.log]
component = "access-log"

[[routes]]
name = "users"
match = { path = "/users" }
rewrite = { strip_prefix = true }
pipeline = ["log", "auth", "limit"]
upstream = "users"

[[routes]]
name = "canary"
match = { path = "/users", headers = { x-canary = "1" } }
upstream = "legacy"

[[routes]]
name = "gone"
match = { path = { exact = "/old" }, methods = ["GET"] }
respond = { status = 410, headers = { content-type = "text/plain" }, body = "gone" }

[[routes]]
name = "moved"
match = { host = "example.com" }
redirect = { scheme = "https", host = "www.example.com", status = 301 }
"#;

fn asked(method: &str, url: &str, headers: &[(&'static str, &'static str)]) -> Asked {
    Asked {
        method: method.parse().expect("a method"),
        url: url.parse().expect("a URL"),
        headers: headers
            .iter()
            .map(|(name, value)| {
                let name = http::HeaderName::from_static(name);
                (name, http::HeaderValue::from_static(value))
            })
            .collect(),
        client: None,
    }
}

fn explained(asked: &Asked) -> Explained {
    explained_by(FILE, asked)
}

fn explained_by(file: &str, asked: &Asked) -> Explained {
    let loaded = config::load_text("gateway.toml", file, &|_| None).expect("valid");
    let plugins: Vec<String> =
        loaded.config.plugins.iter().map(|plugin| plugin.name.clone()).collect();
    let phases = |id: PluginId| match plugins[id.0].as_str() {
        "log" => vec!["log"],
        "auth" => vec!["request"],
        _ => vec!["request", "response"],
    };
    explain(&loaded.config, &phases, asked)
}

#[track_caller]
fn check(asked: &Asked, is_routed: bool, expected: &str) {
    let explained = explained(asked);
    assert_eq!(explained.text, expected.trim_start_matches('\n'));
    assert_eq!(explained.is_routed, is_routed);
}

#[test]
fn a_forwarded_request_is_told_from_its_path_to_its_endpoints() {
    check(
        &asked("GET", "https://api.example.com/a/../users/%31?x=1", &[]),
        true,
        "
request    GET https://api.example.com/a/../users/%31?x=1
path       /users/1

routes considered
  1. `canary` (any host, /users and below): does not match: there is no header `x-canary` (wanted is `1`)
  2. `users` (any host, /users and below): matches, and comes first
  3. `gone` (any host, /old exactly): does not match: the path is /users/1
  4. `moved` (example.com, any path): does not match: the host is api.example.com

route      users
pipeline   log, auth, limit
  1. `log` (from the route; log)
  2. `auth` (from the route; request)
  3. `limit` (from the route; request, response)
  request  auth, limit
  response limit
  log      log
upstream   users
  request  GET /1?x=1
  host     api.example.com
  endpoint http://127.0.0.1:9001 (weight 1)
  endpoint http://127.0.0.1:9002 (weight 3)
",
    );
}

#[test]
fn headers_decide_and_the_host_policy_is_shown() {
    let told = explained(&asked("GET", "http://a.example:8080/users", &[("x-canary", "1")]));
    let rest = told.text.split_once("\nroute ").expect("a route").1;
    assert_eq!(
        rest,
        "     canary
pipeline   none
upstream   legacy
  request  GET /users
  host     legacy.example
  endpoint http://legacy.internal:80 (weight 1)
"
    );
}

#[test]
fn an_answer_without_an_upstream_is_shown() {
    let told = explained(&asked("GET", "/old", &[]));
    let rest = told.text.split_once("\nroute ").expect("a route").1;
    assert_eq!(
        rest,
        "     gone
pipeline   none
answer     410 Gone
  header   content-type: text/plain
  body     4 bytes
"
    );
    let told = explained(&asked("GET", "/a?b=c", &[("host", "EXAMPLE.com:8080")]));
    let rest = told.text.split_once("\nroute ").expect("a route").1;
    assert_eq!(
        rest,
        "     moved
pipeline   none
answer     301 Moved Permanently
  location https://www.example.com/a?b=c
"
    );
}

#[test]
fn a_request_without_a_route_is_told_why() {
    check(
        &asked("POST", "http://a.example/old", &[]),
        false,
        "
request    POST http://a.example/old

routes considered
  1. `gone` (any host, /old exactly): does not match: the method is POST, not GET
  2. `canary` (any host, /users and below): does not match: the path is /old
  3. `users` (any host, /users and below): does not match: the path is /old
  4. `moved` (example.com, any path): does not match: the host is a.example

route      none
no route matches
",
    );
}

#[test]
fn what_no_route_may_get_is_answered_with_400() {
    check(
        &asked("GET", "http://a.example/users/%00", &[]),
        false,
        "
request    GET http://a.example/users/%00
answer     400, the path holds an encoded control character
",
    );
    let told = explained(&asked("GET", "http://a.example/users/a%2Fb", &[]));
    assert!(!told.is_routed);
    assert!(
        told.text.ends_with(
            "
route      users
answer     400, the path holds an encoded slash or backslash
"
        ),
        "{}",
        told.text
    );
}

#[test]
fn a_client_is_told_whether_it_is_believed() {
    for (client, expected) in [
        ("10.1.2.3", "client     10.1.2.3, a trusted proxy: its forwarded fields are believed"),
        (
            "::ffff:10.1.2.3",
            "client     10.1.2.3, a trusted proxy: its forwarded fields are believed",
        ),
        (
            "192.0.2.1",
            "client     192.0.2.1, not a trusted proxy: its forwarded fields are replaced",
        ),
    ] {
        let asked = Asked { client: client.parse().ok(), ..asked("GET", "/users", &[]) };
        assert_eq!(explained(&asked).text.lines().nth(1), Some(expected));
    }
}

const CONDITIONS: &str = r#"
[gateway]
trusted_proxies = ["10.0.0.0/8"]
pipeline = ["log"]

[[listeners]]
address = "127.0.0.1:8080"

[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
pipeline = [{ plugin = "sign", unless = { path = { exact = "/health" } } }]

[plugins.log]
component = "access-log"

[plugins.auth]
component = "jwt"
when = { methods = ["POST"], headers = { x-key = "s3cret" } }

[plugins.limit]
component = "rate-limit"

[plugins.sign]
component = "sign.wasm"

[[routes]]
name = "users"
match = { path = "/" }
pipeline = ["auth", { plugin = "limit", when = { client = "192.0.2.0/24", groups = ["gold", "beta"] } }]
upstream = "users"
"#;

/// What is told of the pipeline.
#[track_caller]
fn check_pipeline(asked: &Asked, expected: &str) {
    let text = explained_by(CONDITIONS, asked).text;
    let (_, rest) = text.split_once("\npipeline ").expect("a pipeline");
    let (pipeline, _) = rest.split_once("\nupstream ").expect("an upstream");
    assert_eq!(format!("\npipeline {pipeline}\n"), expected);
}

#[test]
fn each_plugin_of_the_composed_pipeline_is_told_with_its_origin_and_what_its_condition_says() {
    check_pipeline(
        &asked("GET", "/health", &[]),
        "
pipeline   log, auth, limit, sign
  1. `log` (from the gateway; log)
  2. `auth` (from the route; request; when method POST, header `x-key`): does not apply: the method is GET, not POST
  3. `limit` (from the route; request, response; when client 192.0.2.0/24, group gold or beta): depends on the consumer, whom plugins before it find out
  4. `sign` (from the upstream; request, response; unless path /health exactly): does not apply: all of `unless` holds (path /health exactly)
  request  limit
  response limit
  log      log
",
    );
}

#[test]
fn a_condition_that_holds_applies_and_the_client_is_the_one_that_is_told() {
    let mut asked = asked("POST", "/a", &[("x-key", "s3cret")]);
    let mut check = |client: &str, limit: &str| {
        asked.client = Some(client.parse().expect("an address"));
        let text = explained_by(CONDITIONS, &asked).text;
        let line = |name: &str| {
            let line = text.lines().find(|line| line.contains(&format!(". `{name}`")));
            line.and_then(|line| line.split_once("): ")).map(|(_, told)| told.to_owned())
        };
        assert_eq!(line("auth").as_deref(), Some("applies"));
        assert_eq!(line("sign").as_deref(), Some("applies"));
        assert_eq!(line("limit").as_deref(), Some(limit));
    };
    check("192.0.2.9", "depends on the consumer, whom plugins before it find out");
    check("198.51.100.1", "does not apply: the client is 198.51.100.1");
}

const SPLIT: &str = r#"
[[listeners]]
address = "127.0.0.1:8080"

[upstreams.v1]
endpoints = ["http://127.0.0.1:9001"]

[upstreams.v2]
endpoints = ["http://127.0.0.1:9002"]

[[routes]]
name = "shop"
match = { path = "/shop" }
rewrite = { strip_prefix = true, host = "shop.internal" }
request_headers = { set = { x-tenant = "acme" }, remove = "cookie" }
response_headers = { add = { vary = "Origin" } }
upstream = [{ name = "v1", weight = 9 }, "v2"]
split = { by = { cookie = "shop" }, force_header = "x-canary" }
mirror = { upstream = "v2", percent = 2.5 }

[[routes]]
name = "nginx"
match = { path = "/old/", client = "10.0.0.0/8", sni = "a.example" }
prefix_mode = "nginx"
upstream = "v1"
"#;

/// What is told behind the route.
fn behind_route(asked: &Asked) -> String {
    let text = explained_by(SPLIT, asked).text;
    text.split_once("\nroute ").expect("a route").1.to_owned()
}

#[test]
fn all_upstreams_of_a_split_are_told_or_the_one_that_is_forced() {
    assert_eq!(
        behind_route(&asked("GET", "http://a.example/shop/1", &[])),
        "     shop
pipeline   none
split      by cookie `shop`, forced by header `x-canary`
upstream   v1 (weight 9)
  request  GET /1
  host     shop.internal
  header   remove cookie
  header   set x-tenant: acme
  endpoint http://127.0.0.1:9001 (weight 1)
upstream   v2 (weight 1)
  request  GET /1
  host     shop.internal
  header   remove cookie
  header   set x-tenant: acme
  endpoint http://127.0.0.1:9002 (weight 1)
response   add vary: Origin
mirror     v2 (2.5 %)
"
    );
    let forced = behind_route(&asked("GET", "http://a.example/shop/1", &[("x-canary", "v2")]));
    assert!(forced.contains("\nupstream   v2 (weight 1)\n"), "{forced}");
    assert!(!forced.contains("upstream   v1"), "{forced}");
}

#[test]
fn a_client_and_the_server_name_of_the_url_decide_and_a_missing_slash_is_told() {
    let from =
        |client: &str, url: &str| Asked { client: client.parse().ok(), ..asked("GET", url, &[]) };
    assert_eq!(
        behind_route(&from("10.1.2.3", "https://a.example/old/%2e%2e/old/x")),
        "     nginx
pipeline   none
upstream   v1
  request  GET /old/%2e%2e/old/x
  host     a.example
  endpoint http://127.0.0.1:9001 (weight 1)
"
    );
    assert_eq!(
        behind_route(&from("10.1.2.3", "https://a.example/old?q")),
        "     nginx
pipeline   none
answer     301 Moved Permanently
  location https://a.example/old/?q
"
    );
    let told = |asked: Asked| {
        let told = explained_by(SPLIT, &asked);
        assert!(!told.is_routed);
        told.text
    };
    let text = told(from("192.0.2.1", "https://a.example/old/"));
    assert!(text.contains("does not match: the client is 192.0.2.1, not in 10.0.0.0/8"), "{text}");
    let text = told(from("10.1.2.3", "http://a.example/old/"));
    let expected = "does not match: there is no server name of TLS (wanted is a.example)";
    assert!(text.contains(expected), "{text}");
}

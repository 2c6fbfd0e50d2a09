//! Files that work, but are hardly meant.

use super::{loaded, same};

#[track_caller]
fn check(source: &str, expected: &str) {
    let warnings: Vec<String> = loaded(source).warnings.iter().map(ToString::to_string).collect();
    same(&warnings.join("\n\n"), expected);
}

#[test]
fn what_no_route_refers_to_is_named() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]

[upstreams.orders]
endpoints = ["http://127.0.0.1:9002"]

[plugins.auth]
component = "jwt"

[[routes]]
name = "users"
match = { path = "/users" }
upstream = "users"
"#,
        r#"
warning: upstream `orders` is not used
 --> gateway.toml:4:12
  |
4 | [upstreams.orders]
  |            ^^^^^^ no route refers to it

warning: plugin `auth` is not used
 --> gateway.toml:7:10
  |
7 | [plugins.auth]
  |          ^^^^ no route refers to it
  = hint: one that only has a timer needs no route
"#,
    );
}

#[test]
fn the_second_of_two_routes_with_one_match_never_gets_a_request() {
    check(
        r#"
[[routes]]
name = "old"
match = { path = "/users/", methods = ["GET", "PUT"], headers = { x-a = "1", X-B = true } }
respond = {}

[[routes]]
name = "new"
respond = { status = 404 }

[routes.match]
path = { prefix = "/users" }
methods = ["PUT", "GET"]
headers = { x-b = true, x-a = "1" }

[[routes]]
name = "other"
match = { path = "/users", methods = ["GET", "PUT"], headers = { x-a = "2", x-b = true } }
respond = {}
"#,
        r#"
warning: route `new` never gets a request
  --> gateway.toml:10:1
   |
10 | [routes.match]
   | ^^^^^^^^^^^^^^
   = hint: route `old` at gateway.toml:3 has the same match and comes first
"#,
    );
}

#[test]
fn an_admin_listener_open_to_all_is_named() {
    check(
        r#"
[admin]
address = "0.0.0.0:9901"

[[routes]]
name = "all"
match = { path = "/" }
respond = {}
"#,
        r#"
warning: the admin listener is not on loopback
 --> gateway.toml:2:11
  |
2 | address = "0.0.0.0:9901"
  |           ^^^^^^^^^^^^^^ it answers whoever reaches it
  = hint: keep it on `127.0.0.1`, or let only your own monitoring reach this address
"#,
    );
}

#[test]
fn a_gateway_without_routes_answers_404() {
    check(
        "",
        r#"
warning: there is no route
 --> gateway.toml
  = hint: every request is answered with 404
"#,
    );
}

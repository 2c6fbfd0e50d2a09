//! Names, and references to them.

use super::check;

#[test]
fn a_name_has_a_small_alphabet() {
    check(
        r#"
[upstreams.Users]
endpoints = ["http://127.0.0.1:9001"]
"#,
        r#"
error: `Users` cannot be the name of an upstream
 --> gateway.toml:1:12
  |
1 | [upstreams.Users]
  |            ^^^^^
  = hint: a name has at most 64 of `a-z`, `0-9`, `-`, `_` and `.`, beginning with a letter or digit

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_route_has_a_name_of_the_same_alphabet() {
    check(
        r#"
[[routes]]
name = "all users"
match = { path = "/users" }
respond = {}
"#,
        r#"
error: `all users` cannot be the name of a route
 --> gateway.toml:2:8
  |
2 | name = "all users"
  |        ^^^^^^^^^^^
  = hint: a name has at most 64 of `a-z`, `0-9`, `-`, `_` and `.`, beginning with a letter or digit

1 error in gateway.toml
"#,
    );
}

#[test]
fn two_routes_of_one_name_are_refused() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/users" }
respond = {}

[[routes]]
name = "users"
match = { path = "/" }
respond = {}
"#,
        r#"
error: two routes are called `users`
 --> gateway.toml:7:8
  |
7 | name = "users"
  |        ^^^^^^^ the second
  = hint: the first is at gateway.toml:2

1 error in gateway.toml
"#,
    );
}

#[test]
fn an_unknown_upstream_is_shown_at_its_use() {
    check(
        r#"
[upstreams.orders]
endpoints = ["http://127.0.0.1:9001"]

[[routes]]
name = "orders"
match = { path = "/" }
upstream = "ordres"
"#,
        r#"
error: route `orders` sends to upstream `ordres`, which is not defined
 --> gateway.toml:7:12
  |
7 | upstream = "ordres"
  |            ^^^^^^^^ no upstream has this name
  = hint: did you mean `orders`?

1 error in gateway.toml
"#,
    );
}

#[test]
fn an_unknown_upstream_far_from_all_is_shown_with_those_that_exist() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
[[routes]]
name = "users"
match = { path = "/users" }
upstream = "billing"
"#,
        r#"
error: route `users` sends to upstream `billing`, which is not defined
 --> gateway.toml:6:12
  |
6 | upstream = "billing"
  |            ^^^^^^^^^ no upstream has this name
  = hint: defined are `users`

1 error in gateway.toml
"#,
    );
}

#[test]
fn an_unknown_upstream_among_none_is_shown_with_how_to_define_one() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/users" }
upstream = "billing"
"#,
        r#"
error: route `users` sends to upstream `billing`, which is not defined
 --> gateway.toml:4:12
  |
4 | upstream = "billing"
  |            ^^^^^^^^^ no upstream has this name
  = hint: define it with `[upstreams.billing]`

1 error in gateway.toml
"#,
    );
}

#[test]
fn an_unknown_plugin_is_shown_at_its_use() {
    check(
        r#"
[plugins.auth]
component = "jwt"

[[routes]]
name = "users"
match = { path = "/users" }
pipeline = ["auht"]
respond = {}
"#,
        r#"
error: route `users` runs plugin `auht`, which is not defined
 --> gateway.toml:7:13
  |
7 | pipeline = ["auht"]
  |             ^^^^^^ no plugin has this name
  = hint: did you mean `auth`?

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_plugin_runs_once_in_a_pipeline() {
    check(
        r#"
[plugins.auth]
component = "jwt"

[[routes]]
name = "users"
match = { path = "/users" }
pipeline = ["auth", "auth"]
respond = {}
"#,
        r#"
error: route `users` runs a plugin twice
 --> gateway.toml:7:21
  |
7 | pipeline = ["auth", "auth"]
  |                     ^^^^^^ the second

1 error in gateway.toml
"#,
    );
}

//! Where a route leads.

use super::check;

#[test]
fn a_route_leads_somewhere() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/users" }
"#,
        r#"
error: route `users` leads nowhere
 --> gateway.toml:1:1
  |
1 | [[routes]]
  | ^^^^^^^^^^
  = hint: add one of `upstream`, `handler`, `respond`, `redirect`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_route_leads_to_one_place() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
[[routes]]
name = "users"
match = { path = "/users" }
upstream = "users"
respond = {}
"#,
        r#"
error: route `users` has both `upstream` and `respond`
 --> gateway.toml:7:11
  |
7 | respond = {}
  |           ^^ a route has one destination

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_prefix_is_stripped_from_prefixes_only() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
[[routes]]
name = "users"
match = { path = { exact = "/users" } }
rewrite = { strip_prefix = true }
upstream = "users"
"#,
        r#"
error: `strip_prefix` needs a route that matches a prefix
 --> gateway.toml:6:28
  |
6 | rewrite = { strip_prefix = true }
  |                            ^^^^
  = hint: `replace_path` works with every match

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_stripped_prefix_is_one_that_matched() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
[[routes]]
name = "users"
match = { path = "/users" }
rewrite = { strip_prefix = "/user" }
upstream = "users"
"#,
        r#"
error: the route does not match the prefix that is to be stripped
 --> gateway.toml:6:28
  |
6 | rewrite = { strip_prefix = "/user" }
  |                            ^^^^^^^
  = hint: `strip_prefix = true` strips what the route matches

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_prefix_of_nothing_cannot_be_stripped() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
[[routes]]
name = "users"
match = { host = "a.example" }
rewrite = { strip_prefix = true }
upstream = "users"
"#,
        r#"
error: there is no prefix to strip
 --> gateway.toml:6:28
  |
6 | rewrite = { strip_prefix = true }
  |                            ^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_stripped_prefix_is_true_or_a_path() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
[[routes]]
name = "users"
match = { path = "/users" }
rewrite = { strip_prefix = false }
upstream = "users"
"#,
        r#"
error: `strip_prefix` must be `true` or a path, but is `false`
 --> gateway.toml:6:28
  |
6 | rewrite = { strip_prefix = false }
  |                            ^^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn rewrites_exclude_each_other() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
[[routes]]
name = "users"
match = { path = "/users" }
rewrite = { strip_prefix = true, replace_path = "/" }
upstream = "users"
"#,
        r#"
error: `strip_prefix` and `replace_path` exclude each other
 --> gateway.toml:6:49
  |
6 | rewrite = { strip_prefix = true, replace_path = "/" }
  |                                                 ^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_rewrite_needs_an_upstream() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/users" }
rewrite = { strip_prefix = true }
respond = {}
"#,
        r#"
error: `rewrite` works only with `upstream` and `handler`
 --> gateway.toml:4:11
  |
4 | rewrite = { strip_prefix = true }
  |           ^^^^^^^^^^^^^^^^^^^^^^^ nothing is forwarded here

1 error in gateway.toml
"#,
    );
}

#[test]
fn an_answer_has_a_final_status() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/users" }
respond = { status = 100 }
"#,
        r#"
error: `status` must be from 200 to 599
 --> gateway.toml:4:22
  |
4 | respond = { status = 100 }
  |                      ^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn an_answer_sets_no_headers_of_the_connection() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/users" }
respond = { headers = { Connection = "close", x-a = "1\n2" } }
"#,
        r#"
error: the header `connection` cannot be set
 --> gateway.toml:4:25
  |
4 | respond = { headers = { Connection = "close", x-a = "1\n2" } }
  |                         ^^^^^^^^^^ the gateway takes care of it

error: not the value of a header
 --> gateway.toml:4:53
  |
4 | respond = { headers = { Connection = "close", x-a = "1\n2" } }
  |                                                     ^^^^^^ it has a control character

2 errors in gateway.toml
"#,
    );
}

#[test]
fn an_answer_without_content_has_no_body() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/users" }
respond = { status = 204, body = "gone" }
"#,
        r#"
error: an answer with status 204 has no body
 --> gateway.toml:4:34
  |
4 | respond = { status = 204, body = "gone" }
  |                                  ^^^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_redirect_leads_elsewhere() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/users" }
redirect = { status = 301 }
"#,
        r#"
error: the redirect leads back to where it began
 --> gateway.toml:4:12
  |
4 | redirect = { status = 301 }
  |            ^^^^^^^^^^^^^^^^
  = hint: set `scheme`, `host`, `port` or `path`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_redirect_has_its_own_statuses() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/users" }
redirect = { scheme = "https", status = 200 }
"#,
        r#"
error: 200 is not the status of a redirect
 --> gateway.toml:4:41
  |
4 | redirect = { scheme = "https", status = 200 }
  |                                         ^^^
  = hint: it can be 301, 302, 303, 307 or 308

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_redirect_has_a_scheme_of_the_web() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/users" }
redirect = { scheme = "htps", host = "a:80", port = 0, path = "x" }
"#,
        r#"
error: `scheme` cannot be `htps`
 --> gateway.toml:4:23
  |
4 | redirect = { scheme = "htps", host = "a:80", port = 0, path = "x" }
  |                       ^^^^^^
  = hint: did you mean `https`?

error: `a:80` is not a host
 --> gateway.toml:4:38
  |
4 | redirect = { scheme = "htps", host = "a:80", port = 0, path = "x" }
  |                                      ^^^^^^ a host has no port

error: `port` must be from 1 to 65535
 --> gateway.toml:4:53
  |
4 | redirect = { scheme = "htps", host = "a:80", port = 0, path = "x" }
  |                                                     ^

error: `x` is not a path: it must begin with `/`
 --> gateway.toml:4:63
  |
4 | redirect = { scheme = "htps", host = "a:80", port = 0, path = "x" }
  |                                                               ^^^
  = hint: write `/x`

4 errors in gateway.toml
"#,
    );
}

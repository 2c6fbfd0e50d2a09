//! What a route matches.

use super::check;

#[test]
fn a_route_has_a_match() {
    check(
        r#"
[[routes]]
name = "users"
respond = {}
"#,
        r#"
error: the key `match` is missing in `routes`
 --> gateway.toml:1:1
  |
1 | [[routes]]
  | ^^^^^^^^^^
  = hint: add `match = { path = "/" }`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_match_has_a_condition() {
    check(
        r#"
[[routes]]
name = "users"
match = {}
respond = {}
"#,
        r#"
error: `match` has no condition
 --> gateway.toml:3:9
  |
3 | match = {}
  |         ^^
  = hint: `match = { path = "/" }` takes every request

1 error in gateway.toml
"#,
    );
}

#[test]
fn any_host_is_not_a_star() {
    check(
        r#"
[[routes]]
name = "users"
match = { host = "*" }
respond = {}
"#,
        r#"
error: `*` is not a host
 --> gateway.toml:3:18
  |
3 | match = { host = "*" }
  |                  ^^^
  = hint: leave `host` out to take every host

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_star_stands_for_the_first_labels() {
    check(
        r#"
[[routes]]
name = "users"
match = { host = ["*.example.com", "api.*"] }
respond = {}
"#,
        r#"
error: `api.*` has a star in the wrong place
 --> gateway.toml:3:36
  |
3 | match = { host = ["*.example.com", "api.*"] }
  |                                    ^^^^^^^
  = hint: a star stands for whole labels at the beginning: `*.a.b`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_host_has_no_port() {
    check(
        r#"
[[routes]]
name = "users"
match = { host = "example.com:8080" }
respond = {}
"#,
        r#"
error: `example.com:8080` is not a host
 --> gateway.toml:3:18
  |
3 | match = { host = "example.com:8080" }
  |                  ^^^^^^^^^^^^^^^^^^ a host has no port

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_list_of_hosts_is_not_empty() {
    check(
        r#"
[[routes]]
name = "users"
match = { host = [] }
respond = {}
"#,
        r#"
error: `host` is empty
 --> gateway.toml:3:18
  |
3 | match = { host = [] }
  |                  ^^ list at least one

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_begins_with_a_slash() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "users" }
respond = {}
"#,
        r#"
error: `users` is not a path: it must begin with `/`
 --> gateway.toml:3:18
  |
3 | match = { path = "users" }
  |                  ^^^^^^^
  = hint: write `/users`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_ends_in_no_star() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/users/*" }
respond = {}
"#,
        r#"
error: `/users/*` is not a path: it ends in a star
 --> gateway.toml:3:18
  |
3 | match = { path = "/users/*" }
  |                  ^^^^^^^^^^
  = hint: a prefix takes all paths below it: `path = "/users"`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_has_no_query() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/users?id=1" }
respond = {}
"#,
        r#"
error: `/users?id=1` is not a path: it has a query or fragment
 --> gateway.toml:3:18
  |
3 | match = { path = "/users?id=1" }
  |                  ^^^^^^^^^^^^^
  = hint: conditions for the query go into `match.query`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_has_no_dot_segments() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = { exact = "/users/../admin" } }
respond = {}
"#,
        r#"
error: `/users/../admin` is not a path: it has a dot segment
 --> gateway.toml:3:28
  |
3 | match = { path = { exact = "/users/../admin" } }
  |                            ^^^^^^^^^^^^^^^^^
  = hint: write the path it leads to

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_has_no_empty_segments() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = { prefix = "/users//1" } }
respond = {}
"#,
        r#"
error: `/users//1` is not a path: it has an empty segment
 --> gateway.toml:3:29
  |
3 | match = { path = { prefix = "/users//1" } }
  |                             ^^^^^^^^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_encodes_what_must_be_encoded() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/käse" }
respond = {}
"#,
        r#"
error: `/käse` is not a path: it has a character that must be percent-encoded
 --> gateway.toml:3:18
  |
3 | match = { path = "/käse" }
  |                  ^^^^^^^
  = hint: write `%C3%A4` in place of `ä`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_encodes_in_upper_case() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/k%c3%a4se" }
respond = {}
"#,
        r#"
error: `/k%c3%a4se` is not a path: a percent-encoding must be in upper case
 --> gateway.toml:3:18
  |
3 | match = { path = "/k%c3%a4se" }
  |                  ^^^^^^^^^^^^
  = hint: write `%C3`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_does_not_encode_what_needs_no_encoding() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/%75sers" }
respond = {}
"#,
        r#"
error: `/%75sers` is not a path: it encodes a character that needs no encoding
 --> gateway.toml:3:18
  |
3 | match = { path = "/%75sers" }
  |                  ^^^^^^^^^^
  = hint: write `u` in place of `%75`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_encodes_whole_bytes() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/100%" }
respond = {}
"#,
        r#"
error: `/100%` is not a path: `%` must be followed by two hexadecimal digits
 --> gateway.toml:3:18
  |
3 | match = { path = "/100%" }
  |                  ^^^^^^^
  = hint: write `%25` for the percent sign itself

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_has_no_encoded_slash_unless_allowed() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/a%2Fb" }
respond = {}
"#,
        r#"
error: `/a%2Fb` is not a path: it has an encoded slash
 --> gateway.toml:3:18
  |
3 | match = { path = "/a%2Fb" }
  |                  ^^^^^^^^
  = hint: such requests are refused, unless the route has `allow_encoded_slash = true`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_is_of_one_kind() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = { exact = "/a", prefix = "/a" } }
respond = {}
"#,
        r#"
error: `exact` and `prefix` exclude each other
 --> gateway.toml:3:43
  |
3 | match = { path = { exact = "/a", prefix = "/a" } }
  |                                           ^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_is_of_some_kind() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = {} }
respond = {}
"#,
        r#"
error: there is nothing in `path`
 --> gateway.toml:3:18
  |
3 | match = { path = {} }
  |                  ^^
  = hint: add one of `exact`, `prefix`, `regex`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_of_an_unknown_kind_is_refused_once() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = { perfix = "/a" } }
respond = {}
"#,
        r#"
error: unknown key `perfix` in `path`
 --> gateway.toml:3:20
  |
3 | match = { path = { perfix = "/a" } }
  |                    ^^^^^^
  = hint: did you mean `prefix`?

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_method_is_in_upper_case() {
    check(
        r#"
[[routes]]
name = "users"
match = { methods = ["get"] }
respond = {}
"#,
        r#"
error: `get` is not a method
 --> gateway.toml:3:22
  |
3 | match = { methods = ["get"] }
  |                      ^^^^^
  = hint: methods are in upper case: `GET`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_method_is_a_token() {
    check(
        r#"
[[routes]]
name = "users"
match = { methods = ["GET IT"] }
respond = {}
"#,
        r#"
error: `GET IT` is not a method
 --> gateway.toml:3:22
  |
3 | match = { methods = ["GET IT"] }
  |                      ^^^^^^^^
  = hint: usual are `GET`, `HEAD`, `POST`, `PUT`, `DELETE`, `PATCH`, `OPTIONS`, `TRACE`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_method_is_listed_once() {
    check(
        r#"
[[routes]]
name = "users"
match = { methods = ["GET", "GET"] }
respond = {}
"#,
        r#"
error: a method is listed twice
 --> gateway.toml:3:29
  |
3 | match = { methods = ["GET", "GET"] }
  |                             ^^^^^ the second

1 error in gateway.toml
"#,
    );
}

#[test]
fn connect_is_not_carried() {
    check(
        r#"
[[routes]]
name = "users"
match = { methods = ["CONNECT"] }
respond = {}
"#,
        r#"
error: the gateway does not carry CONNECT
 --> gateway.toml:3:22
  |
3 | match = { methods = ["CONNECT"] }
  |                      ^^^^^^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_header_has_a_name() {
    check(
        r#"
[[routes]]
name = "users"
match = { headers = { "x y" = "1" } }
respond = {}
"#,
        r#"
error: `x y` is not the name of a header
 --> gateway.toml:3:23
  |
3 | match = { headers = { "x y" = "1" } }
  |                       ^^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_header_has_one_condition() {
    check(
        r#"
[[routes]]
name = "users"
match = { headers = { X-A = "1", x-a = "2" } }
respond = {}
"#,
        r#"
error: two headers are called `x-a`
 --> gateway.toml:3:34
  |
3 | match = { headers = { X-A = "1", x-a = "2" } }
  |                                  ^^^ the second
  = hint: the first is at gateway.toml:3

1 error in gateway.toml
"#,
    );
}

#[test]
fn the_host_is_not_matched_as_a_header() {
    check(
        r#"
[[routes]]
name = "users"
match = { headers = { Host = "example.com" } }
respond = {}
"#,
        r#"
error: `host` is not matched here
 --> gateway.toml:3:23
  |
3 | match = { headers = { Host = "example.com" } }
  |                       ^^^^
  = hint: use `match.host`, which HTTP/2 has as well

1 error in gateway.toml
"#,
    );
}

#[test]
fn the_absence_of_a_header_cannot_be_matched() {
    check(
        r#"
[[routes]]
name = "users"
match = { headers = { x-a = false }, query = { b = 1 } }
respond = {}
"#,
        r#"
error: `headers.x-a` cannot be `false`
 --> gateway.toml:3:29
  |
3 | match = { headers = { x-a = false }, query = { b = 1 } }
  |                             ^^^^^ `true` asks for its presence; absence cannot be asked for

error: `query.b` must be a string, `true`, or a table with `regex`, but is an integer
 --> gateway.toml:3:52
  |
3 | match = { headers = { x-a = false }, query = { b = 1 } }
  |                                                    ^

2 errors in gateway.toml
"#,
    );
}

#[test]
fn a_regular_expression_must_compile() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = { regex = "^/users/(\\d+" } }
respond = {}
"#,
        r#"
error: not a regular expression that can be used
 --> gateway.toml:3:28
  |
3 | match = { path = { regex = "^/users/(\\d+" } }
  |                            ^^^^^^^^^^^^^^^ unclosed group

1 error in gateway.toml
"#,
    );
}

//! Conditions for headers and the query.

use crate::config::tests::check;

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
  = hint: use the key `host` beside `headers`, which HTTP/2 has as well

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

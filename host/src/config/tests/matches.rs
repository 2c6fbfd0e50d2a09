//! What a route matches.

mod fields;
mod host;
mod method;
mod path;

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

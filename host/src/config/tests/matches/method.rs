//! Conditions for the method.

use crate::config::tests::check;

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

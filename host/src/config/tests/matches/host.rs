//! Conditions for the host.

use crate::config::tests::check;

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

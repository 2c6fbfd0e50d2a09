//! The tables `upstreams`.

use super::check;

#[test]
fn an_endpoint_has_a_scheme() {
    check(
        r#"
[upstreams.users]
endpoints = ["127.0.0.1:9001"]
"#,
        r#"
error: the URL has no scheme
 --> gateway.toml:2:14
  |
2 | endpoints = ["127.0.0.1:9001"]
  |              ^^^^^^^^^^^^^^^^
  = hint: write `http://127.0.0.1:9001`

1 error in gateway.toml
"#,
    );
}

#[test]
fn tls_settings_of_an_upstream_without_tls_are_refused() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://users.internal"]
tls = { ca = "ca.pem", server_name = "a b" }
"#,
        r#"
error: `tls` has no effect, because no endpoint is `https`
 --> gateway.toml:3:7
  |
3 | tls = { ca = "ca.pem", server_name = "a b" }
  |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = hint: write `https://` where the endpoints are encrypted

error: `a b` cannot be the name of a server: not a host name
 --> gateway.toml:3:38
  |
3 | tls = { ca = "ca.pem", server_name = "a b" }
  |                                      ^^^^^

2 errors in gateway.toml
"#,
    );
}

#[test]
fn another_scheme_is_refused() {
    check(
        r#"
[upstreams.users]
endpoints = ["ftp://users.internal"]
"#,
        r#"
error: the scheme of an endpoint must be `http` or `https`
 --> gateway.toml:2:14
  |
2 | endpoints = ["ftp://users.internal"]
  |              ^^^^^^^^^^^^^^^^^^^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn an_endpoint_has_no_path() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://users.internal/v2"]
"#,
        r#"
error: an endpoint has no path, query or fragment
 --> gateway.toml:2:14
  |
2 | endpoints = ["http://users.internal/v2"]
  |              ^^^^^^^^^^^^^^^^^^^^^^^^^^
  = hint: to add or change a path, use `rewrite` in the route

1 error in gateway.toml
"#,
    );
}

#[test]
fn an_endpoint_has_no_user_and_its_password_is_not_repeated() {
    check(
        r#"
[upstreams.users]
endpoints = [{ url = "http://ada:hunter2@users.internal" }]
"#,
        r#"
error: an endpoint has no user and password
 --> gateway.toml:2:22
  |
2 | endpoints = [{ url = "http://ada:hunter2@users.internal" }]
  |                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = hint: credentials belong in a header; a plugin can add it

1 error in gateway.toml
"#,
    );
}

#[test]
fn an_endpoint_has_a_host() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://:9001", "http://a b", "http://1.2.3:80"]
"#,
        r#"
error: the URL has no valid host: empty
 --> gateway.toml:2:14
  |
2 | endpoints = ["http://:9001", "http://a b", "http://1.2.3:80"]
  |              ^^^^^^^^^^^^^^

error: the URL has no valid host: not a host name
 --> gateway.toml:2:30
  |
2 | endpoints = ["http://:9001", "http://a b", "http://1.2.3:80"]
  |                              ^^^^^^^^^^^^

error: the URL has no valid host: not an IPv4 address
 --> gateway.toml:2:44
  |
2 | endpoints = ["http://:9001", "http://a b", "http://1.2.3:80"]
  |                                            ^^^^^^^^^^^^^^^^^

3 errors in gateway.toml
"#,
    );
}

#[test]
fn a_port_is_not_zero() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://users.internal:0", "http://users.internal:70000", "http://[::1]:"]
"#,
        r#"
error: the port must be from 1 to 65535
 --> gateway.toml:2:14
  |
2 | endpoints = ["http://users.internal:0", "http://users.internal:70000", "http://[::1]:"]
  |              ^^^^^^^^^^^^^^^^^^^^^^^^^

error: the port must be from 1 to 65535
 --> gateway.toml:2:41
  |
2 | endpoints = ["http://users.internal:0", "http://users.internal:70000", "http://[::1]:"]
  |                                         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

error: the port must be from 1 to 65535
 --> gateway.toml:2:72
  |
2 | endpoints = ["http://users.internal:0", "http://users.internal:70000", "http://[::1]:"]
  |                                                                        ^^^^^^^^^^^^^^^

3 errors in gateway.toml
"#,
    );
}

#[test]
fn an_upstream_has_endpoints() {
    check(
        r#"
[upstreams.users]
endpoints = []
"#,
        r#"
error: `endpoints` is empty
 --> gateway.toml:2:13
  |
2 | endpoints = []
  |             ^^ list at least one

1 error in gateway.toml
"#,
    );
}

#[test]
fn an_endpoint_is_a_url_or_a_table() {
    check(
        r#"
[upstreams.users]
endpoints = [9001]
"#,
        r#"
error: `endpoints[0]` must be a URL or a table with `url` and `weight`, but is an integer
 --> gateway.toml:2:14
  |
2 | endpoints = [9001]
  |              ^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn some_endpoint_has_a_weight() {
    check(
        r#"
[upstreams.users]
endpoints = [{ url = "http://127.0.0.1:9001", weight = 0 }]
"#,
        r#"
error: every endpoint has weight 0
 --> gateway.toml:2:13
  |
2 | endpoints = [{ url = "http://127.0.0.1:9001", weight = 0 }]
  |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ nothing would get traffic

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_weight_is_in_range() {
    check(
        r#"
[upstreams.users]
endpoints = [{ url = "http://127.0.0.1:9001", weight = 70000 }]
"#,
        r#"
error: `weight` must be from 0 to 65535
 --> gateway.toml:2:56
  |
2 | endpoints = [{ url = "http://127.0.0.1:9001", weight = 70000 }]
  |                                                        ^^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn the_host_policy_is_a_word_or_a_host() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
host = "the client"
"#,
        r#"
error: `the client` is not a host
 --> gateway.toml:3:8
  |
3 | host = "the client"
  |        ^^^^^^^^^^^^
  = hint: write `client`, `endpoint`, or a host such as `api.example.com`

1 error in gateway.toml
"#,
    );
}

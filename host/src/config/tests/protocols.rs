//! Protocols: what is spoken to whom, and what connections may become.

use super::check;

const ROUTE: &str = r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
[[routes]]
name = "users"
match = { path = "/" }
"#;

#[test]
fn an_upgrade_is_off_or_a_table_of_protocols() {
    check(
        &format!(
            "{ROUTE}upstream = \"users\"\nupgrade = {{ protocols = [\"web socket\", \"H2C\"], idle_timeout = 5 }}"
        ),
        r#"
error: `web socket` is not a protocol
 --> gateway.toml:7:26
  |
7 | upgrade = { protocols = ["web socket", "H2C"], idle_timeout = 5 }
  |                          ^^^^^^^^^^^^
  = hint: write a name such as `websocket`

error: `H2C` cannot be upgraded to
 --> gateway.toml:7:40
  |
7 | upgrade = { protocols = ["web socket", "H2C"], idle_timeout = 5 }
  |                                        ^^^^^ its requests would pass by the routes
  = hint: HTTP/2 is spoken by prior knowledge and by ALPN

error: `idle_timeout` needs a unit
 --> gateway.toml:7:63
  |
7 | upgrade = { protocols = ["web socket", "H2C"], idle_timeout = 5 }
  |                                                               ^
  = hint: write `5s` for seconds or `5ms` for milliseconds

3 errors in gateway.toml
"#,
    );
    check(
        &format!("{ROUTE}upstream = \"users\"\nupgrade = true"),
        r#"
error: `upgrade` must be a table or `false`, but is `true`
 --> gateway.toml:7:11
  |
7 | upgrade = true
  |           ^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn nothing_is_upgraded_where_nothing_is_forwarded() {
    check(
        r#"
[[routes]]
name = "health"
match = { path = "/" }
respond = {}
upgrade = { idle_timeout = "1m" }
"#,
        r#"
error: `upgrade` works only with `upstream`
 --> gateway.toml:5:11
  |
5 | upgrade = { idle_timeout = "1m" }
  |           ^^^^^^^^^^^^^^^^^^^^^^^ nothing is forwarded here

1 error in gateway.toml
"#,
    );
}

#[test]
fn an_upstream_speaks_one_of_two_protocols() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
protocol = "h2c"
proxy_protocol = 3
"#,
        r#"
error: `protocol` cannot be `h2c`
 --> gateway.toml:3:12
  |
3 | protocol = "h2c"
  |            ^^^^^
  = hint: did you mean `h2`?

error: `proxy_protocol` must be from 1 to 2
 --> gateway.toml:4:18
  |
4 | proxy_protocol = 3
  |                  ^

2 errors in gateway.toml
"#,
    );
}

#[test]
fn whoever_names_clients_has_to_be_trusted() {
    check(
        r#"
[[listeners]]
address = "127.0.0.1:8080"
proxy_protocol = "required"
"#,
        r#"
error: a listener takes the PROXY protocol, but nobody is trusted to speak it
 --> gateway.toml:1:1
  |
1 | [[listeners]]
  | ^^^^^^^^^^^^^
  = hint: list the proxies in front in `gateway.trusted_proxies`

1 error in gateway.toml
"#,
    );
}

#[test]
fn compression_is_on_or_off_or_a_table() {
    check(
        r#"
[gateway]
compression = { algorithms = ["gzip", "brotli", "gzip"], types = ["html"], min_size = "-1", level = 0 }
"#,
        r#"
error: `algorithms[1]` cannot be `brotli`
 --> gateway.toml:2:39
  |
2 | compression = { algorithms = ["gzip", "brotli", "gzip"], types = ["html"], min_size = "-1", level = 0 }
  |                                       ^^^^^^^^
  = hint: it can be `br`, `gzip`, `zstd`

error: `html` is not a media type
 --> gateway.toml:2:67
  |
2 | compression = { algorithms = ["gzip", "brotli", "gzip"], types = ["html"], min_size = "-1", level = 0 }
  |                                                                   ^^^^^^
  = hint: write one such as `text/html`, or `text/*` for all of a family

error: `min_size` is not a size
 --> gateway.toml:2:87
  |
2 | compression = { algorithms = ["gzip", "brotli", "gzip"], types = ["html"], min_size = "-1", level = 0 }
  |                                                                                       ^^^^
  = hint: write a whole number and a unit, such as `512B` or `16MiB`

error: `level` must be from 1 to 9
 --> gateway.toml:2:101
  |
2 | compression = { algorithms = ["gzip", "brotli", "gzip"], types = ["html"], min_size = "-1", level = 0 }
  |                                                                                                     ^

4 errors in gateway.toml
"#,
    );
    check(
        r#"
[gateway]
compression = { algorithms = ["gzip", "gzip"] }
"#,
        r#"
error: `gzip` is listed twice
 --> gateway.toml:2:39
  |
2 | compression = { algorithms = ["gzip", "gzip"] }
  |                                       ^^^^^^

1 error in gateway.toml
"#,
    );
}

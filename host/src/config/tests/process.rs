//! The gateway itself: `gateway`, `admin`, `listeners` and `outputs`.

use super::check;

#[test]
fn a_trusted_proxy_is_a_network() {
    check(
        r#"
[gateway]
trusted_proxies = ["10.0.0.0/8", "proxy.internal"]
"#,
        r#"
error: `proxy.internal` is not a network
 --> gateway.toml:2:34
  |
2 | trusted_proxies = ["10.0.0.0/8", "proxy.internal"]
  |                                  ^^^^^^^^^^^^^^^^
  = hint: write an address such as `192.0.2.1`, or a network such as `10.0.0.0/8`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_network_has_no_bits_behind_its_prefix() {
    check(
        r#"
[gateway]
trusted_proxies = ["10.1.2.3/8"]
"#,
        r#"
error: `10.1.2.3/8` has bits set behind its prefix
 --> gateway.toml:2:20
  |
2 | trusted_proxies = ["10.1.2.3/8"]
  |                    ^^^^^^^^^^^^
  = hint: the network is `10.0.0.0/8`

1 error in gateway.toml
"#,
    );
}

#[test]
fn the_name_of_the_gateway_is_a_token() {
    check(
        r#"
[gateway]
name = "my gateway"
"#,
        r#"
error: `my gateway` cannot be the name of the gateway
 --> gateway.toml:2:8
  |
2 | name = "my gateway"
  |        ^^^^^^^^^^^^ not a token
  = hint: a letter, then letters, digits, `-`, `_` or `.`; at most 64

1 error in gateway.toml
"#,
    );
}

#[test]
fn an_upgrade_takes_some_time() {
    check(
        r#"
[gateway]
upgrade_timeout = "0s"
"#,
        r#"
error: `upgrade_timeout` must be from 1ms to 1day
 --> gateway.toml:2:19
  |
2 | upgrade_timeout = "0s"
  |                   ^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn the_cache_is_a_folder_or_off() {
    check(
        r#"
[gateway]
cache_dir = true
"#,
        r#"
error: `cache_dir` must be a string or `false`, but is `true`
 --> gateway.toml:2:13
  |
2 | cache_dir = true
  |             ^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn the_admin_listener_is_a_table_or_off() {
    check(
        r#"
admin = "127.0.0.1:9901"
"#,
        r#"
error: `admin` must be a table or `false`, but is a string
 --> gateway.toml:1:9
  |
1 | admin = "127.0.0.1:9901"
  |         ^^^^^^^^^^^^^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_listener_may_not_have_the_address_of_the_admin_listener() {
    check(
        r#"
[[listeners]]
address = "127.0.0.1:9901"
"#,
        r#"
error: two listeners have the same address
 --> gateway.toml:2:11
  |
2 | address = "127.0.0.1:9901"
  |           ^^^^^^^^^^^^^^^^ the second
  = hint: the admin listener has it

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_gateway_without_listeners_is_refused() {
    check(
        r#"
[gateway]
workers = 2
#no listeners
"#,
        r#"
error: there is no listener
 --> gateway.toml
  = hint: add `[[listeners]]` with `address = "127.0.0.1:8080"`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_listener_needs_a_port() {
    check(
        r#"
[[listeners]]
address = "127.0.0.1"

[[listeners]]
address = "::1"
"#,
        r#"
error: `127.0.0.1` is not an address to listen on
 --> gateway.toml:2:11
  |
2 | address = "127.0.0.1"
  |           ^^^^^^^^^^^
  = hint: add a port: `127.0.0.1:8080`

error: `::1` is not an address to listen on
 --> gateway.toml:5:11
  |
5 | address = "::1"
  |           ^^^^^
  = hint: add a port: `[::1]:8080`

2 errors in gateway.toml
"#,
    );
}

#[test]
fn a_listener_has_an_address_and_no_name() {
    check(
        r#"
[[listeners]]
address = "localhost:8080"
"#,
        r#"
error: `localhost:8080` is not an address to listen on
 --> gateway.toml:2:11
  |
2 | address = "localhost:8080"
  |           ^^^^^^^^^^^^^^^^
  = hint: names are not looked up; write `127.0.0.1:8080`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_listener_on_every_address_says_so() {
    check(
        r#"
[[listeners]]
address = ":8080"
"#,
        r#"
error: `:8080` is not an address to listen on
 --> gateway.toml:2:11
  |
2 | address = ":8080"
  |           ^^^^^^^
  = hint: write `0.0.0.0:8080` for every IPv4 address, or `[::]:8080` for all

1 error in gateway.toml
"#,
    );
}

#[test]
fn two_listeners_on_one_address_are_refused() {
    check(
        r#"
[[listeners]]
address = "127.0.0.1:8080"

[[listeners]]
address = "127.0.0.1:8080"
"#,
        r#"
error: two listeners have the same address
 --> gateway.toml:5:11
  |
5 | address = "127.0.0.1:8080"
  |           ^^^^^^^^^^^^^^^^ the second
  = hint: the first is at gateway.toml:2

1 error in gateway.toml
"#,
    );
}

#[test]
fn tls_needs_certificate_and_key() {
    check(
        r#"
[[listeners]]
address = "127.0.0.1:8443"
tls = { certificate = "cert.pem" }
"#,
        r#"
error: the key `key` is missing in `tls`
 --> gateway.toml:3:7
  |
3 | tls = { certificate = "cert.pem" }
  |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = hint: add `key = "key.pem"`

1 error in gateway.toml
"#,
    );
}

#[test]
fn the_standard_outputs_cannot_be_defined_again() {
    check(
        r#"
[outputs.stdout]
file = "access.log"
"#,
        r#"
error: the output `stdout` exists already
 --> gateway.toml:1:10
  |
1 | [outputs.stdout]
  |          ^^^^^^ give it another name

1 error in gateway.toml
"#,
    );
}

#[test]
fn two_outputs_on_one_file_are_refused() {
    check(
        r#"
[outputs.access]
file = "access.log"

[outputs.audit]
file = "access.log"
"#,
        r#"
error: two outputs write to the same file
 --> gateway.toml:5:8
  |
5 | file = "access.log"
  |        ^^^^^^^^^^^^ the second
  = hint: let plugins share the output `access`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_is_not_empty() {
    check(
        r#"
[outputs.access]
file = ""
"#,
        r#"
error: `file` is empty
 --> gateway.toml:2:8
  |
2 | file = ""
  |        ^^

1 error in gateway.toml
"#,
    );
}

//! Encryption of listeners, redirects to it, and HSTS.

use super::check;

#[test]
fn one_certificate_and_several_exclude_each_other() {
    check(
        r#"
[[listeners]]
address = "127.0.0.1:8443"
tls = { certificates = [], key = "key.pem" }
"#,
        r#"
error: `certificates` is empty
 --> gateway.toml:3:24
  |
3 | tls = { certificates = [], key = "key.pem" }
  |                        ^^ list at least one

error: `key` does not belong beside `certificates` or `acme`
 --> gateway.toml:3:34
  |
3 | tls = { certificates = [], key = "key.pem" }
  |                                  ^^^^^^^^^
  = hint: list every certificate of a file in `certificates`; the first is the default

2 errors in gateway.toml
"#,
    );
}

#[test]
fn a_certificate_is_for_hosts_that_clients_can_name() {
    check(
        r#"
[[listeners]]
address = "127.0.0.1:8443"
[[listeners.tls.certificates]]
certificate = "cert.pem"
key = "key.pem"
hosts = ["*.*.example", "192.0.2.1"]
"#,
        r#"
error: `*.*.example` cannot be the host of a certificate: not a host name
 --> gateway.toml:6:10
  |
6 | hosts = ["*.*.example", "192.0.2.1"]
  |          ^^^^^^^^^^^^^
  = hint: write a host, or `*.` and a host

error: `192.0.2.1` cannot be the host of a certificate: clients name no address
 --> gateway.toml:6:25
  |
6 | hosts = ["*.*.example", "192.0.2.1"]
  |                         ^^^^^^^^^^^
  = hint: write a host, or `*.` and a host

2 errors in gateway.toml
"#,
    );
}

#[test]
fn versions_and_modes_are_words() {
    check(
        r#"
[[listeners]]
address = "127.0.0.1:8443"
[listeners.tls]
certificate = "cert.pem"
key = "key.pem"
min_version = "1.1"
client_auth = { mode = "maybe" }
"#,
        r#"
error: `min_version` cannot be `1.1`
 --> gateway.toml:6:15
  |
6 | min_version = "1.1"
  |               ^^^^^
  = hint: did you mean `1.2`?

error: the key `ca` is missing in `client_auth`
 --> gateway.toml:7:15
  |
7 | client_auth = { mode = "maybe" }
  |               ^^^^^^^^^^^^^^^^^^
  = hint: add `ca = "clients-ca.pem"`

error: `mode` cannot be `maybe`
 --> gateway.toml:7:24
  |
7 | client_auth = { mode = "maybe" }
  |                        ^^^^^^^
  = hint: it can be `required`, `optional`

3 errors in gateway.toml
"#,
    );
}

#[test]
fn http3_needs_tls_and_no_proxy_in_front() {
    check(
        r#"
[gateway]
trusted_proxies = ["10.0.0.0/8"]

[[listeners]]
address = "127.0.0.1:8080"
http3 = true

[[listeners]]
address = "127.0.0.1:8443"
tls = { certificate = "cert.pem", key = "key.pem" }
proxy_protocol = "required"
http3 = true

[[listeners]]
address = "127.0.0.1:9443"
tls = { certificate = "cert.pem", key = "key.pem" }
http3 = "on"
"#,
        r#"
error: `http3` has no effect on a listener without `tls`
 --> gateway.toml:6:9
  |
6 | http3 = true
  |         ^^^^
  = hint: it belongs to the listener with `tls`

error: `http3` does not go with `proxy_protocol`
  --> gateway.toml:12:9
   |
12 | http3 = true
   |         ^^^^
   = hint: there is no PROXY protocol in QUIC; use a listener of its own

error: `http3` must be `true` or `false`, but is a string
  --> gateway.toml:17:9
   |
17 | http3 = "on"
   |         ^^^^

3 errors in gateway.toml
"#,
    );
}

#[test]
fn redirects_belong_to_plain_listeners_and_hsts_to_those_of_tls() {
    check(
        r#"
[[listeners]]
address = "127.0.0.1:8080"
hsts = "180d"

[[listeners]]
address = "127.0.0.1:8443"
tls = { certificate = "cert.pem", key = "key.pem" }
redirect_https = true
"#,
        r#"
error: `hsts` has no effect on a listener without `tls`
 --> gateway.toml:3:8
  |
3 | hsts = "180d"
  |        ^^^^^^
  = hint: it belongs to the listener with `tls`

error: `redirect_https` has no effect on a listener with `tls`
 --> gateway.toml:8:18
  |
8 | redirect_https = true
  |                  ^^^^
  = hint: it belongs to the plain listener that clients come to first

2 errors in gateway.toml
"#,
    );
}

#[test]
fn a_redirect_leads_to_a_port() {
    check(
        r#"
[[listeners]]
address = "127.0.0.1:8080"
redirect_https = "yes"

[[listeners]]
address = "127.0.0.1:8081"
redirect_https = 65536
"#,
        r#"
error: `redirect_https` must be `true`, `false` or the port of `https`, but is a string
 --> gateway.toml:3:18
  |
3 | redirect_https = "yes"
  |                  ^^^^^

error: `redirect_https` must be from 1 to 65535
 --> gateway.toml:7:18
  |
7 | redirect_https = 65536
  |                  ^^^^^

2 errors in gateway.toml
"#,
    );
}

#[test]
fn browsers_list_only_who_means_it() {
    check(
        r#"
[[listeners]]
address = "127.0.0.1:8443"
tls = { certificate = "cert.pem", key = "key.pem" }
hsts = { max_age = "180d", include_subdomains = true, preload = true }

[[listeners]]
address = "127.0.0.1:8444"
tls = { certificate = "cert.pem", key = "key.pem" }
hsts = "11y"
"#,
        r#"
error: `preload` needs all subdomains, for a year at least
 --> gateway.toml:4:8
  |
4 | hsts = { max_age = "180d", include_subdomains = true, preload = true }
  |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = hint: add `include_subdomains = true` and `max_age = "1y"`

error: `hsts` must be from 0s to 10years
 --> gateway.toml:9:8
  |
9 | hsts = "11y"
  |        ^^^^^

2 errors in gateway.toml
"#,
    );
}

#[test]
fn the_gateways_own_certificate_needs_its_key() {
    check(
        r#"
[upstreams.users]
endpoints = ["https://127.0.0.1:9001"]
tls = { certificate = "own.pem" }

[[routes]]
name = "users"
match = { path = "/users" }
upstream = "users"
"#,
        r#"
error: the key `key` is missing in `tls`
 --> gateway.toml:3:7
  |
3 | tls = { certificate = "own.pem" }
  |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = hint: add `key = "gateway-key.pem"`

1 error in gateway.toml
"#,
    );
}

#[test]
fn certificates_are_issued_for_hosts_by_authorities_that_can_be_trusted() {
    check(
        r#"
[[listeners]]
address = "127.0.0.1:8443"
[listeners.tls.acme]
domains = ["*.example.com", "192.0.2.1"]
directory = "http://ca.example/directory"
contact = ["ops@example.com"]
challenge = "dns-01"
"#,
        r#"
error: `*.example.com` cannot be got a certificate for: wildcards are proved by DNS alone
 --> gateway.toml:4:12
  |
4 | domains = ["*.example.com", "192.0.2.1"]
  |            ^^^^^^^^^^^^^^^

error: `192.0.2.1` cannot be got a certificate for: it is an address
 --> gateway.toml:4:29
  |
4 | domains = ["*.example.com", "192.0.2.1"]
  |                             ^^^^^^^^^^^

error: `directory` must be a URL that begins with `https://`
 --> gateway.toml:5:13
  |
5 | directory = "http://ca.example/directory"
  |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = hint: that of Let's Encrypt is `https://acme-v02.api.letsencrypt.org/directory`

error: `contact[0]` must be a URL
 --> gateway.toml:6:12
  |
6 | contact = ["ops@example.com"]
  |            ^^^^^^^^^^^^^^^^^
  = hint: write `mailto:` before an address of mail

error: `challenge` cannot be `dns-01`
 --> gateway.toml:7:13
  |
7 | challenge = "dns-01"
  |             ^^^^^^^^
  = hint: it can be `tls-alpn-01`, `http-01`

5 errors in gateway.toml
"#,
    );
}

#[test]
fn an_authority_cannot_look_where_certificates_are_required() {
    check(
        r#"
[[listeners]]
address = "127.0.0.1:8443"
tls = { acme = { domains = ["a.example"] }, client_auth = { ca = "ca.pem" } }
"#,
        r#"
error: authorities show no certificate when they look for the proof
 --> gateway.toml:3:7
  |
3 | tls = { acme = { domains = ["a.example"] }, client_auth = { ca = "ca.pem" } }
  |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = hint: write `challenge = "http-01"` in `acme`, or `mode = "optional"` in `client_auth`

1 error in gateway.toml
"#,
    );
}

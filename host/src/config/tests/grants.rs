//! The key `grants`.

use super::{check, loaded};

#[test]
fn a_capability_that_needs_a_scope_is_not_granted_by_its_name() {
    check(
        r#"
[plugins.auth]
component = "jwt"
grants = ["counter", "http-client", "secret"]
"#,
        r#"
error: `http-client` is granted by its scope, not by its name
 --> gateway.toml:3:22
  |
3 | grants = ["counter", "http-client", "secret"]
  |                      ^^^^^^^^^^^^^
  = hint: make a table `[plugins.auth.grants]` of it, with `http-client = { hosts = ["https://api.example.com"] }`

error: `secret` is granted by its scope, not by its name
 --> gateway.toml:3:37
  |
3 | grants = ["counter", "http-client", "secret"]
  |                                     ^^^^^^^^
  = hint: make a table `[plugins.auth.grants]` of it, with `secret = ["name-of-a-secret"]`

2 errors in gateway.toml
"#,
    );
}

#[test]
fn a_grant_of_nothing_is_refused() {
    check(
        r#"
[plugins.auth]
component = "jwt"
[plugins.auth.grants]
http-client = { upstreams = [] }
secret = []
kv = { prefixes = [""] }
"#,
        r#"
error: `http-client` is granted without upstreams and hosts
 --> gateway.toml:4:15
  |
4 | http-client = { upstreams = [] }
  |               ^^^^^^^^^^^^^^^^^^ a grant of nothing
  = hint: name what it may send requests to, or leave the grant out

error: `secret` is granted without names of secrets
 --> gateway.toml:5:10
  |
5 | secret = []
  |          ^^ a grant of nothing
  = hint: name those that it may read, or leave the grant out

error: an empty prefix allows every key
 --> gateway.toml:6:20
  |
6 | kv = { prefixes = [""] }
  |                    ^^
  = hint: leave out `prefixes` if that is meant

3 errors in gateway.toml
"#,
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one line for each mistake")]
fn scopes_are_of_the_right_kind_and_name_what_there_is() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
[plugins.auth]
component = "jwt"
[plugins.auth.grants]
clock = true
counter = {}
kv = "sessions"
http-client = { upstreams = ["user"], hosts = ["api.example.com", "https://a:b@example.com"] }
consumers = { kinds = ["Key"] }
secret = true
countre = true
"#,
        r#"
error: there is no grant `clock`
 --> gateway.toml:6:1
  |
6 | clock = true
  | ^^^^^
  = hint: every plugin has it; leave it out

error: `grants.counter` must be `true` or `false`, but is a table
 --> gateway.toml:7:11
  |
7 | counter = {}
  |           ^^

error: `grants.kv` must be `true`, `false` or a table, but is a string
 --> gateway.toml:8:6
  |
8 | kv = "sessions"
  |      ^^^^^^^^^^

error: plugin `auth` may send requests to upstream `user`, which is not defined
 --> gateway.toml:9:30
  |
9 | http-client = { upstreams = ["user"], hosts = ["api.example.com", "https://a:b@example.com"] }
  |                              ^^^^^^ no upstream has this name
  = hint: did you mean `users`?

error: the host has no scheme
 --> gateway.toml:9:48
  |
9 | http-client = { upstreams = ["user"], hosts = ["api.example.com", "https://a:b@example.com"] }
  |                                                ^^^^^^^^^^^^^^^^^
  = hint: a host is written with its scheme, such as `https://api.example.com`, `https://*.example.com` or `http://127.0.0.1:9000`, and without a path

error: a host has no user, path or query
 --> gateway.toml:9:67
  |
9 | http-client = { upstreams = ["user"], hosts = ["api.example.com", "https://a:b@example.com"] }
  |                                                                   ^^^^^^^^^^^^^^^^^^^^^^^^^
  = hint: a host is written with its scheme, such as `https://api.example.com`, `https://*.example.com` or `http://127.0.0.1:9000`, and without a path

error: `Key` cannot be a kind of credentials
  --> gateway.toml:10:24
   |
10 | consumers = { kinds = ["Key"] }
   |                        ^^^^^
   = hint: a kind is a word such as `key` or `basic`: at most 64 of `a-z`, `0-9` and `-`, beginning with a letter

error: `grants.secret` must be an array of names of secrets, but is `true`
  --> gateway.toml:11:10
   |
11 | secret = true
   |          ^^^^
   = hint: write `secret = ["name-of-a-secret"]`

error: there is no grant `countre`
  --> gateway.toml:12:1
   |
12 | countre = true
   | ^^^^^^^
   = hint: did you mean `counter`?

9 errors in gateway.toml
"#,
    );
}

#[test]
fn a_secret_that_is_not_defined_is_not_granted() {
    check(
        r#"
[secrets.hmac-key]
env = "SECRET"
[plugins.auth]
component = "jwt"
[plugins.auth.grants]
secret = ["hmac_key"]
"#,
        r#"
error: plugin `auth` is granted the secret `hmac_key`, which is not defined
 --> gateway.toml:6:11
  |
6 | secret = ["hmac_key"]
  |           ^^^^^^^^^^ no secret has this name
  = hint: did you mean `hmac-key`?

1 error in gateway.toml
"#,
    );
}

#[test]
fn an_upstream_that_only_a_grant_names_is_used() {
    let loaded = loaded(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
[plugins.auth]
component = "jwt"
[plugins.auth.grants]
http-client = { upstreams = ["users"] }
[[routes]]
name = "all"
match = { path = "/" }
pipeline = ["auth"]
respond = {}
"#,
    );
    assert_eq!(loaded.warnings, []);
}

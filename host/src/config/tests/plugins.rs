//! The tables `plugins`.

use super::check;

#[test]
fn a_component_is_a_wasm_file() {
    check(
        r#"
[plugins.auth]
component = "./auth.so"
"#,
        r#"
error: the path `./auth.so` does not end in `.wasm`
 --> gateway.toml:2:13
  |
2 | component = "./auth.so"
  |             ^^^^^^^^^^^
  = hint: a name without slashes is looked up in `plugins_dir`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_component_has_a_name() {
    check(
        r#"
[plugins.auth]
component = "JWT"
"#,
        r#"
error: `JWT` cannot be the name of a component
 --> gateway.toml:2:13
  |
2 | component = "JWT"
  |             ^^^^^
  = hint: a name has at most 64 of `a-z`, `0-9`, `-`, `_` and `.`, beginning with a letter or digit

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_component_is_needed() {
    check(
        r#"
[plugins.auth]
config = {}
"#,
        r#"
error: the key `component` is missing in `plugins.auth`
 --> gateway.toml:1:1
  |
1 | [plugins.auth]
  | ^^^^^^^^^^^^^^
  = hint: add `component = "jwt"`

1 error in gateway.toml
"#,
    );
}

#[test]
fn an_isolation_is_one_of_two() {
    check(
        r#"
[plugins.auth]
component = "jwt"
isolation = "pool"
"#,
        r#"
error: `isolation` cannot be `pool`
 --> gateway.toml:3:13
  |
3 | isolation = "pool"
  |             ^^^^^^
  = hint: it can be `request`, `pooled`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_pool_has_bounds() {
    check(
        r#"
[plugins.auth]
component = "jwt"
isolation = { pooled = { calls = 0, idel = 3 } }
"#,
        r#"
error: `calls` must be from 1 to 1000000000
 --> gateway.toml:3:34
  |
3 | isolation = { pooled = { calls = 0, idel = 3 } }
  |                                  ^

error: unknown key `idel` in `pooled`
 --> gateway.toml:3:37
  |
3 | isolation = { pooled = { calls = 0, idel = 3 } }
  |                                     ^^^^
  = hint: did you mean `idle`?

2 errors in gateway.toml
"#,
    );
}

#[test]
fn an_error_denies_or_skips() {
    check(
        r#"
[plugins.auth]
component = "jwt"
on_error = "ignore"
"#,
        r#"
error: `on_error` cannot be `ignore`
 --> gateway.toml:3:12
  |
3 | on_error = "ignore"
  |            ^^^^^^^^
  = hint: it can be `deny`, `skip`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_grant_is_a_capability() {
    check(
        r#"
[plugins.auth]
component = "jwt"
grants = ["crypt", "filesystem", "log"]
"#,
        r#"
error: there is no grant `crypt`
 --> gateway.toml:3:11
  |
3 | grants = ["crypt", "filesystem", "log"]
  |           ^^^^^^^
  = hint: did you mean `crypto`?

error: there is no grant `filesystem`
 --> gateway.toml:3:20
  |
3 | grants = ["crypt", "filesystem", "log"]
  |                    ^^^^^^^^^^^^
  = hint: there are `cache`, `consumers`, `counter`, `crypto`, `http-client`, `kv`, `metrics`, `output`, `secret`

error: there is no grant `log`
 --> gateway.toml:3:34
  |
3 | grants = ["crypt", "filesystem", "log"]
  |                                  ^^^^^
  = hint: every plugin has it; leave it out

3 errors in gateway.toml
"#,
    );
}

#[test]
fn a_grant_is_given_once() {
    check(
        r#"
[plugins.auth]
component = "jwt"
grants = ["kv", "crypto", "kv"]
"#,
        r#"
error: `kv` is granted twice
 --> gateway.toml:3:27
  |
3 | grants = ["kv", "crypto", "kv"]
  |                           ^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_call_may_not_run_longer_than_it_lasts() {
    check(
        r#"
[plugins.auth]
component = "jwt"
limits = { cpu = "2s" }
"#,
        r#"
error: `wall` is shorter than `cpu`
 --> gateway.toml:3:18
  |
3 | limits = { cpu = "2s" }
  |                  ^^^^
  = hint: `wall` counts running and waiting; by default `cpu` is 50ms and `wall` 1s

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_limit_has_a_range() {
    check(
        r#"
[plugins.auth]
component = "jwt"
limits = { memory = "1KiB", cpu = "5m", instances = 0, queue = -1 }
"#,
        r#"
error: `memory` must be from 64KiB to 1GiB
 --> gateway.toml:3:21
  |
3 | limits = { memory = "1KiB", cpu = "5m", instances = 0, queue = -1 }
  |                     ^^^^^^

error: `cpu` must be from 1ms to 1m
 --> gateway.toml:3:35
  |
3 | limits = { memory = "1KiB", cpu = "5m", instances = 0, queue = -1 }
  |                                   ^^^^

error: `instances` must be from 1 to 10000
 --> gateway.toml:3:53
  |
3 | limits = { memory = "1KiB", cpu = "5m", instances = 0, queue = -1 }
  |                                                     ^

error: `queue` must be from 0 to 1000000
 --> gateway.toml:3:64
  |
3 | limits = { memory = "1KiB", cpu = "5m", instances = 0, queue = -1 }
  |                                                                ^^

4 errors in gateway.toml
"#,
    );
}

#[test]
fn a_configuration_is_a_table() {
    check(
        r#"
[plugins.auth]
component = "jwt"
config = "keys"
"#,
        r#"
error: `config` must be a table, but is a string
 --> gateway.toml:3:10
  |
3 | config = "keys"
  |          ^^^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_configuration_has_no_infinite_numbers() {
    check(
        r#"
[plugins.auth]
component = "jwt"

[plugins.auth.config]
leeway = [1.5, inf, nan]
"#,
        r#"
error: JSON has no infinite numbers and no NaN
 --> gateway.toml:5:16
  |
5 | leeway = [1.5, inf, nan]
  |                ^^^ a plugin is given its `config` as JSON

error: JSON has no infinite numbers and no NaN
 --> gateway.toml:5:21
  |
5 | leeway = [1.5, inf, nan]
  |                     ^^^ a plugin is given its `config` as JSON

2 errors in gateway.toml
"#,
    );
}

#[test]
fn a_pin_is_well_formed() {
    check(
        r#"
[gateway]
trusted_keys = ["untrusted comment: minisign public key"]
[plugins.auth]
component = "jwt"
sha256 = "9f86d081"
signature = "jwt.sig"
trusted_keys = []
"#,
        r#"
error: `untrusted comment: minisign public key` is not a public key of minisign
 --> gateway.toml:2:17
  |
2 | trusted_keys = ["untrusted comment: minisign public key"]
  |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = hint: write the second line of `minisign.pub`, which begins with `RW`

error: `9f86d081` is not a SHA-256
 --> gateway.toml:5:10
  |
5 | sha256 = "9f86d081"
  |          ^^^^^^^^^^
  = hint: write the 64 hexadecimal digits that `sha256sum` shows

2 errors in gateway.toml
"#,
    );
}

#[test]
fn a_signature_needs_somebody_to_trust() {
    check(
        r#"
[plugins.auth]
component = "jwt"
signature = "jwt.sig"
"#,
        r#"
error: a signature is of no use without `trusted_keys`
 --> gateway.toml:3:13
  |
3 | signature = "jwt.sig"
  |             ^^^^^^^^^
  = hint: name the public key that the component is signed with, here or in `[gateway]`

1 error in gateway.toml
"#,
    );
}

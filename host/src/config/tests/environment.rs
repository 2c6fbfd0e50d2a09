//! `${NAME}` in strings.

use super::check;

#[test]
fn an_unset_variable_is_shown_by_name() {
    check(
        r#"
[plugins.auth]
component = "jwt"
config = { keys = [{ secret = "${JWT_SECRET}" }] }
"#,
        r#"
error: the environment variable `JWT_SECRET` is not set
 --> gateway.toml:3:31
  |
3 | config = { keys = [{ secret = "${JWT_SECRET}" }] }
  |                               ^^^^^^^^^^^^^^^
  = hint: set it, or give a default: `${JWT_SECRET:-…}`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_reference_has_an_end() {
    check(
        r#"
[plugins.auth]
component = "${COMPONENT"
"#,
        r#"
error: `${` begins a reference to the environment, but no `}` ends it
 --> gateway.toml:2:13
  |
2 | component = "${COMPONENT"
  |             ^^^^^^^^^^^^^
  = hint: write `$${` for a literal `${`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_reference_holds_a_name() {
    check(
        r#"
[plugins.auth]
component = "jwt"
config = { format = "${request method}" }
"#,
        r#"
error: `${…}` must hold the name of an environment variable
 --> gateway.toml:3:21
  |
3 | config = { format = "${request method}" }
  |                     ^^^^^^^^^^^^^^^^^^^ letters, digits and `_`, not beginning with a digit
  = hint: write `$${` for a literal `${`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_value_from_the_environment_is_never_shown_for_the_process() {
    check(
        r#"
[gateway]
name = "${SECRET}"
trusted_proxies = ["${SECRET}"]
drain_timeout = "${SECRET}"

[limits]
kv = "${SECRET}"

[[listeners]]
address = "${SECRET}"
"#,
        r#"
error: `${SECRET}` cannot be the name of the gateway
 --> gateway.toml:2:8
  |
2 | name = "${SECRET}"
  |        ^^^^^^^^^^^ not a token
  = hint: a letter, then letters, digits, `-`, `_` or `.`; at most 64

error: `${SECRET}` is not a network
 --> gateway.toml:3:20
  |
3 | trusted_proxies = ["${SECRET}"]
  |                    ^^^^^^^^^^^
  = hint: write an address such as `192.0.2.1`, or a network such as `10.0.0.0/8`

error: `drain_timeout` is not a duration
 --> gateway.toml:4:17
  |
4 | drain_timeout = "${SECRET}"
  |                 ^^^^^^^^^^^
  = hint: write a number and a unit, such as `500ms`, `2s` or `1m 30s`

error: `kv` is not a size
 --> gateway.toml:7:6
  |
7 | kv = "${SECRET}"
  |      ^^^^^^^^^^^
  = hint: write a whole number and a unit, such as `512B` or `16MiB`

error: `${SECRET}` is not an address to listen on
  --> gateway.toml:10:11
   |
10 | address = "${SECRET}"
   |           ^^^^^^^^^^^
   = hint: write an IP address and a port, such as `127.0.0.1:8080` or `[::1]:8080`

5 errors in gateway.toml
"#,
    );
}

#[test]
fn a_value_from_the_environment_is_never_shown_for_upstreams_and_plugins() {
    check(
        r#"
[upstreams.users]
endpoints = ["${SECRET}"]
host = "${SECRET}"

[plugins.auth]
component = "${SECRET}"
grants = ["${SECRET}"]
on_error = "${SECRET}"
"#,
        r#"
error: the URL has no scheme
 --> gateway.toml:2:14
  |
2 | endpoints = ["${SECRET}"]
  |              ^^^^^^^^^^^
  = hint: write `http://host:port`

error: `${SECRET}` is not a host
 --> gateway.toml:3:8
  |
3 | host = "${SECRET}"
  |        ^^^^^^^^^^^
  = hint: write `client`, `endpoint`, or a host such as `api.example.com`

error: the path `${SECRET}` does not end in `.wasm`
 --> gateway.toml:6:13
  |
6 | component = "${SECRET}"
  |             ^^^^^^^^^^^
  = hint: a name without slashes is looked up in `plugins_dir`

error: there is no grant `${SECRET}`
 --> gateway.toml:7:11
  |
7 | grants = ["${SECRET}"]
  |           ^^^^^^^^^^^
  = hint: there are `cache`, `consumers`, `counter`, `crypto`, `http-client`, `kv`, `metrics`, `output`, `secret`

error: `on_error` cannot be `${SECRET}`
 --> gateway.toml:8:12
  |
8 | on_error = "${SECRET}"
  |            ^^^^^^^^^^^
  = hint: it can be `deny`, `skip`

5 errors in gateway.toml
"#,
    );
}

#[test]
fn a_value_from_the_environment_is_never_shown_for_routes() {
    check(
        r#"
[[routes]]
name = "users"
match = { host = "${SECRET}", path = "${SECRET}" }
pipeline = ["${SECRET}"]
upstream = "${SECRET}"

[[routes]]
name = "${SECRET}"
match = { query = { a = { regex = "(${SECRET}" } } }
redirect = { host = "${SECRET}" }
"#,
        r#"
error: `${SECRET}` is not a host
 --> gateway.toml:3:18
  |
3 | match = { host = "${SECRET}", path = "${SECRET}" }
  |                  ^^^^^^^^^^^ a host has no scheme and no path

error: `${SECRET}` is not a path: it must begin with `/`
 --> gateway.toml:3:38
  |
3 | match = { host = "${SECRET}", path = "${SECRET}" }
  |                                      ^^^^^^^^^^^

error: route `users` runs plugin `${SECRET}`, which is not defined
 --> gateway.toml:4:13
  |
4 | pipeline = ["${SECRET}"]
  |             ^^^^^^^^^^^ no plugin has this name
  = hint: define it with `[plugins.<name>]`

error: route `users` sends to upstream `${SECRET}`, which is not defined
 --> gateway.toml:5:12
  |
5 | upstream = "${SECRET}"
  |            ^^^^^^^^^^^ no upstream has this name
  = hint: define it with `[upstreams.<name>]`

error: `${SECRET}` cannot be the name of a route
 --> gateway.toml:8:8
  |
8 | name = "${SECRET}"
  |        ^^^^^^^^^^^
  = hint: a name has at most 64 of `a-z`, `0-9`, `-`, `_` and `.`, beginning with a letter or digit

error: not a regular expression that can be used
 --> gateway.toml:9:35
  |
9 | match = { query = { a = { regex = "(${SECRET}" } } }
  |                                   ^^^^^^^^^^^^ unclosed group

error: `${SECRET}` is not a host
  --> gateway.toml:10:21
   |
10 | redirect = { host = "${SECRET}" }
   |                     ^^^^^^^^^^^ a host has no scheme and no path

7 errors in gateway.toml
"#,
    );
}

#[test]
fn a_file_that_cannot_be_put_in_is_shown_where_it_is_named() {
    let text = "\
[[listeners]]
address = \"127.0.0.1:0\"

[plugins.auth]
component = \"jwt\"
config = { issuers = [{ public_key = \"${file:no-such.pem}\" }] }
";
    let findings = crate::config::load_text("gateway.toml", text, &|_| None).unwrap_err();
    let shown = findings.to_string();
    assert!(
        shown.contains("error: the file `no-such.pem` cannot be put in: No such file or directory"),
        "{shown}"
    );
    assert!(shown.contains("gateway.toml:6:38"), "{shown}");
    let watched: Vec<_> = findings.watched().files.iter().collect();
    assert!(watched.iter().any(|file| file.ends_with("no-such.pem")), "{watched:?}");
}

#[test]
fn a_file_is_put_into_a_plugins_configuration_and_watched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    std::fs::write(folder.path().join("key.pem"), "first\nsecond\n").unwrap();
    let text = "\
[[listeners]]
address = \"127.0.0.1:0\"

[plugins.auth]
component = \"jwt\"
config = { key = \"${file:key.pem}\" }
";
    std::fs::write(&file, text).unwrap();
    let loaded = crate::config::load(&file, &|_| None).unwrap();
    let plugin = loaded.config.plugins.first().unwrap();
    assert_eq!(plugin.config.expose(), "{\"key\":\"first\\nsecond\"}");
    assert!(loaded.sources.paths().any(|path| path.ends_with("key.pem")));
}

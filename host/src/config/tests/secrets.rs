//! What may be shown to whom.

use super::super::{Secret, ValueMatcher};
use super::{check, load, loaded};

#[test]
fn a_secret_is_not_part_of_its_debug_text() {
    assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "Secret(..)");
}

#[test]
fn a_loaded_configuration_can_be_debugged_without_its_secrets() {
    let loaded = loaded(
        r#"
[plugins.auth]
component = "jwt"
config = { keys = [{ secret = "${SECRET}", other = "literal-hunter" }] }

[[routes]]
name = "users"
match = { path = "/", headers = { x-api-key = "${SECRET}" } }
pipeline = ["auth"]
respond = {}
"#,
    );
    let shown = format!("{loaded:?}");
    assert!(!shown.contains("hunter"), "{shown}");
    let [plugin] = loaded.config.plugins.as_slice() else { panic!("one plugin") };
    assert_eq!(
        plugin.config.expose(),
        r#"{"keys":[{"other":"literal-hunter","secret":"hunter 2/"}]}"#
    );
    let [route] = loaded.config.routes.as_slice() else { panic!("one route") };
    let [header] = route.matcher.headers.as_slice() else { panic!("one header") };
    assert!(matches!(&header.value, ValueMatcher::Exact(text) if text == "hunter 2/"));
}

#[test]
fn a_serialised_finding_leaves_out_the_line_of_the_file() {
    let findings = load(
        r#"
[plugins.auth]
component = "jwt"
config = { secret = "hunter2", leeway = inf }

[gateway]
worker = 2
"#,
    )
    .unwrap_err();
    assert_eq!(
        serde_json::to_value(&findings).unwrap(),
        serde_json::json!([
            {
                "level": "error",
                "message": "JSON has no infinite numbers and no NaN",
                "label": "a plugin is given its `config` as JSON",
                "file": "gateway.toml",
                "line": 3,
                "column": 41,
            },
            {
                "level": "error",
                "message": "unknown key `worker` in `gateway`",
                "hint": "did you mean `workers`?",
                "file": "gateway.toml",
                "line": 6,
                "column": 1,
            },
        ])
    );
    assert!(!format!("{findings:?}").contains("hunter2"));
}

#[test]
fn a_secret_comes_from_outside_of_the_file() {
    check(
        r#"
[secrets.plain]
value = "hunter2"
[secrets.unset]
env = "NOBODY"
[secrets.two]
env = "SECRET"
file = "a"
[secrets.none]
[secrets.missing]
file = "no/such/file"
[secrets.failing]
command = ["sh", "-c", "echo hunter2; echo 'no entry' >&2; exit 3"]
[secrets.silent]
command = ["true"]
"#,
        r#"
error: the secret `plain` stands in the file
 --> gateway.toml:2:1
  = hint: files are copied and shown; write `env`, `file` or `command`, so that it is fetched from where it is kept

error: the environment variable `NOBODY` is not set
 --> gateway.toml:4:7
  |
4 | env = "NOBODY"
  |       ^^^^^^^^
  = hint: the value of `env` is the name of a variable

error: `env` and `file` exclude each other
 --> gateway.toml:7:8
  |
7 | file = "a"
  |        ^^^

error: there is nothing in `secrets.none`
 --> gateway.toml:8:1
  |
8 | [secrets.none]
  | ^^^^^^^^^^^^^^
  = hint: add one of `env`, `file`, `command`

error: the secret `missing` cannot be had: No such file or directory (os error 2)
  --> gateway.toml:10:8
   |
10 | file = "no/such/file"
   |        ^^^^^^^^^^^^^^

error: the secret `failing` cannot be had: its command ended with exit status: 3: no entry
  --> gateway.toml:12:11
   |
12 | command = ["sh", "-c", "echo hunter2; echo 'no entry' >&2; exit 3"]
   |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

error: the secret `silent` cannot be had: it is empty
  --> gateway.toml:14:11
   |
14 | command = ["true"]
   |           ^^^^^^^^

7 errors in gateway.toml
"#,
    );
}

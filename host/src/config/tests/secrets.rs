//! What may be shown to whom.

use super::super::{Secret, ValueMatcher};
use super::{load, loaded};

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

//! What is refused before the first line.

use serde_json::{Value, json};
use tidegate_plugin::fake::{self, Exchange};

use super::refusal;
use crate::AccessLog;

/// What the operator is shown, and where.
fn check(config: &Value, pointer: &str, message: &str) {
    let error = refusal(config);
    assert_eq!((error.pointer.as_str(), error.message.as_str()), (pointer, message));
}

#[test]
fn an_output_must_be_defined() {
    fake::reset();
    check(
        &json!({ "output": "stdot" }),
        "/output",
        "there is no output `stdot`; did you mean `stdout`?",
    );
    check(
        &json!({ "output": "access" }),
        "/output",
        "there is no output `access`; there are stderr, stdout; define it with [outputs.access]",
    );
    fake::output::define("access");
    let config = json!({ "output": "access", "template": "$method" });
    let plugin: AccessLog = fake::configure(config).unwrap();
    assert_eq!(fake::run_log(&plugin, Exchange::get("/")).messages, []);
    assert_eq!(fake::output::take("access"), ["GET"]);
    assert_eq!(fake::output::take("stdout"), [""; 0]);
}

#[test]
fn keys_of_other_formats_are_refused() {
    check(&json!({ "format": "template" }), "/format", "the format `template` needs a `template`");
    let of_template = "belongs to the format `template`";
    check(&json!({ "format": "combined", "template": "$status" }), "/template", of_template);
    check(&json!({ "format": "json", "template": "$status" }), "/template", of_template);
    let of_json = "belongs to the format `json`; a template has variables for it";
    for key in ["fields", "request_headers", "response_headers", "attributes"] {
        let pointer = format!("/{key}");
        check(&json!({ "format": "combined", key: ["status"] }), &pointer, of_json);
        check(&json!({ "template": "$status", key: ["status"] }), &pointer, of_json);
    }
}

#[test]
fn unknown_variables_and_fields_are_refused_with_the_way_out() {
    check(
        &json!({ "template": "$client $stauts" }),
        "/template",
        "there is no variable `$stauts`; did you mean `$status`?",
    );
    let error = refusal(&json!({ "fields": ["time", "stauts"] }));
    assert_eq!(error.pointer, "/fields/1");
    assert!(error.message.starts_with("unknown variant `stauts`, expected one of `time`,"));
    assert_eq!(refusal(&json!({ "formt": "json" })).pointer, "/formt");
}

#[test]
fn nothing_is_shown_twice_or_without_a_name() {
    check(&json!({ "fields": ["time", "time"] }), "/fields/1", "`time` is there already");
    check(&json!({ "fields": [] }), "/fields", "an empty list writes empty objects");
    check(
        &json!({ "request_headers": ["Accept", "accept"] }),
        "/request_headers/1",
        "`accept` is there already",
    );
    check(&json!({ "attributes": [""] }), "/attributes/0", "an empty name");
}

#[test]
fn samples_conditions_and_durations_have_ranges() {
    check(&json!({ "sample": 1.1 }), "/sample", "1.1 is not a share; from 0.0 to 1.0");
    check(&json!({ "sample": -0.1 }), "/sample", "-0.1 is not a share; from 0.0 to 1.0");
    check(
        &json!({ "always": ["5xx", "errors"] }),
        "/always/1",
        "`errors` is not a condition: a status such as 404, a class such as 5xx, failed, \
         incomplete",
    );
    check(
        &json!({ "slow": "1h" }),
        "/slow",
        "`1h` is not a duration: a number with one of the units ms, s, m",
    );
}

#[test]
fn the_schema_shows_every_key() {
    let schema = fake::schema::<AccessLog>();
    let properties = schema["properties"].as_object().unwrap();
    assert_eq!(properties.len(), 12);
    assert!(properties.values().all(|property| property["description"].is_string()));
    assert_eq!(schema["additionalProperties"], json!(false));
}

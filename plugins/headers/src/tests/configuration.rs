//! What is refused before the first request.

use serde_json::{Value, json};
use tidegate_plugin::fake::{self, Exchange};
use tidegate_plugin::request::HeaderError;
use tidegate_plugin::{ConfigError, NoConfig, OnRequest, Plugin, RequestAction, request};

use crate::Headers;
use crate::edit::REFUSED;

/// What the operator is shown, and where.
#[track_caller]
fn check(config: &Value, pointer: &str, message: &str) {
    let Err(error) = fake::configure::<Headers>(config) else { panic!("{config} was taken") };
    assert_eq!((error.pointer.as_str(), error.message.as_str()), (pointer, message));
}

#[test]
fn a_configuration_that_edits_nothing_is_refused() {
    check(&json!({}), "", "there is nothing to edit");
    check(&json!({ "request": { "set": {} } }), "", "there is nothing to edit");
}

#[test]
fn a_name_is_a_token_and_pointed_at() {
    let not_a_name = |name: &str| format!("`{name}` is not the name of a header");
    check(
        &json!({ "request": { "remove": ["x-a", "x b"] } }),
        "/request/remove/1",
        &not_a_name("x b"),
    );
    check(&json!({ "response": { "remove": [""] } }), "/response/remove/0", &not_a_name(""));
    check(&json!({ "request": { "set": { "a/b": "" } } }), "/request/set/a~1b", &not_a_name("a/b"));
    check(
        &json!({ "response": { "default": { "x:": "" } } }),
        "/response/default/x:",
        &not_a_name("x:"),
    );
    check(&json!({ "request": { "add": { "ä": [] } } }), "/request/add/ä", &not_a_name("ä"));
    let all = "!#$%&'*+-.^_`|~09azAZ";
    assert!(fake::configure::<Headers>(&json!({ "request": { "remove": [all] } })).is_ok());
}

#[test]
fn a_value_has_neither_control_characters_nor_spaces_around_it() {
    let control = "a value cannot have control characters";
    let space = "a value cannot begin or end with a space";
    check(&json!({ "request": { "set": { "x-a": "a\r\nb: c" } } }), "/request/set/x-a", control);
    check(&json!({ "request": { "set": { "x-a": "\u{7f}" } } }), "/request/set/x-a", control);
    check(&json!({ "request": { "default": { "x-a": " a" } } }), "/request/default/x-a", space);
    check(&json!({ "response": { "add": { "x-a": "a\t" } } }), "/response/add/x-a", space);
    let lines = json!({ "response": { "add": { "x-a": ["a", "\0"] } } });
    check(&lines, "/response/add/x-a/1", control);
}

#[test]
fn a_header_has_one_value_in_each_table() {
    let already = "`x-a` is there already";
    check(&json!({ "request": { "remove": ["x-a", "X-A"] } }), "/request/remove/1", already);
    let twice = json!({ "X-A": "1", "x-a": "2" });
    check(&json!({ "request": { "set": &twice } }), "/request/set/x-a", already);
    check(&json!({ "response": { "default": &twice } }), "/response/default/x-a", already);
    assert!(fake::configure::<Headers>(&json!({ "response": { "add": twice } })).is_ok());
}

#[test]
fn unknown_keys_and_other_types_are_refused() {
    let unknown = "unknown field `sets`, expected one of `remove`, `set`, `default`, `add`";
    check(&json!({ "request": { "sets": {} } }), "/request/sets", unknown);
    let number = "invalid type: integer `1`, expected a string";
    check(&json!({ "request": { "set": { "x-a": 1 } } }), "/request/set/x-a", number);
}

#[test]
fn edits_are_bounded() {
    let names: Vec<String> = (0..65).map(|number| format!("x-{number}")).collect();
    check(&json!({ "request": { "remove": names } }), "/request", "65 edits; at most 64");
    let most =
        json!({ "request": { "remove": names[..64] }, "response": { "remove": names[..64] } });
    assert!(fake::configure::<Headers>(&most).is_ok());
}

/// Removes the headers whose names it has, which the host must refuse.
struct Removes;

impl Plugin for Removes {
    type Config = NoConfig;

    const SUMMARY: &'static str = "removes what it must not";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl OnRequest for Removes {
    fn on_request(&self) -> RequestAction {
        for name in REFUSED {
            assert_eq!(request::remove_header(name), Err(HeaderError::Forbidden), "{name}");
        }
        RequestAction::Forward
    }
}

#[test]
fn fields_that_the_host_refuses_are_refused_with_the_configuration() {
    assert_eq!(fake::run_request(&Removes, Exchange::get("/")).action, RequestAction::Forward);
    for name in REFUSED {
        let message = format!("`{name}` belongs to the gateway and cannot be edited");
        let upper = name.to_uppercase();
        check(&json!({ "response": { "remove": [&upper] } }), "/response/remove/0", &message);
        let pointer = format!("/request/set/{upper}");
        check(&json!({ "request": { "set": { upper: "1" } } }), &pointer, &message);
    }
}

#[test]
fn the_schema_shows_every_key() {
    let schema = fake::schema::<Headers>();
    assert_eq!(schema["additionalProperties"], json!(false));
    let keys: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["request", "response"]);
    let edits = schema["$defs"]["Edits"]["properties"].as_object().unwrap();
    assert_eq!(edits.len(), 4);
    assert!(edits.values().all(|property| property["description"].is_string()));
}

//! The examples of the README.

use tidegate_plugin::fake;

use crate::Headers;

#[test]
fn every_example_of_the_readme_is_a_good_configuration() {
    let readme = include_str!("../../README.md");
    let examples: Vec<_> =
        readme.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 3);
    for example in examples {
        let document: toml::Table = example.parse().expect("an example is TOML");
        for key in ["listeners", "routes"] {
            assert!(document.contains_key(key), "a whole file has {key}:\n{example}");
        }
        let plugins = document["plugins"].as_table().unwrap();
        let ours: Vec<_> = plugins
            .values()
            .filter(|plugin| plugin["component"].as_str() == Some("headers"))
            .collect();
        assert!(!ours.is_empty(), "{example}");
        for plugin in ours {
            let config = serde_json::to_string(&plugin["config"]).unwrap();
            if let Err(error) = fake::configure::<Headers>(&config) {
                panic!("{error}\n{example}");
            }
        }
    }
}

#[test]
fn the_readme_names_every_key_and_every_field_that_is_refused() {
    let readme = include_str!("../../README.md");
    let schema = fake::schema::<Headers>();
    let keys = schema["properties"].as_object().unwrap().keys();
    let edits = schema["$defs"]["Edits"]["properties"].as_object().unwrap().keys();
    let refused = crate::edit::REFUSED;
    for name in keys.chain(edits).map(String::as_str).chain(refused) {
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
}

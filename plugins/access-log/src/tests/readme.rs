//! The examples of the README.

use crate::AccessLog;
use tidegate_plugin::fake;

#[test]
fn every_example_of_the_readme_is_a_good_configuration() {
    let readme = include_str!("../../README.md");
    let examples: Vec<_> =
        readme.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 4);
    for example in examples {
        let document: toml::Table = example.parse().expect("an example is TOML");
        for key in ["listeners", "routes"] {
            assert!(document.contains_key(key), "a whole file has {key}:\n{example}");
        }
        let plugins = document["plugins"].as_table().unwrap();
        let ours: Vec<_> = plugins
            .values()
            .filter(|plugin| plugin["component"].as_str() == Some("access-log"))
            .collect();
        assert!(!ours.is_empty(), "{example}");
        for plugin in ours {
            fake::output::define("access");
            let config = plugin
                .get("config")
                .map_or_else(|| "{}".to_owned(), |config| serde_json::to_string(config).unwrap());
            if let Err(error) = fake::configure::<AccessLog>(&config) {
                panic!("{error}\n{example}");
            }
        }
    }
}

#[test]
fn the_readme_names_every_key_field_and_redacted_name() {
    let readme = include_str!("../../README.md");
    let schema = fake::schema::<AccessLog>();
    let keys = schema["properties"].as_object().unwrap().keys().cloned();
    let fields = crate::Field::ALL.into_iter().map(|field| field.name().to_owned());
    let redacted = crate::redact::BUILT_IN.map(str::to_owned);
    for name in keys.chain(fields).chain(redacted) {
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
}

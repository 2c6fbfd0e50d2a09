//! The examples of the README.

use crate::RateLimit;
use tidegate_plugin::fake;

#[test]
fn every_example_of_the_readme_is_a_good_configuration() {
    let readme = include_str!("../../README.md");
    let examples: Vec<_> =
        readme.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 6);
    for example in examples {
        let document: toml::Table = example.parse().expect("an example is TOML");
        for key in ["listeners", "routes"] {
            assert!(document.contains_key(key), "a whole file has {key}:\n{example}");
        }
        let plugins = document["plugins"].as_table().unwrap();
        let ours: Vec<_> = plugins
            .values()
            .filter(|plugin| plugin["component"].as_str() == Some("rate-limit"))
            .collect();
        assert!(!ours.is_empty(), "{example}");
        for plugin in ours {
            let config = serde_json::to_string(&plugin["config"]).unwrap();
            if let Err(error) = fake::configure::<RateLimit>(&config) {
                panic!("{error}\n{example}");
            }
        }
    }
}

#[test]
fn the_readme_names_every_key() {
    let readme = include_str!("../../README.md");
    let schema = fake::schema::<RateLimit>();
    for name in schema["properties"].as_object().unwrap().keys().filter(|name| *name != "skip") {
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
}

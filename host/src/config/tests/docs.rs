//! The reference in docs/configuration.md is true.

use super::folder::Folder;
use super::{LISTENER, good};

const REFERENCE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md"));

/// What a fragment may refer to without defining it.
const BASE: [(&str, &str); 5] = [
    ("[[listeners]]", LISTENER),
    ("[upstreams.users]", "endpoints = ['http://127.0.0.1:9001']"),
    ("[plugins.auth]", "component = 'jwt'"),
    ("[plugins.per-user]", "component = 'rate-limit'"),
    ("[outputs.access]", "file = 'access.log'"),
];

/// The blocks of TOML, with the line on which each begins.
fn blocks() -> Vec<(usize, String)> {
    let mut blocks: Vec<(usize, String)> = Vec::new();
    let mut within = false;
    for (index, line) in REFERENCE.lines().enumerate() {
        match line {
            "```toml" => {
                within = true;
                blocks.push((index + 2, String::new()));
            }
            "```" => within = false,
            _ if within => {
                let (_, block) = blocks.last_mut().unwrap();
                block.push_str(line);
                block.push('\n');
            }
            _ => {}
        }
    }
    blocks
}

#[test]
fn every_example_of_the_reference_loads() {
    let blocks = blocks();
    assert!(blocks.len() > 10, "only {} examples", blocks.len());
    for (line, mut block) in blocks {
        for (table, body) in BASE {
            if !block.contains(table) {
                let header = if body == LISTENER { "" } else { table };
                block.push_str(&format!("{header}\n{body}\n"));
            }
        }
        let folder = Folder::with(&[
            ("gateway.toml", &block),
            ("keys/partner.key", "a key"),
            ("carts.toml", "endpoints = ['http://10.0.0.5']"),
        ]);
        if let Err(findings) = folder.load() {
            panic!("the example on line {line} of docs/configuration.md:\n{findings}");
        }
    }
}

#[test]
fn every_key_is_in_the_reference() {
    let table: toml::Table = good::EVERY_KEY.parse().unwrap();
    let mut keys = vec!["include".to_owned()];
    for (name, value) in table {
        keys.push(name.clone());
        let user_named =
            matches!(name.as_str(), "consumers" | "outputs" | "plugins" | "secrets" | "upstreams");
        collect(&value, user_named, &mut keys);
    }
    for key in keys {
        assert!(REFERENCE.contains(&format!("`{key}`")), "{key} is not in docs/configuration.md");
    }
}

/// The keys of all tables below, but for those that the user chooses.
fn collect(value: &toml::Value, user_named: bool, keys: &mut Vec<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                if !user_named {
                    keys.push(key.clone());
                }
                if key == "config" {
                    continue;
                }
                let user_named =
                    matches!(key.as_str(), "add" | "attributes" | "headers" | "query" | "set");
                collect(value, user_named, keys);
            }
        }
        toml::Value::Array(items) => items.iter().for_each(|item| collect(item, false, keys)),
        _ => {}
    }
}

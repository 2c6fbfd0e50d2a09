//! The import direction of `host/src`, as a table that a reader can trust because it is a test.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A module and the sibling modules that its `crate::…` paths may name, from the ground up.
const LAYERS: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("failure", &[]),
    ("config", &["clock"]),
    ("crypto", &["clock"]),
    ("facts", &["failure"]),
    ("state", &["clock", "config"]),
    ("telemetry", &["clock", "config", "facts"]),
    ("gate", &["clock", "config", "telemetry"]),
    ("route", &["config"]),
    ("body", &["clock", "failure"]),
    ("upstream", &["body", "clock", "config", "facts", "failure", "gate", "telemetry"]),
    ("listener", &["clock", "config", "facts", "route", "telemetry"]),
    ("acme", &["clock", "config", "listener", "telemetry", "upstream"]),
    // Of `route` the matchers, which conditions of plugins are made of.
    (
        "plugin",
        &[
            "body",
            "clock",
            "config",
            "crypto",
            "facts",
            "failure",
            "gate",
            "route",
            "state",
            "telemetry",
            "upstream",
        ],
    ),
    (
        "snapshot",
        &[
            "acme",
            "clock",
            "config",
            "listener",
            "plugin",
            "route",
            "state",
            "telemetry",
            "upstream",
        ],
    ),
    (
        "exchange",
        &[
            "body",
            "clock",
            "config",
            "facts",
            "failure",
            "gate",
            "listener",
            "plugin",
            "route",
            "snapshot",
            "telemetry",
            "upstream",
        ],
    ),
    (
        "author",
        &[
            "body", "clock", "config", "exchange", "facts", "listener", "plugin", "server",
            "snapshot", "state", "upstream",
        ],
    ),
];

#[test]
fn modules_name_only_what_lies_below_them() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut upward = Vec::new();
    for (module, below) in LAYERS {
        let allowed: BTreeSet<&str> = below.iter().copied().chain([*module]).collect();
        let sources = sources(&src, module);
        assert!(!sources.is_empty(), "there is no module {module}");
        for (file, text) in sources {
            for name in imports(&text).filter(|name| !allowed.contains(name)) {
                upward.push(format!("{file} names crate::{name}"));
            }
        }
    }
    assert_eq!(upward, Vec::<String>::new(), "see LAYERS for what each module may name");
}

fn imports(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next())
        .filter(|name| !name.is_empty())
}

fn sources(src: &Path, module: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut queue = vec![src.join(format!("{module}.rs")), src.join(module)];
    while let Some(path) = queue.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder of the sources");
            queue.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if let Ok(text) = fs::read_to_string(&path) {
            found.push((path.display().to_string(), text));
        }
    }
    found
}

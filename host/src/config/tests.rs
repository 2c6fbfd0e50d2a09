//! Each test is a file and what the user sees for it.

mod balancing;
mod consumers;
mod destinations;
mod docs;
mod environment;
mod folder;
mod good;
mod grants;
mod includes;
mod keys;
mod listeners;
mod matches;
mod names;
mod pipelines;
mod plugins;
mod process;
mod protocols;
mod resilience;
mod routing;
mod secrets;
mod units;
mod upstreams;
mod warnings;

use super::{Findings, Loaded, load_text};

/// What a file needs at least; it comes last, so that it moves no line.
const LISTENER: &str = r#"
[[listeners]]
address = "127.0.0.1:8080"
"#;

/// The environment of every test.
fn environment(name: &str) -> Option<String> {
    matches!(name, "SECRET" | "DATABASE_PASSWORD").then(|| "hunter 2/".to_owned())
}

/// Loads a file, with a listener unless it speaks of listeners itself.
fn load(source: &str) -> Result<Loaded, Findings> {
    let mut text = source.trim_start_matches('\n').to_owned();
    if !text.contains("listeners") {
        text.push_str(LISTENER);
    }
    load_text("gateway.toml", &text, &environment)
}

/// Loads a file that must be good.
#[track_caller]
fn loaded(source: &str) -> Loaded {
    match load(source) {
        Ok(loaded) => loaded,
        Err(findings) => panic!("{findings}"),
    }
}

/// Compares what the user sees, but for spaces at the end of lines.
#[track_caller]
fn same(shown: &str, expected: &str) {
    let shown: Vec<&str> = shown.lines().map(str::trim_end).collect();
    assert_eq!(shown.join("\n"), expected.trim_matches('\n'));
}

/// The file is refused in these words.
#[track_caller]
fn check(source: &str, expected: &str) {
    let shown = match load(source) {
        Ok(_) => "ok".to_owned(),
        Err(findings) => findings.to_string(),
    };
    same(&shown, expected);
}

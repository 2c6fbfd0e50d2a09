//! Builds the components that the tests load: the guests and the examples.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use xtask::{Component, Profile};

fn main() -> ExitCode {
    match xtask::components(Profile::Guest, &["tests/guests", "examples/plugins"]) {
        Ok(components) => {
            name_files(&components);
            ExitCode::SUCCESS
        }
        Err(error) => {
            error.report();
            ExitCode::FAILURE
        }
    }
}

/// Writes a function for each component, such as `loops()`, that makes a plugin of it.
fn name_files(components: &[Component]) {
    let mut functions = String::new();
    for Component { name, wasm } in components {
        let function = name.replace('-', "_");
        writeln!(functions, "/// The component `{name}`.\n#[must_use]").expect("a text takes all");
        writeln!(functions, "pub fn {function}() -> Plugin {{\n    component({wasm:?})\n}}")
            .expect("a text takes all");
    }
    let out = env::var_os("OUT_DIR").expect("cargo sets it for build scripts");
    fs::write(Path::new(&out).join("guests.rs"), functions).expect("cargo makes the folder");
}

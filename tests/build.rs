//! Builds the components that the tests load: the guests and the examples.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use xtask::Component;

fn main() -> ExitCode {
    match xtask::components(&["tests/guests", "examples/plugins"]) {
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

/// Writes a constant for the file of each component, such as `LOOPS`.
fn name_files(components: &[Component]) {
    let mut constants = String::new();
    for Component { name, wasm } in components {
        let constant = name.replace('-', "_").to_uppercase();
        writeln!(constants, "/// The component `{name}`.\npub const {constant}: &str = {wasm:?};")
            .expect("a text takes all");
    }
    let out = env::var_os("OUT_DIR").expect("cargo sets it for build scripts");
    fs::write(Path::new(&out).join("guests.rs"), constants).expect("cargo makes the folder");
}

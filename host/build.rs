//! Builds the first-party plugins, so that one file is a whole gateway.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use xtask::{Component, Profile};

fn main() -> ExitCode {
    match xtask::components(Profile::Component, &["plugins"]) {
        Ok(components) => {
            embed(&components);
            ExitCode::SUCCESS
        }
        Err(error) => {
            error.report();
            ExitCode::FAILURE
        }
    }
}

/// Writes a table of the components' names and bytes, sorted by name.
fn embed(components: &[Component]) {
    let mut table = String::from("pub(crate) static EMBEDDED: &[(&str, &[u8])] = &[\n");
    for Component { name, wasm } in components {
        writeln!(table, "    ({name:?}, include_bytes!({wasm:?})),").expect("a text takes all");
    }
    table.push_str("];\n");
    let out = env::var_os("OUT_DIR").expect("cargo sets it for build scripts");
    fs::write(Path::new(&out).join("embedded.rs"), table).expect("cargo makes the folder");
}

//! Builds the guests that the benches call, and tells where they are.

use std::process::ExitCode;

/// Those that a bench calls.
const GUESTS: [&str; 7] = [
    "tests/guests/bodies",
    "tests/guests/empty",
    "tests/guests/hashes",
    "tests/guests/headers",
    "tests/guests/loops",
    "tests/guests/parts",
    "tests/guests/reads-files",
];

fn main() -> ExitCode {
    match xtask::components(xtask::Profile::Component, &GUESTS) {
        Ok(components) => {
            for xtask::Component { name, wasm } in components {
                let name = name.trim_start_matches("guest-").replace('-', "_").to_uppercase();
                println!("cargo:rustc-env=GUEST_{name}={}", wasm.display());
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            error.report();
            ExitCode::FAILURE
        }
    }
}

//! Builds the guests that the benches call, and tells where they are and which compiler is used.

use std::env;
use std::process::{Command, ExitCode};

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
    println!("cargo:rustc-env=BENCH_RUSTC={}", compiler().unwrap_or_default());
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

/// The version of rustc; cargo runs this again if it is another.
fn compiler() -> Option<String> {
    let output = Command::new(env::var_os("RUSTC")?).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split_whitespace().nth(1).map(str::to_owned)
}

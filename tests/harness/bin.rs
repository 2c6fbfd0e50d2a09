//! The `tidegate` program, where the tests find it.

use std::process::ExitCode;

fn main() -> ExitCode {
    tidegate::cli::main()
}

//! Instructions of one exchange and of one call of a plugin, compared with `counts.toml`; see
//! [`tidegate_benches::counts`]. It is run by `cargo xtask counts`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    tidegate_benches::counts::run(Path::new(env!("CARGO_TARGET_TMPDIR")))
}

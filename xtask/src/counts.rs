//! `cargo xtask counts`: instructions of the gateway's hot paths, compared with a baseline.

use std::process::{Command, Stdio};

use crate::cargo;

/// Has this workspace's crates optimised, and leaves the dependencies as the tests have them.
const CONFIG: &str = "benches/counts.config.toml";

/// What is to do with the counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Fails if a count has grown.
    Check,
    /// Makes the counts the baseline.
    Renew,
}

/// Counts, if this machine can. One that cannot is told so, and only `Renew` fails then.
pub(crate) fn run(purpose: Purpose, locked: &[&str]) -> Result<(), String> {
    if let Some(reason) = reason_to_skip() {
        return match purpose {
            Purpose::Check => {
                println!("counts: SKIPPED, {reason}");
                Ok(())
            }
            Purpose::Renew => Err(reason.to_owned()),
        };
    }
    println!("counts: compiling for the instruction counts, then counting under valgrind");
    let argument = match purpose {
        Purpose::Check => "--check",
        Purpose::Renew => "--renew",
    };
    // Of the whole workspace, for the features of the dependencies.
    let build = ["--config", CONFIG, "test", "--workspace", "--bench", "instruction_counts"];
    cargo(&[&build[..], locked, &["--", argument]].concat())
}

fn reason_to_skip() -> Option<&'static str> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Some("because the baseline is of Linux on x86-64");
    }
    let version = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    let found = version.is_ok_and(|status| status.success());
    (!found).then_some("because there is no valgrind here: `apt-get install valgrind`")
}

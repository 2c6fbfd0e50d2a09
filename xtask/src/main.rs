//! The project's commands: `cargo xtask <command>`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

mod counts;

use std::env;
use std::process::{Command, ExitCode};

const USAGE: &str = "\
usage: cargo xtask <command>

  setup             install what rustup alone does not bring: the target of the plugins
  demo [--release]  set up, build, and run a gateway with a demo upstream on loopback
  test              set up, check format and lints, run all tests, and count instructions
  counts [--renew]  count instructions with valgrind and compare them with benches/counts.toml,
                    or write them there
  ci                the same with the versions of Cargo.lock only";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[] as &[String]),
    };
    let outcome = match command {
        "setup" => setup(),
        "demo" => demo(rest),
        "test" => test(&[]),
        "counts" => counts(rest),
        "ci" => test(&["--locked"]),
        "help" | "-h" | "--help" => {
            println!("{USAGE}");
            Ok(())
        }
        unknown => {
            eprintln!("error: there is no command `{unknown}`\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn setup() -> Result<(), String> {
    let present = xtask::has_target("rustc").map_err(|error| format!("rustc: {error}"))?;
    if present {
        println!("setup: the target {} is installed", xtask::TARGET);
        return Ok(());
    }
    println!("setup: installing the target {}", xtask::TARGET);
    xtask::add_target()
}

fn demo(arguments: &[String]) -> Result<(), String> {
    setup()?;
    let (release, rest): (Vec<&str>, Vec<&str>) =
        arguments.iter().map(String::as_str).partition(|argument| *argument == "--release");
    println!("demo: building the gateway; the first time takes some minutes");
    // The features of the whole workspace, so that nothing is compiled again for the tests.
    let mut build = vec!["build", "--workspace", "--bin", "tidegate"];
    build.extend(&release);
    cargo(&build)?;
    let profile = if release.is_empty() { "debug" } else { "release" };
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| xtask::workspace().join("target"), std::path::PathBuf::from);
    let gateway = target.join(profile).join("tidegate");
    let status = Command::new(&gateway)
        .arg("demo")
        .args(rest)
        .status()
        .map_err(|error| format!("{} could not be started: {error}", gateway.display()))?;
    if status.success() { Ok(()) } else { Err("the demo ended with an error".to_owned()) }
}

fn test(locked: &[&str]) -> Result<(), String> {
    setup()?;
    println!("test: everything runs on loopback; no other service, such as Redis, is needed");
    cargo(&["fmt", "--all", "--check"])?;
    let with = |words: &[&'static str]| [words, locked].concat();
    let mut clippy = with(&["clippy", "--workspace", "--all-targets"]);
    clippy.extend(["--", "-D", "warnings"]);
    cargo(&clippy)?;
    cargo(&with(&["test", "--workspace"]))?;
    counts::run(counts::Purpose::Check, locked)
}

fn counts(arguments: &[String]) -> Result<(), String> {
    let purpose = match arguments {
        [] => counts::Purpose::Check,
        [argument] if argument == "--renew" => counts::Purpose::Renew,
        _ => return Err(format!("`counts` takes nothing but `--renew`\n\n{USAGE}")),
    };
    setup()?;
    counts::run(purpose, &[])
}

fn cargo(arguments: &[&str]) -> Result<(), String> {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(program)
        .args(arguments)
        .current_dir(xtask::workspace())
        .status()
        .map_err(|error| format!("cargo could not be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`cargo {}` failed", arguments.join(" "))) }
}

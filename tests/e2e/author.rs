//! The tools of those who write plugins, as programs.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tidegate_tests::guest;
use tidegate_tests::process::{self, Ended};

use super::TIDEGATE;

/// For a cargo that compiles the SDK, on a machine that is busy with something else.
const CARGO_PATIENCE: Duration = Duration::from_mins(20);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the workspace").to_owned()
}

async fn plugin(arguments: &[&str], folder: &Path) -> Ended {
    let arguments: Vec<&str> = ["plugin"].iter().chain(arguments).copied().collect();
    process::run(TIDEGATE, &arguments, folder).await
}

/// Runs something that may compile for long, with a target folder that later runs find again.
async fn slowly(program: &str, arguments: &[&str], folder: &Path) -> Ended {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    command.env("CARGO_TARGET_DIR", root().join("target/authoring"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO_") && name != "CARGO_HOME" && name != "CARGO_TARGET_DIR" {
            command.env_remove(name);
        }
    }
    let output = tokio::time::timeout(CARGO_PATIENCE, command.output()).await.unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[tokio::test]
async fn the_fixtures_of_the_first_party_plugins_hold() {
    for name in ["access-log", "headers", "jwt", "rate-limit"] {
        let fixtures = root().join("plugins").join(name).join("fixtures");
        for entry in std::fs::read_dir(&fixtures).unwrap() {
            let file = entry.unwrap().path().display().to_string();
            let ended = plugin(&["test", name, &file], &root()).await;
            assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
            assert!(ended.stdout.contains("  ok     "), "{}", ended.stdout);
            assert!(ended.stdout.contains(" passed, 0 failed\n"), "{}", ended.stdout);
        }
    }
}

#[tokio::test]
async fn a_failed_case_gives_1_and_a_bad_fixture_is_shown_where_it_is_bad() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(folder.path().join("a.toml"), text).unwrap();
    write("[[case]]\nname = \"a\"\nexpect = { status = 404 }\n");
    let component = guest::empty().component().to_owned();
    let ended = plugin(&["test", &component, "a.toml", "--json"], folder.path()).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let json: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&json["passed"], &json["failed"]), (&0.into(), &1.into()));
    let finding = &json["files"][0]["cases"][0]["findings"][0];
    assert_eq!(finding["message"], "case `a`: the status is 200, not 404");
    assert_eq!((&finding["line"], &finding["column"]), (&3.into(), &21.into()));

    write("[[case]]\nname = \"a\"\nexpect = { statuss = 404 }\n");
    let ended = plugin(&["test", &component, "a.toml"], folder.path()).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("a.toml:3:12"), "{}", ended.stderr);
    assert!(ended.stderr.contains("did you mean `status`?"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_trap_is_shown_with_file_and_line_of_the_guest() {
    let source = std::fs::read_to_string(root().join("tests/guests/lines/src/lib.rs")).unwrap();
    let line = 1 + source.lines().position(|line| line.contains("// here")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let fixture =
        "[[case]]\nname = \"a\"\nrequest = { url = \"/panic\" }\nexpect = { status = 500 }\n";
    std::fs::write(folder.path().join("a.toml"), fixture).unwrap();
    let component = guest::lines().component().to_owned();
    let ended = plugin(&["test", &component, "a.toml"], folder.path()).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let place = format!("lines/src/lib.rs:{line}");
    assert!(ended.stdout.contains(&place), "{place}: {}", ended.stdout);
    assert!(ended.stdout.contains("write `expect = { fault = \"trap\" }`"), "{}", ended.stdout);
    let inspected = plugin(&["inspect", &component], folder.path()).await;
    assert!(inspected.stdout.contains("backtrace  with files and lines\n"), "{inspected:?}");
}

#[tokio::test]
async fn a_new_crate_passes_its_tests_lints_and_fixtures() {
    let folder = tempfile::tempdir().unwrap();
    let ended = plugin(&["new", "api-key", "--lang", "rust"], folder.path()).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let crate_folder = folder.path().join("api-key");
    let again = plugin(&["new", "api-key"], folder.path()).await;
    assert_eq!(again.code, Some(2), "{again:?}");

    // The lints of this workspace, and the versions that it has at hand.
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, lints) = manifest.split_once("[workspace.lints.rust]").unwrap();
    let (lints, _) = lints.split_once("\n[profile").unwrap();
    let lints = format!("\n[lints.rust]{}", lints.replace("[workspace.lints.", "[lints."));
    let own = crate_folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&own).unwrap() + &lints;
    std::fs::write(&own, text).unwrap();
    std::fs::copy(root().join("Cargo.lock"), crate_folder.join("Cargo.lock")).unwrap();
    std::fs::copy(root().join(".clippy.toml"), crate_folder.join(".clippy.toml")).unwrap();

    for arguments in [&["test"][..], &["clippy", "--all-targets", "--", "-D", "warnings"]] {
        let ended = slowly("cargo", arguments, &crate_folder).await;
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.stderr);
    }
    let built = slowly(TIDEGATE, &["plugin", "build"], &crate_folder).await;
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    assert!(built.stdout.contains("exports lifecycle, request-phase"), "{}", built.stdout);
    assert!(crate_folder.join("api-key.wasm").is_file());
    let tried = slowly(TIDEGATE, &["plugin", "test"], &crate_folder).await;
    assert_eq!(tried.code, Some(0), "{}{}", tried.stdout, tried.stderr);
    assert!(tried.stdout.ends_with("\n2 passed, 0 failed\n"), "{}", tried.stdout);
    let benched = ["plugin", "bench", "--request", "fixtures/basic.toml", "--seconds", "1"];
    let benched = slowly(TIDEGATE, &benched, &crate_folder).await;
    assert_eq!(benched.code, Some(0), "{}", benched.stderr);
    assert!(benched.stdout.contains("\nrequest, pooled "), "{}", benched.stdout);
}

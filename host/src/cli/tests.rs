use std::fs;

use tempfile::TempDir;

use super::*;

const GOOD: &str = r#"
admin = false

[[listeners]]
address = "127.0.0.1:8080"

[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]

[[routes]]
name = "users"
match = { path = "/users" }
upstream = "users"
"#;

struct Ended {
    code: u8,
    out: String,
    err: String,
}

fn folder(text: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("gateway.toml"), text).expect("written");
    folder
}

/// Runs a command; `FILE` stands for gateway.toml of the folder.
fn ended(folder: &TempDir, arguments: &[&str]) -> Ended {
    let file = folder.path().join("gateway.toml").display().to_string();
    let replaced = arguments.iter().map(|argument| argument.replace("FILE", &file));
    let arguments: Vec<String> = ["tidegate".to_owned()].into_iter().chain(replaced).collect();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = run(arguments, &mut out, &mut err);
    let text = |bytes| String::from_utf8(bytes).expect("a text").replace(&file, "gateway.toml");
    Ended { code, out: text(out), err: text(err) }
}

#[test]
fn a_good_file_is_counted_and_gives_0() {
    let ended = ended(&folder(GOOD), &["check", "FILE"]);
    assert_eq!(ended.out, "gateway.toml: ok (1 route, 0 plugins, 1 upstream)\n");
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
}

#[test]
fn a_mistake_is_shown_on_standard_error_and_gives_1() {
    let text = GOOD.replace("upstream = \"users\"", "upstream = \"uesrs\"");
    let ended = ended(&folder(&text), &["check", "FILE"]);
    assert!(ended.err.contains("= hint: did you mean `users`?"), "{}", ended.err);
    assert!(ended.err.ends_with("\n1 error in gateway.toml\n"), "{}", ended.err);
    assert_eq!((ended.code, ended.out.as_str()), (1, ""));
}

#[test]
fn a_file_that_is_missing_gives_1_and_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = ended(&folder, &["check", "FILE"]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("gateway.toml"), "{}", ended.err);
    assert!(ended.err.contains("No such file or directory"), "{}", ended.err);
}

#[test]
fn an_output_that_cannot_be_opened_is_found_by_a_check_that_makes_no_files() {
    let text = format!("{GOOD}\n[outputs.access]\nfile = \"logs/access.log\"\n");
    let folder = folder(&text);
    assert_eq!(ended(&folder, &["check", "FILE"]).code, 0);
    assert!(!folder.path().join("logs").exists());
    fs::write(folder.path().join("logs"), "").expect("written");
    let ended = ended(&folder, &["check", "FILE"]);
    assert!(ended.err.contains("the output `access` cannot be opened"), "{}", ended.err);
    assert_eq!(ended.code, 1);
}

#[test]
fn a_command_line_that_is_not_understood_gives_2() {
    let folder = folder(GOOD);
    for arguments in [
        &["chekc", "FILE"][..],
        &["check", "FILE", "--strict"],
        &["explain", "FILE"],
        &["explain", "FILE", "GET", "api.example.com"],
        &["explain", "FILE", "/users", "-H", "no colon"],
        &["explain", "FILE", "/users", "--client-ip", "localhost"],
        &[],
    ] {
        let ended = ended(&folder, arguments);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{arguments:?}");
        assert!(!ended.err.is_empty(), "{arguments:?}");
    }
}

#[test]
fn help_and_version_are_no_mistakes() {
    let folder = folder(GOOD);
    let version = ended(&folder, &["--version"]);
    assert_eq!(version.out, format!("tidegate {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(version.code, 0);
    assert_eq!(ended(&folder, &["run", "--help"]).code, 0);
}

#[test]
fn explain_gives_0_for_a_route_and_1_for_none() {
    let folder = folder(GOOD);
    let found = ended(&folder, &["explain", "FILE", "http://a.example/users/1"]);
    assert_eq!((found.code, found.err.as_str()), (0, ""));
    assert!(found.out.contains("\nroute      users\n"), "{}", found.out);
    let none = ended(&folder, &["explain", "FILE", "POST", "/orders", "-H", "x-a: b"]);
    assert_eq!((none.code, none.err.as_str()), (1, ""));
    assert!(none.out.ends_with("\nno route matches\n"), "{}", none.out);
}

#[test]
fn the_unit_for_systemd_starts_what_there_is() {
    let page = include_str!("../../../docs/operations.md");
    let starts: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("ExecStart=")).collect();
    let [start] = starts.as_slice() else { panic!("{starts:?}") };
    let cli = Cli::try_parse_from(start.split_whitespace()).expect("a command line");
    let Command::Run(run) = cli.command else { panic!("{start}") };
    assert_eq!(run.file, Path::new("/etc/tidegate/gateway.toml"));
    assert!(matches!(run.log.format, Some(Format::Json)));
}

#[test]
fn every_signal_is_in_both_tables() {
    let pages = [include_str!("../../../docs/operations.md"), include_str!("../../../docs/cli.md")];
    for page in pages {
        for signal in ["SIGHUP", "SIGUSR2", "SIGTERM, SIGINT"] {
            assert!(page.contains(&format!("\n| {signal} | ")), "{signal}");
        }
    }
}

//! The program as people call it.

use tidegate_tests::{gateway, guest, process};

use crate::TIDEGATE;

#[tokio::test]
async fn exit_codes_tell_a_bad_configuration_from_a_bad_command_line() {
    let (folder, _file) =
        gateway::Builder::default().route_with("/a", [guest::empty()], "respond = {}").write();
    let run = async |arguments: &[&str]| process::run(TIDEGATE, arguments, folder.path()).await;

    let good = run(&["check", "gateway.toml"]).await;
    assert_eq!(good.code, Some(0), "{good:?}");
    assert!(good.stdout.contains("1 route") && good.stdout.contains("1 plugin"), "{good:?}");
    assert_eq!(run(&["check", "missing.toml"]).await.code, Some(1));
    assert_eq!(run(&["chekc"]).await.code, Some(2));
    assert_eq!(run(&["explain", "gateway.toml", "GET", "http://a/a"]).await.code, Some(0));
    assert_eq!(run(&["explain", "gateway.toml", "GET", "http://a/b"]).await.code, Some(1));
    assert_eq!(
        run(&["explain", "gateway.toml", "GET", "http://a/a", "-H", "x"]).await.code,
        Some(2)
    );
    assert_eq!(run(&["--version"]).await.code, Some(0));
}

#[tokio::test]
async fn explain_shows_route_rewrite_pipeline_and_upstream() {
    let builder = gateway::at(&["http://127.0.0.1:9"]).route_with(
        "/users",
        [guest::empty(), guest::headers()],
        "upstream = \"origin\"\nrewrite = { strip_prefix = true }",
    );
    let (folder, _file) = builder.write();
    let explained = process::run(
        TIDEGATE,
        &["explain", "gateway.toml", "GET", "https://host/users/1"],
        folder.path(),
    )
    .await;
    assert_eq!(explained.code, Some(0), "{explained:?}");
    for part in ["users", "/1", "empty", "headers", "origin"] {
        assert!(explained.stdout.contains(part), "{part}: {}", explained.stdout);
    }
    let (empty, headers) = (explained.stdout.find("empty"), explained.stdout.find("headers"));
    assert!(empty < headers, "{}", explained.stdout);
}

#[tokio::test]
async fn check_says_what_is_wrong_and_where_without_showing_secrets() {
    let (folder, _file) = gateway::Builder::default()
        .only("[[listeners]]\naddress = \"127.0.0.1:0\"\n\n[limits]\nconections = 5\n")
        .write();
    let ended = process::run(TIDEGATE, &["check", "gateway.toml"], folder.path()).await;
    assert_eq!(ended.code, Some(1));
    for part in ["gateway.toml:5:1", "conections", "^^^^^^^^^^", "did you mean `connections`?"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
}

//! Back to the version of a plugin that served before.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::fs;

use tidegate_tests::gateway::{Builder, Gateway};
use tidegate_tests::guest::{self, Plugin};
use tidegate_tests::process::{self, Ended};
use tidegate_tests::{client, gateway, origin, soon};

use crate::TIDEGATE;

fn bytes_of(plugin: &Plugin) -> Vec<u8> {
    fs::read(plugin.component()).unwrap()
}

/// A gateway with a cache of its own, whose plugin is version 1.
fn running(upstream: Builder) -> Builder {
    upstream
        .setting("cache_dir = \"cache\"")
        .file("plugins/policy.wasm", bytes_of(&guest::keeps()))
        .route("/", [guest::component("policy")])
}

async fn rollback(file: &Path, arguments: &[&str]) -> Ended {
    let file = file.to_str().unwrap();
    let arguments: Vec<&str> =
        ["plugin", "rollback", "policy", file].iter().chain(arguments).copied().collect();
    process::run(TIDEGATE, &arguments, Path::new("/")).await
}

fn kept(gateway: &Gateway) -> Vec<PathBuf> {
    let folders = fs::read_dir(gateway.path("cache/versions")).unwrap();
    let folder = folders.map(|folder| folder.unwrap().path()).next().unwrap();
    fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect()
}

#[tokio::test]
async fn a_rollback_serves_the_version_before_and_loses_no_request() {
    let origin = origin::replying("ok").await;
    let gateway = running(gateway::before(&origin)).start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, address) = (Arc::clone(&stop), gateway.address());
    let load = tokio::spawn(async move {
        let mut client = client::http1(address).await;
        let mut statuses = Vec::new();
        while !stopped.load(Ordering::Relaxed) {
            statuses.push(client.get("/").await.status());
        }
        statuses
    });
    assert_eq!(gateway.get("/").await.header("x-calls"), Some("1"), "version 1");

    fs::write(gateway.path("plugins/next"), bytes_of(&guest::empty())).unwrap();
    fs::rename(gateway.path("plugins/next"), gateway.path("plugins/policy.wasm")).unwrap();
    gateway.serves(2).await;
    assert_eq!(gateway.get("/").await.header("x-calls"), None, "version 2");
    assert_eq!(kept(&gateway).len(), 2);

    let ended = rollback(gateway.file(), &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    gateway.serves(3).await;
    assert_eq!(gateway.get("/").await.header("x-calls"), Some("1"), "version 1 again");

    // As the command said.
    let undo = ended.stdout.lines().find_map(|line| line.strip_prefix("to undo this: ")).unwrap();
    let digest = undo.rsplit(' ').next().unwrap();
    assert_eq!(rollback(gateway.file(), &["--to", digest]).await.code, Some(0));
    gateway.serves(4).await;
    assert_eq!(gateway.get("/").await.header("x-calls"), None, "version 2 again");

    stop.store(true, Ordering::Relaxed);
    let statuses = soon(load).await.unwrap();
    assert!(statuses.len() > 1);
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
}

#[tokio::test]
async fn a_version_that_cannot_be_loaded_is_replaced_without_a_running_gateway() {
    let origin = origin::replying("ok").await;
    let gateway = running(gateway::before(&origin)).start().await;
    let file = gateway.file().to_owned();
    let policy = gateway.path("plugins/policy.wasm");

    fs::write(&policy, "no component").unwrap();
    soon(gateway.running().wait_for_refused(1)).await;
    let list = rollback(&file, &["--list"]).await.stdout;
    assert_eq!(list.lines().count(), 2, "what never served is not kept: {list}");
    assert!(!list.contains("in place"), "{list}");

    let ended = rollback(&file, &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(fs::read(&policy).unwrap(), bytes_of(&guest::keeps()));
    assert_eq!(
        fs::read_to_string(gateway.path("plugins/policy.wasm.replaced")).unwrap(),
        "no component"
    );
    assert!(rollback(&file, &["--list"]).await.stdout.contains("(in place)"));

    let again = rollback(&file, &[]).await;
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.starts_with("error: no other version of plugin `policy` is kept\n"));
    drop(gateway);
}

#[tokio::test]
async fn what_cannot_be_rolled_back_says_why() {
    let refused = async |builder: Builder, name: &str, expected: &str| {
        let (folder, _file) = builder.write();
        let ended = process::run(TIDEGATE, &["plugin", "rollback", name], folder.path()).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.starts_with(expected), "{}", ended.stderr);
        assert!(ended.stderr.contains("\n  = hint: "), "{}", ended.stderr);
    };
    let jwt = || guest::component("jwt").named("auth");
    let embedded = || Builder::default().plugin(jwt()).route_with("/", [], "respond = {}");
    refused(embedded(), "auth", "error: plugin `auth` runs `jwt`, which is part of the gateway")
        .await;
    refused(embedded(), "auht", "error: there is no plugin `auht`").await;
    let file = || Builder::default().route_with("/", [guest::empty()], "respond = {}");
    refused(
        file().setting("cache_dir = false"),
        "empty",
        "error: no versions of plugin `empty` are kept, because there is no `cache_dir`",
    )
    .await;
    refused(
        file().setting("cache_dir = \"cache\""),
        "empty",
        "error: no other version of plugin `empty` is kept",
    )
    .await;
}

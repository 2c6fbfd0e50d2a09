//! The capability `secret`.

use std::fs;

use tidegate_tests::guest::{self, Plugin};
use tidegate_tests::{client, gateway, origin};

use crate::TIDEGATE;

const SECRETS: &str = r#"
[secrets.filed]
file = "keys/filed"

[secrets.fetched]
command = ["cat", "keys/fetched"]
"#;

fn confides(names: &str) -> Plugin {
    guest::confides().key(&format!("grants = {{ secret = {names}, output = true }}"))
}

async fn asked(address: std::net::SocketAddr, path: &str, secret: &str) -> client::Reply {
    let request = client::request("GET", path, &[("x-secret", secret)], "");
    client::http1(address).await.send(request).await
}

#[tokio::test]
async fn a_plugin_reads_the_secrets_that_it_was_granted() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin)
        .file("keys/filed", "hunter2\n")
        .file("keys/fetched", "fetched\n")
        .toml(SECRETS)
        .route("/", [confides("[\"fetched\"]")])
        .route("/filed", [confides("[\"filed\", \"fetched\"]").named("filed")])
        .start()
        .await;

    let told = async |path: &str, secret: &str| {
        let reply = asked(gateway.address(), path, secret).await;
        (reply.status(), reply.text().to_owned())
    };
    assert_eq!(told("/", "fetched").await, (200, "fetched".to_owned()));
    assert_eq!(told("/", "filed").await, (404, String::new()), "it is not granted");
    assert_eq!(told("/filed", "filed").await, (200, "hunter2".to_owned()));
    let status = gateway.admin("/status").await;
    assert!(status.text().contains("\"secret\":[\"fetched\",\"filed\"]"), "{}", status.text());
    assert!(!status.text().contains("hunter2"));

    fs::write(gateway.path("keys/filed"), "changed").unwrap();
    gateway.serves(2).await;
    assert_eq!(told("/filed", "filed").await, (200, "changed".to_owned()));
}

#[tokio::test]
async fn nothing_that_a_plugin_says_shows_a_secret() {
    let origin = origin::replying("ok").await;
    let mut process = gateway::before(&origin)
        .file("keys/filed", "hunter2")
        .file("keys/fetched", "fetched")
        .toml(SECRETS)
        .output("lines")
        .route("/", [confides("[\"filed\"]")])
        .spawn(TIDEGATE)
        .await;
    let address = process.address();

    assert_eq!(asked(address, "/log", "filed").await.status(), 200);
    process.logs("logged [redacted].").await;
    assert_eq!(asked(address, "/print", "filed").await.status(), 200);
    process.logs("printed [redacted].").await;
    assert_eq!(asked(address, "/panic", "filed").await.status(), 500);
    let event = process.logs("plugin trapped").await;
    assert!(!event.to_string().contains("hunter2"), "{event}");
    assert_eq!(asked(address, "/output", "filed").await.status(), 200);
    let lines = process.folder().join("lines");
    let text = tidegate_tests::until(async || {
        fs::read_to_string(&lines).ok().filter(|text| text.ends_with('\n'))
    });
    assert_eq!(text.await, "wrote [redacted] and [redacted].\n");
}

#[tokio::test]
async fn no_secret_is_read_while_a_plugin_is_configured() {
    let origin = origin::replying("ok").await;
    let findings = gateway::before(&origin)
        .file("keys/filed", "hunter2")
        .file("keys/fetched", "fetched")
        .toml(SECRETS)
        .route("/", [confides("[\"filed\"]").config("{ early = true }")])
        .refusal()
        .await;
    assert!(findings.contains("`secret.get` was called outside a request"), "{findings}");
}

#[tokio::test]
async fn a_secret_that_cannot_be_had_refuses_the_configuration() {
    let origin = origin::replying("ok").await;
    let findings = gateway::before(&origin)
        .file("keys/fetched", "fetched")
        .toml(SECRETS)
        .route("/", [confides("[\"filed\"]")])
        .refusal()
        .await;
    let expected = "the secret `filed` cannot be had: No such file or directory";
    assert!(findings.contains(expected), "{findings}");
}

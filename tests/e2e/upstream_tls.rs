//! Endpoints that speak TLS.

use std::path::Path;

use serde_json::Value;
use tidegate_tests::gateway::{self, Builder};
use tidegate_tests::origin::{self, Origin};
use tidegate_tests::{client, guest};

use crate::TIDEGATE;

fn before(origin: &Origin, tls: &str) -> Builder {
    let url = origin.url().replace("http://", "https://");
    gateway::at(&[&url]).upstream(tls).route("/", [])
}

async fn error(gateway: &gateway::Gateway) -> (u16, String) {
    let reply = gateway.get("/").await;
    (reply.status(), reply.json()["error"].as_str().unwrap_or_default().to_owned())
}

fn failed(token: &str) -> (u16, String) {
    (502, token.to_owned())
}

#[tokio::test]
async fn an_endpoint_is_asked_over_tls_and_its_connection_is_used_again() {
    let (origin, ca) = origin::encrypted(&["127.0.0.1"], "secret").await;
    let gateway = before(&origin, "tls = { ca = \"ca.pem\" }").file("ca.pem", ca).start().await;

    let mut client = gateway.http1().await;
    for _ in 0..3 {
        assert_eq!(client.get("/").await.text(), "secret");
    }
    assert_eq!(origin.counts().connections, 1);
    assert_eq!(origin.last().value("host"), Some(gateway.address().to_string()));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_trusted_unless_that_name_is_expected() {
    let (origin, ca) = origin::encrypted(&["users.internal"], "ok").await;
    let gateway = before(&origin, "tls = { ca = \"ca.pem\" }").file("ca.pem", ca).start().await;
    assert_eq!(error(&gateway).await, failed("tls_certificate_error"));
    assert_eq!(origin.counts().heads, 0);

    gateway
        .change(|text| {
            text.replace("\"ca.pem\" }", "\"ca.pem\", server_name = \"users.internal\" }")
        })
        .await;
    assert_eq!(gateway.get("/").await.text(), "ok");
}

#[tokio::test]
async fn connections_are_not_shared_with_those_who_trust_somebody_else() {
    let (origin, ca) = origin::encrypted(&["127.0.0.1"], "ok").await;
    let (_other, other_ca) = origin::encrypted(&["127.0.0.1"], "").await;
    let url = origin.url().replace("http://", "https://");
    let gateway = before(&origin, "tls = { ca = \"ca.pem\" }")
        .setting("workers = 1")
        .file("ca.pem", ca)
        .file("other.pem", other_ca)
        .toml(&format!("[upstreams.wary]\nendpoints = [{url:?}]\ntls = {{ ca = \"other.pem\" }}\n"))
        .route_with("/wary", [], "upstream = \"wary\"")
        .start()
        .await;

    assert_eq!(gateway.get("/").await.text(), "ok");
    let reply = gateway.get("/wary").await;
    assert_eq!(
        (reply.status(), &reply.json()["error"]),
        (502, &Value::from("tls_certificate_error"))
    );
    assert_eq!(gateway.get("/").await.text(), "ok");
}

#[tokio::test]
async fn an_endpoint_that_speaks_plainly_breaks_the_protocol() {
    let (_other, ca) = origin::encrypted(&["127.0.0.1"], "").await;
    let plain = origin::scripted(|mut connection| async move {
        connection.write("HTTP/1.1 400 Bad Request\r\n\r\n").await;
        connection.closed().await;
    })
    .await;
    let gateway = before(&plain, "tls = { ca = \"ca.pem\" }").file("ca.pem", ca).start().await;
    assert_eq!(error(&gateway).await, failed("tls_protocol_error"));
}

#[tokio::test]
async fn authorities_that_cannot_be_read_are_found_before_the_start() {
    let (origin, _) = origin::encrypted(&["127.0.0.1"], "").await;
    let empty = before(&origin, "tls = { ca = \"ca.pem\" }").file("ca.pem", "");
    let finding = empty.refusal().await;
    assert!(finding.contains("upstream `origin` cannot be trusted: "), "{finding}");
    assert!(finding.contains("no certificate in this file"), "{finding}");
    let missing = before(&origin, "tls = { ca = \"missing.pem\" }").refusal().await;
    assert!(missing.contains("No such file"), "{missing}");
}

#[tokio::test]
async fn a_plugin_trusts_https_origins_by_the_authorities_of_the_system() {
    let (good, ca) = origin::encrypted(&["127.0.0.1"], "good").await;
    let (bad, _) = origin::encrypted(&["127.0.0.1"], "bad").await;
    let urls = [&good, &bad].map(|origin| origin.url().replace("http://", "https://"));
    let hosts: Vec<&str> = urls.iter().map(String::as_str).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("system.pem");
    std::fs::write(&file, ca).unwrap();
    let variables: [(&str, &Path); 2] = [("SSL_CERT_FILE", &file), ("SSL_CERT_DIR", folder.path())];
    let process = gateway::before(&good)
        .route("/", [guest::fans_out().sends(&[], &hosts, "")])
        .spawn_in(TIDEGATE, &[], &variables)
        .await;

    let mut got = Vec::new();
    for url in &urls {
        let request = client::request("GET", "/send", &[("x-to", url)], "");
        got.push(client::http1(process.address()).await.send(request).await.json());
    }
    assert_eq!(got[0]["body"], "good");
    assert_eq!(got[1]["error"], "tls: the upstream's certificate is not to be trusted");
}

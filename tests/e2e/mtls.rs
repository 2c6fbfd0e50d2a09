//! Certificates of clients, and of the gateway as a client of its upstreams.

use serde_json::json;
use tidegate_tests::gateway::{self, Builder};
use tidegate_tests::origin::{self, Origin};
use tidegate_tests::tls::{Authority, Dialer, Issued, authority};
use tidegate_tests::{client, guest, soon, until};
use tokio::io::AsyncReadExt;

const ALICE: &str = "spiffe://example/alice";

/// A gateway whose listener asks clients for certificates of `clients`.
fn asking(origin: &Origin, server: &Authority, clients: &Authority, auth: &str) -> Builder {
    let own = server.issue(&["a.example"]);
    let tls = format!(
        "{{ certificate = \"a.pem\", key = \"a.key\", client_auth = {{ ca = \"ca.pem\"{auth} }} }}"
    );
    gateway::before(origin)
        .file("a.pem", &own.pem)
        .file("a.key", &own.key)
        .file("ca.pem", clients.pem())
        .toml(&format!("[[listeners]]\naddress = \"127.0.0.1:0\"\ntls = {tls}"))
        .route("/", [])
        .route("/facts", [guest::capabilities().grants("counter crypto kv metrics output")])
}

fn fingerprint(issued: &Issued) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, issued.der());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the gateway ends a connection on which the handshake seemed to be good: in TLS 1.3 a
/// client learns afterwards that its certificate was refused.
async fn is_refused(gateway: &gateway::Gateway, dialer: &Dialer) -> bool {
    match dialer.try_connect(gateway.address(), "a.example").await {
        Err(_) => true,
        Ok(mut stream) => {
            let mut byte = [0];
            !matches!(soon(stream.read(&mut byte)).await, Ok(1))
        }
    }
}

#[tokio::test]
async fn a_client_without_a_good_certificate_is_refused_where_one_is_required() {
    let (server, clients, strangers) = (authority("server"), authority("ca"), authority("other"));
    let origin = origin::replying("ok").await;
    let gateway = asking(&origin, &server, &clients, "").start().await;
    let alice = clients.issue_to("alice", ALICE);
    let mut client = server.dialer().showing(&alice).http1(gateway.address(), "a.example").await;
    assert_eq!(client.get("/").await.text(), "ok");

    assert!(is_refused(&gateway, &server.dialer()).await, "none at all");
    let stranger = strangers.issue_to("alice", ALICE);
    assert!(is_refused(&gateway, &server.dialer().showing(&stranger)).await, "of a stranger");
    let over = clients.issue_expired(&["alice"]);
    assert!(is_refused(&gateway, &server.dialer().showing(&over)).await, "over");
    assert_eq!(origin.counts().heads, 1);
    let failed = "tidegate_tls_handshakes_total{listener=\"127.0.0.1:0\",outcome=\"failed\"}";
    until(async || (gateway.metric(failed).await >= 3.0).then_some(())).await;
}

#[tokio::test]
async fn plugins_and_upstreams_are_told_who_the_client_is_by_nobody_but_the_gateway() {
    let (server, clients) = (authority("server"), authority("ca"));
    let origin = origin::replying("ok").await;
    let auth = ", mode = \"optional\", forward = true";
    let gateway = asking(&origin, &server, &clients, auth)
        // Not even a trusted proxy is believed in this.
        .setting("trusted_proxies = [\"127.0.0.0/8\"]")
        .start()
        .await;
    let alice = clients.issue_to("alice", ALICE);
    let forged = [("x-forwarded-client-cert", "Hash=00;Subject=\"CN=root\"")];
    let asked = || client::request("GET", "/", &forged, "");

    let dialer = server.dialer().showing(&alice).resuming();
    for _ in 0..2 {
        // The second time the session is resumed, and the client is still known.
        let mut known = dialer.http1(gateway.address(), "a.example").await;
        assert_eq!(known.send(asked()).await.status(), 200);
        let expected = format!("Hash={};Subject=\"CN=alice\";URI={ALICE}", fingerprint(&alice));
        assert_eq!(origin.last().values("x-forwarded-client-cert"), [expected.into_bytes()]);
        let facts = known.get("/facts/exchange").await.json();
        let shown = json!([fingerprint(&alice), "CN=alice", [format!("uri {ALICE}")]]);
        assert_eq!(facts["client_certificate"], shown);
    }

    let mut unknown = server.dialer().http1(gateway.address(), "a.example").await;
    assert_eq!(unknown.send(asked()).await.status(), 200);
    assert_eq!(origin.last().value("x-forwarded-client-cert"), None);
    assert_eq!(unknown.get("/facts/exchange").await.json()["client_certificate"], json!(null));
}

#[tokio::test]
async fn sessions_end_with_the_authority_that_vouched_for_them() {
    let (server, old, new) = (authority("server"), authority("old"), authority("new"));
    let origin = origin::replying("ok").await;
    let gateway = asking(&origin, &server, &old, "").start().await;
    let dialer = server.dialer().showing(&old.issue_to("alice", ALICE)).resuming();
    let mut client = dialer.http1(gateway.address(), "a.example").await;
    assert_eq!(client.get("/").await.status(), 200);

    std::fs::write(gateway.path("ca.pem"), new.pem()).unwrap();
    soon(gateway.running().reload()).await.unwrap();
    assert!(is_refused(&gateway, &dialer).await);
}

#[tokio::test]
async fn a_plain_listener_passes_on_no_certificate_either() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).route("/", []).start().await;
    gateway.get_with("/", &[("x-forwarded-client-cert", "Hash=00")]).await;
    assert_eq!(origin.last().value("x-forwarded-client-cert"), None);
}

#[tokio::test]
async fn an_endpoint_that_asks_is_shown_the_gateways_certificate_also_after_a_change() {
    let (server, gateways) = (authority("server"), authority("ca"));
    let origin = origin::asking(&server.issue(&["127.0.0.1"]), &gateways.pem(), "ok").await;
    let url = origin.url().replace("http://", "https://");
    let (first, second) = (gateways.issue_to("edge-1", ALICE), gateways.issue_to("edge-2", ALICE));
    let gateway = gateway::at(&[&url])
        .upstream("tls = { ca = \"ca.pem\", certificate = \"own.pem\", key = \"own.key\" }")
        .file("ca.pem", server.pem())
        .file("own.pem", &first.pem)
        .file("own.key", &first.key)
        .setting("workers = 1")
        .route("/", [])
        .start()
        .await;
    assert_eq!(gateway.get("/").await.text(), "ok");
    assert_eq!(gateway.get("/").await.text(), "ok");
    assert_eq!(origin.counts().connections, 1);

    // Connections of the old certificate are not used for the new one.
    std::fs::write(gateway.path("own.key"), &second.key).unwrap();
    std::fs::write(gateway.path("own.pem"), &second.pem).unwrap();
    soon(gateway.running().reload()).await.unwrap();
    assert_eq!(gateway.get("/").await.text(), "ok");
    assert_eq!(origin.counts().connections, 2);

    gateway.change(|text| text.replace(", certificate = \"own.pem\", key = \"own.key\"", "")).await;
    assert_eq!(gateway.get("/").await.status(), 502);
}

#[tokio::test]
async fn files_of_the_gateways_own_certificate_are_looked_at_before_the_start() {
    let origin = origin::replying("ok").await;
    let url = origin.url().replace("http://", "https://");
    let (server, gateways) = (authority("server"), authority("ca"));
    let (own, other) = (gateways.issue_to("a", ALICE), gateways.issue_to("b", ALICE));
    let refusal = gateway::at(&[&url])
        .upstream("tls = { ca = \"ca.pem\", certificate = \"own.pem\", key = \"own.key\" }")
        .file("ca.pem", server.pem())
        .file("own.pem", &own.pem)
        .file("own.key", &other.key)
        .route("/", [])
        .refusal()
        .await;
    let expected = "upstream `origin` cannot be told who the gateway is: ";
    assert!(refusal.contains(expected), "{refusal}");
    assert!(refusal.contains("own.key`: keys may not be consistent"), "{refusal}");
}

//! Certificates by ACME, from an authority that really looks for the proofs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use tidegate::acme::storage::Storage;
use tidegate::config::{Acme, AcmeChallenge};
use tidegate_tests::acme::{self, Server};
use tidegate_tests::gateway::{self, Builder, Gateway};
use tidegate_tests::tls::Issued;
use tidegate_tests::until;

/// A plain listener that sends clients to HTTPS, and one of TLS that gets its certificate by ACME.
fn getting(domains: &[&str], directory: &str, challenge: &str) -> Builder {
    gateway::alone()
        .toml(&format!(
            "[[listeners]]\naddress = \"127.0.0.1:0\"\nredirect_https = true\n\n\
             [[listeners]]\naddress = \"127.0.0.1:0\"\n[listeners.tls.acme]\n\
             domains = {domains:?}\ndirectory = {directory:?}\nca = \"acme-ca.pem\"\n\
             contact = [\"mailto:ops@example.com\"]\nchallenge = {challenge:?}\nstorage = \"acme\""
        ))
        .route_with("/", [], "respond = { body = \"ok\" }")
}

async fn start(server: &Server, domains: &[&str], challenge: &str) -> Gateway {
    let builder = getting(domains, &server.directory(), challenge);
    let gateway = builder.file("acme-ca.pem", server.ca()).start().await;
    let [http, tls] = gateway.addresses() else { panic!("two listeners") };
    server.lead(*tls, *http);
    gateway
}

/// Waits until a client that trusts the authority is served.
async fn served(gateway: &Gateway, server: &Server, domain: &str) {
    let (dialer, address) = (server.dialer(), gateway.addresses()[1]);
    until(async || dialer.try_connect(address, domain).await.ok().map(drop)).await;
    let mut client = dialer.http1(address, domain).await;
    assert_eq!(client.get("/").await.text(), "ok");
}

#[tokio::test]
async fn a_certificate_is_got_by_a_handshake_and_kept_for_the_gateways_eyes_only() {
    let server = acme::server().await;
    let gateway = start(&server, &["a.example", "b.example"], "tls-alpn-01").await;
    served(&gateway, &server, "a.example").await;
    served(&gateway, &server, "b.example").await;
    assert_eq!(server.counts(), (1, 1));
    gateway.metric_becomes("tidegate_acme_orders_total{outcome=\"issued\"}", 1.0).await;

    let files: Vec<PathBuf> =
        fs::read_dir(gateway.path("acme")).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    for file in files {
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[tokio::test]
async fn a_certificate_is_got_by_a_response_in_the_clear_on_a_listener_that_redirects() {
    let server = acme::server().await;
    let gateway = start(&server, &["a.example"], "http-01").await;
    served(&gateway, &server, "a.example").await;
    assert_eq!(gateway.get("/").await.status(), 301);
    assert_eq!(gateway.get("/.well-known/acme-challenge/token_0-0").await.text(), "ok", "no more");
}

/// Puts a certificate where the gateway would have kept it.
fn keep(builder: Builder, server: &Server, domain: &str, issued: &Issued) -> Builder {
    let settings = Acme {
        domains: vec![domain.to_owned()],
        directory: server.directory(),
        contact: Vec::new(),
        storage: PathBuf::from("acme"),
        ca: None,
        challenge: AcmeChallenge::TlsAlpn01,
    };
    let file = Storage::of(&settings).certificate();
    builder.file(file.to_str().unwrap(), format!("{}\n{}", issued.pem, issued.key))
}

#[tokio::test]
async fn a_certificate_with_a_third_of_its_life_left_is_served_and_renewed_without_a_restart() {
    const DAY: u64 = 24 * 60 * 60;
    let server = acme::server().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let old = server.issuer().issue_between(&["a.example"], now - 80 * DAY, now + 10 * DAY);
    let builder = getting(&["a.example"], &server.directory(), "tls-alpn-01");
    let builder = keep(builder, &server, "a.example", &old);
    let gateway = builder.file("acme-ca.pem", server.ca()).start().await;
    let [http, tls] = gateway.addresses() else { panic!("two listeners") };

    // The authority does not look yet.
    assert_eq!(&server.dialer().shown(*tls, "a.example").await, old.der());
    let mut client = server.dialer().http1(*tls, "a.example").await;
    server.lead(*tls, *http);
    until(async || {
        let shown = server.dialer().shown(*tls, "a.example").await;
        (&shown != old.der()).then_some(())
    })
    .await;
    assert_eq!(client.get("/").await.text(), "ok", "the old connection goes on");
    assert_eq!(server.counts(), (1, 1));
}

#[tokio::test]
async fn a_certificate_that_is_good_for_long_is_not_asked_for_again() {
    let server = acme::server().await;
    let good = server.issuer().issue(&["a.example"]);
    let builder = getting(&["a.example"], &server.directory(), "tls-alpn-01");
    let builder = keep(builder, &server, "a.example", &good);
    let gateway = builder.file("acme-ca.pem", server.ca()).start().await;
    served(&gateway, &server, "a.example").await;
    gateway.change(|text| format!("{text}\n[secrets.s]\nenv = \"PATH\"\n")).await;
    served(&gateway, &server, "a.example").await;
    assert_eq!(server.counts(), (0, 0));
}

#[tokio::test]
async fn an_authority_out_of_reach_stops_nothing_else() {
    // A port that was free a moment ago.
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let directory = format!("https://{}/directory", gone.local_addr().unwrap());
    drop(gone);
    let server = acme::server().await;
    let builder = getting(&["a.example"], &directory, "tls-alpn-01");
    let gateway = builder.file("acme-ca.pem", server.ca()).start().await;
    gateway.metric_becomes("tidegate_acme_orders_total{outcome=\"failed\"}", 1.0).await;
    assert_eq!(gateway.get("/").await.status(), 301);
    let tls = gateway.addresses()[1];
    assert!(server.dialer().try_connect(tls, "a.example").await.is_err());
}

//! Certificates by SNI, versions and sessions of a TLS listener.

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use tidegate_tests::gateway::{self, Builder, Gateway};
use tidegate_tests::tls::{Issued, authority};
use tidegate_tests::{soon, until};

static OLD: [&SupportedProtocolVersion; 1] = [&TLS12];
static NEW: [&SupportedProtocolVersion; 1] = [&TLS13];

const HANDSHAKES: &str = "tidegate_tls_handshakes_total";

/// A gateway that answers everything, with a listener of TLS.
fn secured(tls: &str) -> Builder {
    let listener = format!("[[listeners]]\naddress = \"127.0.0.1:0\"\ntls = {tls}");
    gateway::alone().toml(&listener).route_with("/", [], "respond = {}")
}

trait Shelf {
    fn pair(self, name: &str, issued: &Issued) -> Self;
}

impl Shelf for Builder {
    /// Puts a certificate and its key beside gateway.toml.
    fn pair(self, name: &str, issued: &Issued) -> Self {
        self.file(&format!("{name}.pem"), &issued.pem).file(&format!("{name}.key"), &issued.key)
    }
}

async fn handshakes(gateway: &Gateway, outcome: &str) -> f64 {
    let series = format!("{HANDSHAKES}{{listener=\"127.0.0.1:0\",outcome=\"{outcome}\"}}");
    gateway.metric(&series).await
}

#[tokio::test]
async fn a_client_is_shown_the_certificate_of_the_host_that_it_asks_for() {
    let authority = authority("ca");
    let (first, wild, own) = (
        authority.issue(&["default.example"]),
        authority.issue(&["*.example.com"]),
        authority.issue(&["api.example.com"]),
    );
    let gateway = secured(
        r#"{ certificates = [
            { certificate = "first.pem", key = "first.key" },
            { certificate = "wild.pem", key = "wild.key" },
            { certificate = "own.pem", key = "own.key", hosts = ["api.example.com"] },
        ] }"#,
    )
    .pair("first", &first)
    .pair("wild", &wild)
    .pair("own", &own)
    .start()
    .await;

    let dialer = authority.dialer();
    for (host, shown) in
        [("default.example", &first), ("www.example.com", &wild), ("api.example.com", &own)]
    {
        assert_eq!(&dialer.shown(gateway.address(), host).await, shown.der(), "{host}");
    }
    let refused = dialer.try_connect(gateway.address(), "unknown.example").await.unwrap_err();
    assert!(refused.to_string().contains("invalid peer certificate"), "{refused}");
    let status = gateway.status().await;
    let certificates = status["listeners"][0]["certificates"].as_array().unwrap();
    let hosts: Vec<&str> = certificates.iter().map(|it| it["hosts"][0].as_str().unwrap()).collect();
    assert_eq!(hosts, ["default.example", "*.example.com", "api.example.com"]);
}

#[tokio::test]
async fn a_new_file_is_shown_to_new_clients_and_harms_no_old_one() {
    let authority = authority("ca");
    let (old, new) = (authority.issue(&["a.example"]), authority.issue(&["a.example"]));
    let tls = r#"{ certificates = [{ certificate = "a.pem", key = "a.key" }] }"#;
    let gateway = secured(tls).pair("a", &old).start().await;
    let dialer = authority.dialer();
    let mut client = dialer.http1(gateway.address(), "a.example").await;
    assert_eq!(client.get("/").await.status(), 200);

    // The watch may see the files while they do not fit; the second look does.
    std::fs::write(gateway.path("a.key"), &new.key).unwrap();
    std::fs::write(gateway.path("a.pem"), &new.pem).unwrap();
    until(async || {
        let shown = dialer.shown(gateway.address(), "a.example").await;
        (&shown == new.der()).then_some(())
    })
    .await;
    assert_eq!(client.get("/").await.status(), 200);
}

#[tokio::test]
async fn a_session_goes_on_across_workers_and_reloads_until_its_certificate_is_another() {
    let authority = authority("ca");
    let (old, new) = (authority.issue(&["a.example"]), authority.issue(&["a.example"]));
    for version in [&NEW, &OLD] {
        let tls = r#"{ certificate = "a.pem", key = "a.key" }"#;
        let gateway = secured(tls).pair("a", &old).setting("workers = 4").start().await;
        let dialer = authority.dialer().speaking(version).resuming();
        let ask = async || {
            let mut client = dialer.http1(gateway.address(), "a.example").await;
            assert_eq!(client.get("/").await.status(), 200);
        };
        ask().await;
        assert_eq!(handshakes(&gateway, "full").await, 1.0);
        for _ in 0..4 {
            ask().await;
        }
        assert_eq!(handshakes(&gateway, "resumed").await, 4.0);

        gateway
            .change(|text| format!("# another line\n{text}\n[secrets.s]\nenv = \"PATH\"\n"))
            .await;
        ask().await;
        assert_eq!(handshakes(&gateway, "resumed").await, 5.0);

        std::fs::write(gateway.path("a.key"), &new.key).unwrap();
        std::fs::write(gateway.path("a.pem"), &new.pem).unwrap();
        soon(gateway.running().reload()).await.unwrap();
        ask().await;
        assert_eq!(handshakes(&gateway, "full").await, 2.0);
    }
}

#[tokio::test]
async fn a_version_below_the_least_is_refused_and_counted() {
    let authority = authority("ca");
    let tls = r#"{ certificate = "a.pem", key = "a.key", min_version = "1.3" }"#;
    let gateway = secured(tls).pair("a", &authority.issue(&["a.example"])).start().await;
    let old = authority.dialer().speaking(&OLD);
    assert!(old.try_connect(gateway.address(), "a.example").await.is_err());
    until(async || (handshakes(&gateway, "failed").await >= 1.0).then_some(())).await;
    let mut client = authority.dialer().http1(gateway.address(), "a.example").await;
    assert_eq!(client.get("/").await.status(), 200);
}

#[tokio::test]
async fn files_that_cannot_be_used_are_shown_where_they_are_named() {
    let authority = authority("ca");
    let (a, b) = (authority.issue(&["a.example"]), authority.issue(&["b.example"]));
    let tls = r#"{ certificates = [
        { certificate = "a.pem", key = "b.key" },
        { certificate = "missing.pem", key = "a.key" },
        { certificate = "b.pem", key = "b.key", hosts = ["c.example"] },
    ] }"#;
    let refusal = secured(tls).pair("a", &a).pair("b", &b).refusal().await;
    for expected in [
        "keys may not be consistent",
        "{ certificate = \"a.pem\", key = \"b.key\" },\n",
        "missing.pem`: No such file or directory",
        "b.pem`: the certificate is not for `c.example`, but for b.example",
        "3 errors",
    ] {
        assert!(refusal.contains(expected), "{expected}\n{refusal}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_over_is_served_and_its_end_is_in_the_metrics() {
    let authority = authority("ca");
    let over = authority.issue_expired(&["a.example"]);
    let gateway =
        secured(r#"{ certificate = "a.pem", key = "a.key" }"#).pair("a", &over).start().await;
    let refused = authority.dialer().try_connect(gateway.address(), "a.example").await.unwrap_err();
    assert!(refused.to_string().contains("expired"), "{refused}");
    let file = gateway.path("a.pem").display().to_string();
    let series = format!(
        "tidegate_certificate_not_after_seconds{{listener=\"127.0.0.1:0\",file=\"{file}\"}}"
    );
    // 2001-12-31T00:00:00Z
    assert_eq!(gateway.metric(&series).await, 1_009_756_800.0);
}

//! Clients that speak TLS.

use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::CertifiedKey;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::{client, guest, soon};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

struct Certificate {
    pem: String,
    key: String,
    roots: RootCertStore,
}

fn certificate() -> Certificate {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    Certificate { pem: cert.pem(), key: signing_key.serialize_pem(), roots }
}

async fn secured(certificate: &Certificate) -> Gateway {
    let capabilities = guest::capabilities().grants("counter crypto kv metrics output");
    gateway::Builder::default()
        .file("cert.pem", &certificate.pem)
        .file("key.pem", &certificate.key)
        .toml(
            "[[listeners]]\naddress = \"127.0.0.1:0\"\n\
             tls = { certificate = \"cert.pem\", key = \"key.pem\" }",
        )
        .route_with("/", [capabilities], "respond = {}")
        .start()
        .await
}

async fn connect(gateway: &Gateway, roots: &RootCertStore, alpn: &str) -> TlsStream<TcpStream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots.clone())
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    let stream = TcpStream::connect(gateway.address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    soon(TlsConnector::from(Arc::new(config)).connect(name, stream)).await.unwrap()
}

#[tokio::test]
async fn http_1_1_and_2_are_agreed_by_alpn_and_plugins_know_it() {
    let certificate = certificate();
    let gateway = secured(&certificate).await;

    let stream = connect(&gateway, &certificate.roots, "http/1.1").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let mut client = client::http1_over(stream, "localhost").await;
    let facts = client.get("/exchange").await.json();
    assert_eq!(facts["tls"], json!(["TLSv1.3", "localhost", "http/1.1"]));
    assert_eq!(facts["scheme"], "https");

    let stream = connect(&gateway, &certificate.roots, "h2").await;
    let (mut sender, connection) = hyper::client::conn::http2::handshake::<
        _,
        _,
        http_body_util::Full<bytes::Bytes>,
    >(TokioExecutor::new(), TokioIo::new(stream))
    .await
    .unwrap();
    tokio::spawn(connection);
    let request = client::request("GET", "https://localhost/exchange", &[], "");
    let response = soon(sender.send_request(request)).await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, http::Version::HTTP_2));
}

#[tokio::test]
async fn a_new_certificate_is_served_after_a_reload() {
    let (old, new) = (certificate(), certificate());
    let gateway = secured(&old).await;
    let stream = connect(&gateway, &old.roots, "http/1.1").await;
    let mut client = client::http1_over(stream, "localhost").await;
    assert_eq!(client.get("/").await.status(), 200);

    std::fs::write(gateway.path("key.pem"), &new.key).unwrap();
    std::fs::write(gateway.path("cert.pem"), &new.pem).unwrap();
    soon(gateway.running().reload()).await.unwrap();
    let stream = connect(&gateway, &new.roots, "http/1.1").await;
    assert_eq!(client::http1_over(stream, "localhost").await.get("/").await.status(), 200);
    assert_eq!(client.get("/").await.status(), 200, "the old connection goes on");
}

#[tokio::test]
async fn a_client_that_speaks_plainly_gets_no_answer_and_harms_nobody() {
    let certificate = certificate();
    let gateway = secured(&certificate).await;
    let mut plain = gateway.raw().await;
    let answer = plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.to_end().await;
    assert!(!answer.contains("HTTP/1.1 200"), "{answer}");
    let stream = connect(&gateway, &certificate.roots, "http/1.1").await;
    assert_eq!(client::http1_over(stream, "localhost").await.get("/").await.status(), 200);
}

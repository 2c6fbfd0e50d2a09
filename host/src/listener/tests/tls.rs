//! TLS towards clients.

use std::path::PathBuf;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::tls::{Acceptor, TlsError};
use super::http2::{client, get};
use super::*;
use crate::config::{Certificate, Location, Tls, TlsVersion};
use crate::facts::TlsFacts;

struct Files {
    folder: TempDir,
    certificate: CertificateDer<'static>,
}

impl Files {
    fn new() -> Self {
        let pair = rcgen::generate_simple_self_signed(["api.example".to_owned()]).unwrap();
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("c.pem"), pair.cert.pem()).unwrap();
        std::fs::write(folder.path().join("k.pem"), pair.signing_key.serialize_pem()).unwrap();
        Self { folder, certificate: pair.cert.der().clone() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn pair(&self, certificate: &str, key: PathBuf) -> Tls {
        let certificate = Certificate {
            certificate: self.path(certificate),
            key,
            ocsp: None,
            hosts: Vec::new(),
            certificate_at: Location::default(),
            key_at: Location::default(),
        };
        let certificates = vec![certificate];
        Tls { certificates, acme: None, min_version: TlsVersion::V12, client_auth: None }
    }

    fn tls(&self) -> Tls {
        self.pair("c.pem", self.path("k.pem"))
    }

    fn acceptor(&self) -> Acceptor {
        build(&self.tls()).unwrap()
    }

    async fn connect(
        &self,
        server: &Server,
        alpn: &[&str],
        version: &'static rustls::SupportedProtocolVersion,
    ) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|it| it.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("api.example").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, server.connect().await).await.unwrap()
    }
}

fn build(tls: &Tls) -> Result<Acceptor, Vec<TlsError>> {
    Acceptor::build(tls, None, &Arc::default(), Arc::default(), None)
}

fn start(files: &Files, limits: &Limits) -> Server {
    Server::start_with(limits, Some(files.acceptor()))
}

#[tokio::test]
async fn http1_is_spoken_without_alpn_and_ends_in_good_order() {
    let files = Files::new();
    let server = start(&files, &Limits { idle_timeout: SHORT, ..limits() });
    let mut client = files.connect(&server, &[], &rustls::version::TLS12).await;
    client.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    // Without a close_notify at the end this read would fail.
    assert_eq!(answers(&rest(&mut client).await), ["200 GET /a"]);
}

#[tokio::test]
async fn a_fault_is_answered_under_tls_too() {
    let files = Files::new();
    let server = start(&files, &limits());
    let mut client = files.connect(&server, &["http/1.1"], &rustls::version::TLS13).await;
    let mut stream = b"GET / HTTP/1.1\r\n\r\n".to_vec();
    stream.resize(300_000, b'x');
    client.write_all(&stream).await.unwrap();
    assert_eq!(answers(&rest(&mut client).await), ["400 close no host"]);
}

#[tokio::test]
async fn http2_is_spoken_if_alpn_says_so() {
    let files = Files::new();
    let server = start(&files, &limits());
    let stream = files.connect(&server, &["h2", "http/1.1"], &rustls::version::TLS13).await;
    let (mut sender, _task) = client(stream).await;
    assert_eq!(get(&mut sender, "/echo").await, "body");
}

#[tokio::test]
async fn the_service_sees_what_was_agreed_on() {
    let files = Files::new();
    let acceptor = files.acceptor();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (drainer, drain) = Drainer::new();
    let server = async {
        let (stream, client) = listener.accept().await.unwrap();
        let ends = Ends { client, gateway: address };
        let settings = Arc::new(Settings::new(&limits()));
        let handle = |_, peer: Arc<Peer>| async move {
            let facts = TlsFacts {
                version: "TLSv1.3".to_owned(),
                cipher_suite: "TLS_AES_256_GCM_SHA384".to_owned(),
                server_name: Some("api.example".to_owned()),
                alpn: Some("http/1.1".to_owned()),
                client_certificate: None,
            };
            assert_eq!(peer.tls.as_deref(), Some(&facts));
            Response::new(Full::new(Bytes::new()))
        };
        serve(stream, ends, Some(acceptor), settings, handle, drain).await;
    };
    let served = Server { address, ..Server::start(&limits()) };
    let client = async {
        let mut client = files.connect(&served, &["http/1.1"], &rustls::version::TLS13).await;
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        rest(&mut client).await
    };
    let ((), text) = tokio::join!(server, client);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    drop(drainer);
}

#[tokio::test]
async fn a_handshake_that_begins_with_the_drain_ends_with_an_answer() {
    let files = Files::new();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let server = start(&files, &limits());
        server.drainer.finish();
        let mut client = files.connect(&server, &[], version).await;
        client.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert_eq!(answers(&rest(&mut client).await), ["200 close GET /a"]);
    }
}

#[tokio::test]
async fn draining_does_not_wait_for_a_handshake_that_does_not_come() {
    let files = Files::new();
    let mut server = start(&files, &limits());
    let mut client = server.connect().await;
    server.drainer.finish();
    assert_eq!(rest(&mut client).await, "");
    in_time(server.ended.recv()).await.unwrap();
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_given_up() {
    let files = Files::new();
    let mut server = start(&files, &Limits { header_timeout: SHORT, ..limits() });
    let mut client = server.connect().await;
    assert_eq!(rest(&mut client).await, "");
    in_time(server.ended.recv()).await.unwrap();
}

#[test]
fn an_error_names_the_file_and_the_cause() {
    let (files, other) = (Files::new(), Files::new());
    let error = |tls: &Tls| {
        let errors = build(tls).err().unwrap();
        assert_eq!(errors.len(), 1);
        errors[0].to_string()
    };
    let text = error(&files.pair("no.pem", files.path("k.pem")));
    assert!(text.ends_with("no.pem`: No such file or directory (os error 2)"), "{text}");
    let text = error(&files.pair("k.pem", files.path("k.pem")));
    assert!(text.ends_with("k.pem`: no certificate in this file"), "{text}");
    let text = error(&files.pair("c.pem", files.path("c.pem")));
    assert!(text.ends_with("c.pem`: no private key in this file"), "{text}");
    let text = error(&files.pair("c.pem", other.path("k.pem")));
    assert!(text.contains("k.pem`: keys may not be consistent"), "{text}");
    std::fs::write(files.path("o.der"), "-----BEGIN").unwrap();
    let mut stapled = files.tls();
    stapled.certificates[0].ocsp = Some(files.path("o.der"));
    let text = error(&stapled);
    assert!(text.ends_with("o.der`: not an OCSP response in DER"), "{text}");
    let mut named = files.tls();
    named.certificates[0].hosts = vec!["api.example".to_owned(), "www.example".to_owned()];
    let text = error(&named);
    let reason = "the certificate is not for `www.example`, but for api.example";
    assert!(text.ends_with(reason), "{text}");
}

#[test]
fn what_is_wrong_with_several_files_is_found_at_once() {
    let (files, other) = (Files::new(), Files::new());
    let mut tls = files.pair("no.pem", files.path("k.pem"));
    tls.certificates.extend(files.pair("c.pem", other.path("k.pem")).certificates);
    assert_eq!(build(&tls).err().unwrap().len(), 2);
}

//! TLS 1.2 and 1.3 by rustls, with HTTP/2 and HTTP/1.1 by ALPN.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// With the certificate and the key that TLS_CERT and TLS_KEY name.
pub fn acceptor() -> TlsAcceptor {
    let file = |name| std::env::var(name).expect("a file of TLS");
    let chain = CertificateDer::pem_file_iter(file("TLS_CERT"))
        .and_then(Iterator::collect)
        .expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(file("TLS_KEY")).expect("a private key");
    // Said aloud, because Pingora in the same build brings another provider.
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_no_client_auth();
    let mut config = builder.with_single_cert(chain, key).expect("a key for the certificate");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

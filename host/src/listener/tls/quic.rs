//! The encryption of QUIC (RFC 9001): that of the listener, in TLS 1.3.

use std::sync::Arc;

use quinn::crypto::rustls::{HandshakeData, QuicServerConfig};
use rustls_pki_types::CertificateDer;

use super::{Acceptor, identity};
use crate::facts::TlsFacts;
use crate::telemetry::metrics::Handshake;

/// The protocol's name (RFC 9114 section 3.1).
const HTTP3: &str = "h3";

impl Acceptor {
    /// The same certificates, authorities and tickets, for HTTP/3.
    ///
    /// Nothing is taken of a client before the handshake is over (0-RTT), because whoever has recorded it
    /// could send it again (RFC 8470).
    pub(in crate::listener) fn quic(&self) -> QuicServerConfig {
        let mut settings = rustls::ServerConfig::clone(self.0.acceptor.config());
        settings.alpn_protocols = vec![HTTP3.into()];
        settings.max_early_data_size = 0;
        QuicServerConfig::try_from(Arc::new(settings))
            .expect("aws-lc has the suite that QUIC begins with")
    }

    /// Notes an agreement. Whether it went on with a session is not told.
    pub(in crate::listener) fn note_quic(&self) {
        self.0.metrics.handshake(Handshake::Full);
    }

    /// What the handshake has agreed on; the cipher suite is not told.
    pub(in crate::listener) fn quic_facts(&self, connection: &quinn::Connection) -> TlsFacts {
        let data = connection.handshake_data();
        let data = data.and_then(|data| data.downcast::<HandshakeData>().ok());
        let identity = connection.peer_identity();
        let chain = identity.and_then(|it| it.downcast::<Vec<CertificateDer<'static>>>().ok());
        TlsFacts {
            version: "TLSv1.3".to_owned(),
            cipher_suite: String::new(),
            server_name: data.and_then(|data| data.server_name),
            alpn: Some(HTTP3.to_owned()),
            client_certificate: chain
                .as_deref()
                .and_then(|chain| chain.first())
                .map(|certificate| identity::of(certificate, self.0.forwards)),
        }
    }
}

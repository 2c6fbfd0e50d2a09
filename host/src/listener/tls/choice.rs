//! Which certificate a client is shown.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::ACME_PROTOCOL;
use super::certificate::Certificate;
use crate::listener::Challenges;

/// Certificates by the host that a client names in SNI (RFC 6066 section 3).
///
/// A host's own certificate goes before one with a wildcard, which stands for exactly one label, as
/// in the check that clients make (RFC 9525 section 6.3). Of several for one host it is the first whose
/// key the client can verify.
#[derive(Debug)]
pub(super) struct Choice {
    /// By host.
    exact: Hosts,
    /// By what follows `*.`.
    wildcard: Hosts,
    /// For clients that name no host, or none of these: the first of the file. Absent while the
    /// only one is still to be issued.
    default: Option<Arc<CertifiedKey>>,
    challenges: Arc<Challenges>,
}

type Hosts = HashMap<Box<str>, Vec<Arc<CertifiedKey>>>;

impl Choice {
    pub(super) fn of(certificates: &[Certificate], challenges: Arc<Challenges>) -> Self {
        let (mut exact, mut wildcard) = (Hosts::new(), Hosts::new());
        for certificate in certificates {
            for host in &certificate.hosts {
                let (hosts, host) = match host.strip_prefix("*.") {
                    Some(parent) => (&mut wildcard, parent),
                    None => (&mut exact, host.as_str()),
                };
                hosts.entry(host.into()).or_default().push(Arc::clone(&certificate.signer));
            }
        }
        let default = certificates.first().map(|first| Arc::clone(&first.signer));
        Self { exact, wildcard, default, challenges }
    }

    fn find(&self, host: Option<&str>, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let found = host.and_then(|host| {
            let parent = || host.split_once('.').and_then(|(_, parent)| self.wildcard.get(parent));
            self.exact.get(host).or_else(parent)
        });
        let fits = |signer: &&Arc<CertifiedKey>| signer.key.choose_scheme(schemes).is_some();
        match found {
            Some(all) => all.iter().find(fits).or_else(|| all.first()).cloned(),
            None => self.default.clone(),
        }
    }
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let host = hello.server_name();
        // An authority offers this protocol and no other (RFC 8737 section 3).
        if hello.alpn().is_some_and(|mut offered| {
            offered.next() == Some(ACME_PROTOCOL.as_bytes()) && offered.next().is_none()
        }) {
            return self.challenges.signer(&host?.to_ascii_lowercase());
        }
        match host {
            // Almost all clients write it so.
            Some(name) if name.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                self.find(Some(&name.to_ascii_lowercase()), hello.signature_schemes())
            }
            host => self.find(host, hello.signature_schemes()),
        }
    }
}

#[cfg(test)]
mod tests;

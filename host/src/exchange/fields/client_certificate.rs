//! Who the client is by its certificate, for upstreams.

use http::header::{HeaderMap, HeaderName};

use crate::facts::TlsFacts;

/// Envoy's name and form.
const X_FORWARDED_CLIENT_CERT: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

/// Makes what the listener tells of the client's certificate the only value; if that is nothing, there
/// is none.
///
/// Nobody is believed in this, not even a trusted proxy: it takes the place of a credential.
pub(in crate::exchange) fn set_client_certificate(headers: &mut HeaderMap, tls: Option<&TlsFacts>) {
    let certificate = tls.and_then(|tls| tls.client_certificate.as_ref());
    match certificate.and_then(|certificate| certificate.forwarded.as_ref()) {
        Some(ours) => drop(headers.insert(X_FORWARDED_CLIENT_CERT, ours.clone())),
        None => drop(headers.remove(X_FORWARDED_CLIENT_CERT)),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::{HeaderMap, TlsFacts, X_FORWARDED_CLIENT_CERT, set_client_certificate};
    use crate::facts::ClientCertificate;

    fn facts(forwarded: Option<&'static str>) -> TlsFacts {
        let certificate = ClientCertificate {
            subject: "CN=a".to_owned(),
            names: Vec::new(),
            fingerprint: "c".to_owned(),
            serial: "1".to_owned(),
            forwarded: forwarded.map(HeaderValue::from_static),
        };
        TlsFacts { client_certificate: Some(certificate), ..TlsFacts::default() }
    }

    #[test]
    fn what_a_client_says_of_its_own_certificate_is_never_passed_on() {
        let forged = || {
            let mut headers = HeaderMap::new();
            headers.append(X_FORWARDED_CLIENT_CERT, HeaderValue::from_static("Hash=a"));
            headers.append(X_FORWARDED_CLIENT_CERT, HeaderValue::from_static("Hash=b"));
            headers
        };
        let mut headers = forged();
        set_client_certificate(&mut headers, Some(&facts(Some("Hash=c"))));
        let values: Vec<_> = headers.get_all(X_FORWARDED_CLIENT_CERT).iter().collect();
        assert_eq!(values, ["Hash=c"]);
        for tls in [None, Some(TlsFacts::default()), Some(facts(None))] {
            let mut headers = forged();
            set_client_certificate(&mut headers, tls.as_ref());
            assert!(headers.is_empty());
        }
    }
}

//! Who the client is by its certificate, for upstreams.

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// Envoy's name and form.
const X_FORWARDED_CLIENT_CERT: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

/// Makes `ours` the only value; without one there is none.
///
/// Nobody is believed in this, not even a trusted proxy: it takes the place of a credential.
pub(in crate::exchange) fn set_client_certificate(
    headers: &mut HeaderMap,
    ours: Option<&HeaderValue>,
) {
    match ours {
        Some(ours) => drop(headers.insert(X_FORWARDED_CLIENT_CERT, ours.clone())),
        None => drop(headers.remove(X_FORWARDED_CLIENT_CERT)),
    }
}

#[cfg(test)]
mod tests {
    use super::{HeaderMap, HeaderValue, X_FORWARDED_CLIENT_CERT, set_client_certificate};

    #[test]
    fn what_a_client_says_of_its_own_certificate_is_never_passed_on() {
        let mut headers = HeaderMap::new();
        headers.append(X_FORWARDED_CLIENT_CERT, HeaderValue::from_static("Hash=a"));
        headers.append(X_FORWARDED_CLIENT_CERT, HeaderValue::from_static("Hash=b"));
        let ours = HeaderValue::from_static("Hash=c");
        set_client_certificate(&mut headers, Some(&ours));
        let values: Vec<_> = headers.get_all(X_FORWARDED_CLIENT_CERT).iter().collect();
        assert_eq!(values, [&ours]);
        set_client_certificate(&mut headers, None);
        assert!(headers.is_empty());
    }
}

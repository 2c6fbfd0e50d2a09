//! What the rules of a listener do to an exchange.

use http::header::{Entry, HeaderMap, STRICT_TRANSPORT_SECURITY};
use http::{HeaderValue, Method, StatusCode};

use crate::config::Redirect;
use crate::facts::{RequestHead, Scheme};
use crate::failure::Failure;
use crate::listener::Rules;
use crate::route::redirect;

/// Where authorities look for the answers to their challenges (RFC 8555 section 8.3): whoever is to
/// get a first certificate cannot answer over TLS.
const CHALLENGES: &str = "/.well-known/acme-challenge/";

/// Where a client is sent to come back over TLS.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Elsewhere {
    pub(super) status: StatusCode,
    pub(super) location: String,
}

/// Where the rules send this request; nowhere if it came over TLS, on the way to a trusted proxy
/// perhaps, or asks for the answer to a challenge of ACME.
///
/// # Errors
///
/// The client names no host that it could be sent to.
pub(super) fn elsewhere(
    rules: Option<&Rules>,
    request: &RequestHead,
) -> Result<Option<Elsewhere>, Failure> {
    let Some(port) = rules.and_then(|rules| rules.redirect_https) else { return Ok(None) };
    let path = request.uri.path();
    // The asterisk of OPTIONS and the authority of CONNECT lead to no place.
    if request.scheme == Scheme::Https || !path.starts_with('/') || is_challenge(path) {
        return Ok(None);
    }
    if request.host.is_empty() {
        return Err(Failure::RequestMalformed("no host to be sent to"));
    }
    let is_safe = matches!(request.method, Method::GET | Method::HEAD);
    let to = Redirect {
        // What old clients know; other methods must stay as they are (RFC 9110 section 15.4.9).
        status: if is_safe {
            StatusCode::MOVED_PERMANENTLY
        } else {
            StatusCode::PERMANENT_REDIRECT
        },
        scheme: Some("https".to_owned()),
        host: None,
        port: Some(port),
        path: None,
    };
    let origin = redirect::Origin {
        scheme: request.scheme.as_str(),
        host: &request.host,
        port: request.port,
        path,
        query: request.uri.query(),
    };
    let location = redirect::location(&to, &origin);
    Ok(Some(Elsewhere { status: to.status, location }))
}

/// Whether this is the answer to a challenge and nothing else: a token of base64url.
fn is_challenge(path: &str) -> bool {
    path.strip_prefix(CHALLENGES).is_some_and(|token| {
        !token.is_empty()
            && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    })
}

/// Has browsers use TLS for this host from now on, unless the response has said so.
pub(super) fn secure(hsts: Option<HeaderValue>, headers: &mut HeaderMap) {
    if let Some(hsts) = hsts
        && let Entry::Vacant(none) = headers.entry(STRICT_TRANSPORT_SECURITY)
    {
        none.insert(hsts);
    }
}

#[cfg(test)]
mod tests;

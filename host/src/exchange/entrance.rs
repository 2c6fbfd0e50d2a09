//! What the rules of a listener do to an exchange.

use http::header::{ALT_SVC, CONTENT_TYPE, Entry, HeaderMap, STRICT_TRANSPORT_SECURITY};
use http::{HeaderValue, Method, StatusCode};

use super::reply::{self, Reply};
use crate::config::Redirect;
use crate::facts::{RequestHead, Scheme};
use crate::failure::Failure;
use crate::listener::{Challenges, Rules};
use crate::route::redirect;

/// Where authorities look for the answers to their challenges (RFC 8555 section 8.3): whoever is to
/// get a first certificate cannot answer over TLS.
const CHALLENGES: &str = "/.well-known/acme-challenge/";

/// An answer for which no route is looked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Early {
    /// The client is sent to come back over TLS.
    Elsewhere {
        /// 301 or 308.
        status: StatusCode,
        /// The same place.
        location: String,
    },
    /// What an authority wants to see of a challenge of ours.
    Authorization(String),
}

impl Early {
    pub(super) fn reply(self) -> Reply {
        match self {
            Self::Elsewhere { status, location } => reply::redirect(status, &location),
            Self::Authorization(text) => {
                let mut headers = HeaderMap::with_capacity(4);
                // RFC 8555 section 8.3.
                let kind = HeaderValue::from_static("application/octet-stream");
                headers.insert(CONTENT_TYPE, kind);
                (StatusCode::OK, headers, text.into())
            }
        }
    }
}

/// What the rules answer this request with, or what an authority asks for; nothing if it came
/// over TLS, on the way to a trusted proxy perhaps, or asks for the answer to somebody else's challenge.
///
/// # Errors
///
/// The client names no host that it could be sent to.
pub(super) fn early(
    rules: Option<&Rules>,
    challenges: &Challenges,
    request: &RequestHead,
) -> Result<Option<Early>, Failure> {
    let path = request.uri.path();
    // The asterisk of OPTIONS and the authority of CONNECT lead to no place.
    if request.scheme == Scheme::Https || !path.starts_with('/') {
        return Ok(None);
    }
    if let Some(token) = challenged(path) {
        return Ok(challenges.authorization(token).map(Early::Authorization));
    }
    let Some(port) = rules.and_then(|rules| rules.redirect_https) else { return Ok(None) };
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
    let location = redirect::location(&to, &origin)
        .map_err(|error| Failure::RequestMalformed(error.reason()))?;
    Ok(Some(Early::Elsewhere { status: to.status, location }))
}

/// The token, if the path is that of a challenge and nothing else: of base64url.
fn challenged(path: &str) -> Option<&str> {
    path.strip_prefix(CHALLENGES).filter(|token| {
        !token.is_empty()
            && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    })
}

/// Says what the listener has to say to clients, unless the response has said it: that they use TLS for
/// this host from now on, and where they find HTTP/3.
pub(super) fn mark(rules: &Rules, headers: &mut HeaderMap) {
    let fields = [(STRICT_TRANSPORT_SECURITY, &rules.hsts), (ALT_SVC, &rules.alt_svc)];
    for (name, value) in fields {
        if let Some(value) = value
            && let Entry::Vacant(none) = headers.entry(name)
        {
            none.insert(value.clone());
        }
    }
}

#[cfg(test)]
mod tests;

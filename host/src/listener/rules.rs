//! What a listener does to every exchange on it.

use std::sync::Arc;

use http::HeaderValue;

use crate::config;

/// Where a request has come in.
#[derive(Debug, Clone)]
pub struct Entrance {
    /// Of the listener, as clients see it.
    pub port: u16,
    /// Absent if the listener has none.
    pub rules: Option<Arc<Rules>>,
}

/// What a listener does to every exchange on it.
#[derive(Debug, PartialEq, Eq)]
pub struct Rules {
    /// The port of `https` that requests are sent to.
    pub redirect_https: Option<u16>,
    /// The value of `Strict-Transport-Security`, for responses without one.
    pub hsts: Option<HeaderValue>,
    /// The value of `Alt-Svc` (RFC 7838), for responses without one; only with HTTP/3.
    pub alt_svc: Option<HeaderValue>,
}

impl Entrance {
    /// Whether clients find HTTP/3 at the same port.
    #[must_use]
    pub fn speaks_http3(&self) -> bool {
        self.rules.as_ref().is_some_and(|rules| rules.alt_svc.is_some())
    }
}

impl Rules {
    /// Those of a listener at this port; none if every request goes its way untouched.
    #[must_use]
    pub fn of(listener: &config::Listener, port: u16) -> Option<Arc<Self>> {
        let alt_svc = listener.http3.then(|| alt_svc(port));
        let (redirect_https, hsts) = (listener.redirect_https, listener.hsts.clone());
        let rules = Self { redirect_https, hsts, alt_svc };
        let Self { redirect_https, hsts, alt_svc } = &rules;
        let is_any = redirect_https.is_some() || hsts.is_some() || alt_svc.is_some();
        is_any.then(|| Arc::new(rules))
    }
}

/// For a day, which is what RFC 7838 section 3.1 has as the default, and what others say.
fn alt_svc(port: u16) -> HeaderValue {
    HeaderValue::try_from(format!("h3=\":{port}\"; ma=86400")).expect("digits are visible ASCII")
}

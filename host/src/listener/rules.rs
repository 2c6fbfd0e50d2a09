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
}

impl Rules {
    /// Those of a listener; none if every request goes its way untouched.
    #[must_use]
    pub fn of(listener: &config::Listener) -> Option<Arc<Self>> {
        let rules = Self { redirect_https: listener.redirect_https, hsts: listener.hsts.clone() };
        let Self { redirect_https, hsts } = &rules;
        (redirect_https.is_some() || hsts.is_some()).then(|| Arc::new(rules))
    }
}

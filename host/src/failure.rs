//! Why an exchange was answered by the gateway instead of an upstream or a plugin.

use std::fmt;

/// Why a request got an answer that no upstream and no plugin gave.
///
/// Every variant has a token of its own, the same word in `Proxy-Status`, in the metric label, in
/// the log field and in the `error` member of the body. Where RFC 9209 section 2.3 has a name that
/// fits exactly it is that name: `http_request_error`, `destination_not_found`, `dns_error`,
/// `destination_unavailable`, `connection_refused`, `connection_timeout`, `connection_terminated`,
/// `tls_certificate_error`, `tls_protocol_error`, `tls_alert_received`, `http_protocol_error`,
/// `http_request_denied`, `http_response_body_size`,
/// `http_response_timeout` and `proxy_internal_error`. All others are
/// Tidegate's own. Tokens do not change once released.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The request broke the rules of HTTP; the text says which.
    RequestMalformed(&'static str),
    /// The client's bytes were refused before there was a request.
    Malformed {
        /// 400, 414, 417, 431, 501 or 505.
        status: u16,
        /// For people: lower-case, without a final dot.
        reason: &'static str,
    },
    /// The head did not arrive in time.
    RequestHeadTimeout,
    /// The body stopped arriving.
    RequestBodyTimeout,
    /// More field lines or bytes than the limits allow.
    RequestHeadTooLarge,
    /// A longer body than the limits allow.
    RequestBodyTooLarge,
    /// The client went away before there was a response.
    ClientGone,
    /// No route matches.
    RouteNotFound,
    /// A method the gateway does not carry, such as CONNECT.
    MethodNotSupported,
    /// The gateway is at a limit of its own: connections, instances or waiting requests.
    Overloaded(&'static str),
    /// A name that does not resolve.
    DnsError,
    /// No endpoint of the upstream takes traffic.
    DestinationUnavailable,
    /// The upstream failed too often of late, so it is left alone for a while.
    BreakerOpen {
        /// Until it is tried again, in whole seconds; at least 1.
        retry_after_s: u32,
    },
    /// As many requests as the upstream takes are under way, and none ended in time.
    UpstreamOverloaded(&'static str),
    /// Nothing listens there.
    ConnectionRefused,
    /// The handshake was not done in time.
    ConnectionTimeout,
    /// The connection ended before the response's head.
    ConnectionTerminated,
    /// Another fault of the connection.
    ConnectionError,
    /// The endpoint's certificate is not to be trusted.
    TlsCertificateError,
    /// The endpoint does not speak TLS, or not as it should.
    TlsProtocolError,
    /// The endpoint ended the encrypted connection with an alert.
    TlsAlertReceived,
    /// The upstream's response broke the rules of HTTP.
    ResponseMalformed,
    /// A longer response than a plugin of the route can take.
    ResponseBodyTooLarge,
    /// The upstream sent no response head in time.
    ResponseTimeout,
    /// The route's whole time was used up, whoever used it.
    RouteTimeout,
    /// The route was taken away while the response, or a tunnel, still went on.
    RouteGone,
    /// A plugin was stopped by the engine or broke the contract.
    PluginTrap,
    /// A plugin answered in the middle of a body.
    PluginRefused,
    /// A plugin used up its running time or its time from start to end.
    PluginTimeout,
}

impl Failure {
    /// The status a client sees.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed { status, .. } => *status,
            Self::RequestMalformed(_) => 400,
            Self::PluginRefused => 403,
            Self::RouteNotFound => 404,
            Self::RequestHeadTimeout | Self::RequestBodyTimeout => 408,
            Self::RequestBodyTooLarge => 413,
            Self::RequestHeadTooLarge => 431,
            Self::ClientGone => 499,
            Self::PluginTrap | Self::PluginTimeout => 500,
            Self::MethodNotSupported => 501,
            Self::ConnectionRefused
            | Self::ConnectionTerminated
            | Self::ConnectionError
            | Self::TlsCertificateError
            | Self::TlsProtocolError
            | Self::TlsAlertReceived
            | Self::ResponseMalformed
            | Self::ResponseBodyTooLarge
            | Self::DnsError => 502,
            Self::Overloaded(_)
            | Self::DestinationUnavailable
            | Self::BreakerOpen { .. }
            | Self::UpstreamOverloaded(_)
            | Self::RouteGone => 503,
            Self::ConnectionTimeout | Self::ResponseTimeout | Self::RouteTimeout => 504,
        }
    }

    /// The `error` parameter of `Proxy-Status`, the metric label and the log field.
    #[must_use]
    pub const fn token(&self) -> &'static str {
        match self {
            Self::RequestMalformed(_) => "http_request_error",
            Self::Malformed { .. } => "request_framing_error",
            Self::RequestHeadTimeout => "request_head_timeout",
            Self::RequestBodyTimeout => "request_body_timeout",
            Self::RequestHeadTooLarge => "request_head_too_large",
            Self::RequestBodyTooLarge => "request_body_too_large",
            Self::ClientGone => "client_gone",
            Self::RouteNotFound => "destination_not_found",
            Self::MethodNotSupported => "method_not_supported",
            Self::Overloaded(_) => "proxy_overloaded",
            Self::DnsError => "dns_error",
            Self::DestinationUnavailable => "destination_unavailable",
            Self::BreakerOpen { .. } => "breaker_open",
            Self::UpstreamOverloaded(_) => "upstream_overloaded",
            Self::ConnectionRefused => "connection_refused",
            Self::ConnectionTimeout => "connection_timeout",
            Self::ConnectionTerminated => "connection_terminated",
            Self::ConnectionError => "connection_error",
            Self::TlsCertificateError => "tls_certificate_error",
            Self::TlsProtocolError => "tls_protocol_error",
            Self::TlsAlertReceived => "tls_alert_received",
            Self::ResponseMalformed => "http_protocol_error",
            Self::ResponseBodyTooLarge => "http_response_body_size",
            Self::ResponseTimeout => "http_response_timeout",
            Self::RouteTimeout => "route_timeout",
            Self::RouteGone => "route_gone",
            Self::PluginRefused => "http_request_denied",
            Self::PluginTrap => "proxy_internal_error",
            Self::PluginTimeout => "plugin_timeout",
        }
    }

    /// Whether the upstream is to blame, rather than the client, the gateway or a plugin.
    ///
    /// [`RouteTimeout`](Self::RouteTimeout) is nobody's: client, plugins and upstream share that
    /// time.
    #[must_use]
    pub const fn is_upstream(&self) -> bool {
        match self {
            Self::DnsError
            | Self::DestinationUnavailable
            | Self::BreakerOpen { .. }
            | Self::UpstreamOverloaded(_)
            | Self::ConnectionRefused
            | Self::ConnectionTimeout
            | Self::ConnectionTerminated
            | Self::ConnectionError
            | Self::TlsCertificateError
            | Self::TlsProtocolError
            | Self::TlsAlertReceived
            | Self::ResponseMalformed
            | Self::ResponseBodyTooLarge
            | Self::ResponseTimeout => true,
            Self::RequestMalformed(_)
            | Self::Malformed { .. }
            | Self::RequestHeadTimeout
            | Self::RequestBodyTimeout
            | Self::RequestHeadTooLarge
            | Self::RequestBodyTooLarge
            | Self::ClientGone
            | Self::RouteNotFound
            | Self::MethodNotSupported
            | Self::Overloaded(_)
            | Self::RouteTimeout
            | Self::RouteGone
            | Self::PluginRefused
            | Self::PluginTrap
            | Self::PluginTimeout => false,
        }
    }

    /// When the client may try again, in whole seconds (RFC 9110 section 10.2.3).
    #[must_use]
    pub const fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Overloaded(_) | Self::UpstreamOverloaded(_) => Some(1),
            Self::BreakerOpen { retry_after_s } => Some(*retry_after_s),
            _ => None,
        }
    }

    /// What the client may read and act on.
    #[must_use]
    pub const fn message(&self) -> &'static str {
        match self {
            Self::RequestMalformed(why)
            | Self::Overloaded(why)
            | Self::UpstreamOverloaded(why)
            | Self::Malformed { reason: why, .. } => why,
            Self::RequestHeadTimeout => "the request's head did not arrive in time",
            Self::RequestBodyTimeout => "the request's body did not arrive in time",
            Self::RequestHeadTooLarge => "the request's head is too large",
            Self::RequestBodyTooLarge => "the request's body is too large",
            Self::ClientGone => "the client went away",
            Self::RouteNotFound => "no route matches this request",
            Self::MethodNotSupported => "this method is not supported",
            Self::DnsError => "the upstream's name does not resolve",
            Self::DestinationUnavailable => "the upstream has no endpoint that takes traffic",
            Self::BreakerOpen { .. } => "the upstream failed too often and is left alone for now",
            Self::ConnectionRefused => "the upstream refused the connection",
            Self::ConnectionTimeout => "the upstream did not accept the connection in time",
            Self::ConnectionTerminated => "the upstream closed the connection without a response",
            Self::ConnectionError => "the upstream could not be reached",
            Self::TlsCertificateError => "the upstream's certificate is not to be trusted",
            Self::TlsProtocolError => "the upstream does not speak TLS as it should",
            Self::TlsAlertReceived => "the upstream refused the encrypted connection",
            Self::ResponseMalformed => "the upstream's response was not valid HTTP",
            Self::ResponseBodyTooLarge => {
                "the upstream's response is too large for a policy of this route"
            }
            Self::ResponseTimeout => "the upstream did not respond in time",
            Self::RouteTimeout => "the request took longer than its route allows",
            Self::RouteGone => "the route of this request was taken away",
            Self::PluginRefused => "a policy of this route refused this request",
            Self::PluginTrap => "a policy of this route failed",
            Self::PluginTimeout => "a policy of this route took too long",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::Failure;

    const UPSTREAM: bool = true;
    const OTHERS: bool = false;

    #[rustfmt::skip]
    const TABLE: [(Failure, u16, &str, bool); 29] = [
        (Failure::RequestMalformed("why"), 400, "http_request_error", OTHERS),
        (Failure::Malformed { status: 505, reason: "why" }, 505, "request_framing_error", OTHERS),
        (Failure::RequestHeadTimeout, 408, "request_head_timeout", OTHERS),
        (Failure::RequestBodyTimeout, 408, "request_body_timeout", OTHERS),
        (Failure::RequestHeadTooLarge, 431, "request_head_too_large", OTHERS),
        (Failure::RequestBodyTooLarge, 413, "request_body_too_large", OTHERS),
        (Failure::ClientGone, 499, "client_gone", OTHERS),
        (Failure::RouteNotFound, 404, "destination_not_found", OTHERS),
        (Failure::MethodNotSupported, 501, "method_not_supported", OTHERS),
        (Failure::Overloaded("why"), 503, "proxy_overloaded", OTHERS),
        (Failure::DnsError, 502, "dns_error", UPSTREAM),
        (Failure::DestinationUnavailable, 503, "destination_unavailable", UPSTREAM),
        (Failure::BreakerOpen { retry_after_s: 5 }, 503, "breaker_open", UPSTREAM),
        (Failure::UpstreamOverloaded("why"), 503, "upstream_overloaded", UPSTREAM),
        (Failure::ConnectionRefused, 502, "connection_refused", UPSTREAM),
        (Failure::ConnectionTimeout, 504, "connection_timeout", UPSTREAM),
        (Failure::ConnectionTerminated, 502, "connection_terminated", UPSTREAM),
        (Failure::ConnectionError, 502, "connection_error", UPSTREAM),
        (Failure::TlsCertificateError, 502, "tls_certificate_error", UPSTREAM),
        (Failure::TlsProtocolError, 502, "tls_protocol_error", UPSTREAM),
        (Failure::TlsAlertReceived, 502, "tls_alert_received", UPSTREAM),
        (Failure::ResponseMalformed, 502, "http_protocol_error", UPSTREAM),
        (Failure::ResponseBodyTooLarge, 502, "http_response_body_size", UPSTREAM),
        (Failure::ResponseTimeout, 504, "http_response_timeout", UPSTREAM),
        (Failure::RouteTimeout, 504, "route_timeout", OTHERS),
        (Failure::RouteGone, 503, "route_gone", OTHERS),
        (Failure::PluginRefused, 403, "http_request_denied", OTHERS),
        (Failure::PluginTrap, 500, "proxy_internal_error", OTHERS),
        (Failure::PluginTimeout, 500, "plugin_timeout", OTHERS),
    ];

    #[test]
    fn every_failure_has_its_status_its_token_and_its_culprit() {
        for (failure, status, token, upstream) in TABLE {
            assert_eq!(failure.status(), status, "{failure:?}");
            assert_eq!(failure.token(), token, "{failure:?}");
            assert_eq!(failure.is_upstream(), upstream, "{failure:?}");
        }
    }

    #[test]
    fn no_two_failures_share_a_token() {
        let mut tokens: Vec<_> = TABLE.iter().map(|(failure, ..)| failure.token()).collect();
        tokens.sort_unstable();
        tokens.dedup();
        assert_eq!(tokens.len(), TABLE.len());
    }

    #[test]
    fn a_failure_with_a_reason_says_it() {
        assert_eq!(Failure::Malformed { status: 431, reason: "too long" }.to_string(), "too long");
        assert_eq!(Failure::RequestMalformed("no host").to_string(), "no host");
        assert_eq!(Failure::Overloaded("no instance is free").to_string(), "no instance is free");
    }

    #[test]
    fn only_what_passes_by_itself_says_when_to_try_again() {
        let said = TABLE.iter().filter_map(|(failure, _, token, _)| {
            failure.retry_after_s().map(|seconds| (*token, seconds))
        });
        assert_eq!(
            said.collect::<Vec<_>>(),
            [("proxy_overloaded", 1), ("breaker_open", 5), ("upstream_overloaded", 1)]
        );
    }

    #[test]
    fn messages_and_tokens_fit_into_a_structured_field() {
        for (failure, ..) in TABLE {
            assert!(failure.message().bytes().all(|byte| matches!(byte, b' '..=b'~')));
            assert!(failure.token().bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()));
        }
    }
}

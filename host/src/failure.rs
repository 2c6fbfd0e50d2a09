//! Why an exchange was answered by the gateway instead of an upstream or a plugin.

use std::fmt;

/// Why a request got an answer that no upstream and no plugin gave.
///
/// The `error` token is that of `Proxy-Status` (RFC 9209 section 2.3) where one fits; the same
/// word is the metric label, the log field and the `error` member of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The request broke the rules of HTTP; the text says which.
    RequestMalformed(&'static str),
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
    /// Nothing listens there.
    ConnectionRefused,
    /// The handshake was not done in time.
    ConnectionTimeout,
    /// The connection ended before the response's head.
    ConnectionTerminated,
    /// Another fault of the connection.
    ConnectionError,
    /// The upstream's response broke the rules of HTTP.
    ResponseMalformed,
    /// The upstream sent no response head in time.
    ResponseTimeout,
    /// The route's whole time was used up.
    RouteTimeout,
    /// A plugin was stopped by the engine or broke the contract.
    PluginTrap,
    /// A plugin used up its running time or its time from start to end.
    PluginTimeout,
}

impl Failure {
    /// The status a client sees.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::RequestMalformed(_) => 400,
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
            | Self::ResponseMalformed
            | Self::DnsError => 502,
            Self::Overloaded(_) | Self::DestinationUnavailable => 503,
            Self::ConnectionTimeout | Self::ResponseTimeout | Self::RouteTimeout => 504,
        }
    }

    /// The `error` parameter of `Proxy-Status`, the metric label and the log field.
    #[must_use]
    pub const fn token(&self) -> &'static str {
        match self {
            Self::RequestMalformed(_)
            | Self::RouteNotFound
            | Self::MethodNotSupported
            | Self::RequestHeadTooLarge
            | Self::RequestBodyTooLarge => "http_request_error",
            Self::RequestHeadTimeout | Self::RequestBodyTimeout => "http_request_timeout",
            Self::ClientGone => "client_gone",
            Self::Overloaded(_) => "proxy_overloaded",
            Self::DnsError => "dns_error",
            Self::DestinationUnavailable => "destination_unavailable",
            Self::ConnectionRefused => "connection_refused",
            Self::ConnectionTimeout => "connection_timeout",
            Self::ConnectionTerminated => "connection_terminated",
            Self::ConnectionError => "destination_ip_unroutable",
            Self::ResponseMalformed => "http_protocol_error",
            Self::ResponseTimeout => "http_response_timeout",
            Self::RouteTimeout => "connection_read_timeout",
            Self::PluginTrap => "proxy_internal_error",
            Self::PluginTimeout => "proxy_internal_response",
        }
    }
}

impl fmt::Display for Failure {
    /// What the client may read and act on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RequestMalformed(why) | Self::Overloaded(why) => why,
            Self::RequestHeadTimeout => "the request's head did not arrive in time",
            Self::RequestBodyTimeout => "the request's body did not arrive in time",
            Self::RequestHeadTooLarge => "the request's head is too large",
            Self::RequestBodyTooLarge => "the request's body is too large",
            Self::ClientGone => "the client went away",
            Self::RouteNotFound => "no route matches this request",
            Self::MethodNotSupported => "this method is not supported",
            Self::DnsError => "the upstream's name does not resolve",
            Self::DestinationUnavailable => "the upstream has no endpoint that takes traffic",
            Self::ConnectionRefused => "the upstream refused the connection",
            Self::ConnectionTimeout => "the upstream did not accept the connection in time",
            Self::ConnectionTerminated => "the upstream closed the connection without a response",
            Self::ConnectionError => "the upstream could not be reached",
            Self::ResponseMalformed => "the upstream's response was not valid HTTP",
            Self::ResponseTimeout => "the upstream did not respond in time",
            Self::RouteTimeout => "the request took longer than its route allows",
            Self::PluginTrap => "a policy of this route failed",
            Self::PluginTimeout => "a policy of this route took too long",
        })
    }
}

impl std::error::Error for Failure {}

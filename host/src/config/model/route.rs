//! What happens to a request.

use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};

use super::{
    HeaderEdits, HostPolicy, Matcher, Mirror, PipelineEntry, PluginId, Rewrite, RouteCompression,
    Split, Upgrade, UpstreamId,
};
use crate::config::Location;

/// A match, and what happens to a request that matches.
#[derive(Debug)]
pub struct Route {
    /// Unique in the file; the label on logs and metrics.
    pub name: String,
    /// Which requests.
    pub matcher: Matcher,
    /// Applied to the path on its way to the upstream.
    pub rewrite: Option<Rewrite>,
    /// What the upstream sees as `Host`, if not what its own policy says.
    pub host: Option<HostPolicy>,
    /// Made last, on the way to the upstream or the handler.
    pub request_headers: HeaderEdits,
    /// Made last, to every response of the route.
    pub response_headers: HeaderEdits,
    /// Copies for another upstream.
    pub mirror: Option<Mirror>,
    /// In the order of the request phase: what the gateway runs for every route, its own, and what
    /// its upstream adds.
    pub pipeline: Vec<PipelineEntry>,
    /// Whether what the gateway runs for every route is part of its pipeline.
    pub gateway_pipeline: bool,
    /// Where a matched request ends up.
    pub destination: Destination,
    /// From the request's head read to the last byte of the response.
    pub timeout: Duration,
    /// Overrides `limits.request_body`.
    pub request_body_bytes: Option<u64>,
    /// Whether `%2F`, `%5C` and the like may stand in a path.
    pub allow_encoded_slash: bool,
    /// How its responses are compressed.
    pub compression: RouteCompression,
    /// Which other protocols its connections may change to.
    pub upgrade: Upgrade,
    /// Of the table's `match`, or the table.
    pub at: Location,
    /// Of the value of `handler`, or as `at`.
    pub handler_at: Location,
}

/// Where a matched request ends up; exactly one, by construction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// It is forwarded.
    Upstream(UpstreamId),
    /// It is forwarded to one of several.
    Split(Split),
    /// It is answered with this.
    Fixed(FixedResponse),
    /// It is sent elsewhere.
    Redirect(Redirect),
    /// A plugin answers it.
    Handler(PluginId),
}

/// An answer without an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedResponse {
    /// From 200 to 599.
    pub status: StatusCode,
    /// Validated; never hop-by-hop or `content-length`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// May be empty.
    pub body: String,
}

/// A redirect without an upstream. What is absent stays as the client asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: StatusCode,
    /// `http` or `https`.
    pub scheme: Option<String>,
    /// Without a port.
    pub host: Option<String>,
    /// Left out of the location if it is the scheme's own.
    pub port: Option<u16>,
    /// The path behind it; the query is kept.
    pub path: Option<Rewrite>,
}

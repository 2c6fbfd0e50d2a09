//! What came of one request.

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};

use super::witness::Seen;
use crate::config::fixture::Scalar;
use crate::facts::Source;

/// What came of one request.
#[derive(Debug)]
pub(in crate::author) struct Outcome {
    /// What the client got; in words if it got no whole response.
    pub(in crate::author) response: Result<http::Response<Bytes>, String>,
    /// What the upstream got, if anything.
    pub(in crate::author) sent: Option<Sent>,
    /// Who gave the response.
    pub(in crate::author) source: Option<Source>,
    /// What plugins left, at the end of the response.
    pub(in crate::author) attributes: Vec<(Box<str>, Scalar)>,
    /// What the plugin logged and printed.
    pub(in crate::author) logs: Vec<String>,
    /// How the plugin failed.
    pub(in crate::author) faults: Vec<Fault>,
    /// What the plugin wrote, with the output's name.
    pub(in crate::author) lines: Vec<(Box<str>, String)>,
}

/// A request as the upstream got it.
#[derive(Debug, Clone)]
pub(in crate::author) struct Sent {
    pub(in crate::author) method: Method,
    pub(in crate::author) uri: Uri,
    pub(in crate::author) headers: HeaderMap,
    pub(in crate::author) body: Bytes,
}

/// One failure of a call.
#[derive(Debug, Clone, Default)]
pub(in crate::author) struct Fault {
    /// `trap`, `cpu`, `wall`, `saturated` or `contract`.
    pub(in crate::author) word: String,
    /// The phase that was called.
    pub(in crate::author) phase: String,
    /// Why, with the guest's words and functions.
    pub(in crate::author) text: String,
}

impl Outcome {
    pub(super) fn new(
        response: Result<http::Response<Bytes>, String>,
        seen: Seen,
        sent: Option<Sent>,
        lines: Vec<(Box<str>, String)>,
    ) -> Self {
        let Seen { source, attributes, logs, faults, .. } = seen;
        Self { response, sent, source, attributes, logs, faults, lines }
    }
}

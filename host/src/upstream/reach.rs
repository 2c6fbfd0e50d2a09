//! How an endpoint is reached by one request.

use std::sync::Arc;

use http::Request;

use super::{Endpoint, Upstream, proxy_protocol};
use crate::body::RequestBody;
use crate::facts::Ends;

/// Which connections a request may share, and what a new one begins with.
#[derive(Debug)]
pub(super) struct Reach {
    /// Of the pools.
    pub(super) key: Arc<str>,
    /// What is sent before anything else, encryption included.
    pub(super) preface: Option<Vec<u8>>,
}

impl Upstream {
    /// With the PROXY protocol a connection tells for whom it is, so it belongs to one client's
    /// connection.
    pub(super) fn reach(&self, endpoint: &Endpoint, request: &Request<RequestBody>) -> Reach {
        let Some(version) = self.care.proxy_protocol else {
            return Reach { key: Arc::clone(endpoint.key()), preface: None };
        };
        let ends = request.extensions().get::<Ends>().copied();
        let key = match ends {
            None => Arc::clone(endpoint.key()),
            Some(Ends { client, gateway }) => {
                format!("{} for {client} at {gateway}", endpoint.key()).into()
            }
        };
        Reach { key, preface: Some(proxy_protocol::header(version, ends)) }
    }
}

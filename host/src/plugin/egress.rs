//! Where plugins' own requests go, and over which connections.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderValue;

use crate::config::HttpOrigin;
use crate::upstream::{Pools, Tls, Upstream};

thread_local! {
    static POOLS: Arc<Pools> = Arc::new(Pools::new());
}

/// The connections of the current thread to endpoints: a worker's exchanges and the plugins that
/// run on it share them.
///
/// A thread that runs plugins has one runtime, on which its connections live, and purges these.
#[must_use]
pub fn pools() -> Arc<Pools> {
    POOLS.with(Arc::clone)
}

/// Where plugins' own requests can go. A change of the configuration replaces it, so that requests
/// go elsewhere without a plugin being loaded again.
#[derive(Default)]
pub struct Egress(ArcSwap<Places>);

/// Of one snapshot.
struct Places {
    upstreams: HashMap<Arc<str>, Arc<Upstream>>,
    /// For `https` origins; absent if no plugin may send there.
    tls: Option<Tls>,
    via: HeaderValue,
}

impl Default for Places {
    fn default() -> Self {
        Self { upstreams: HashMap::new(), tls: None, via: HeaderValue::from_static("1.1 tidegate") }
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress").field("upstreams", &self.0.load().upstreams.len()).finish()
    }
}

impl Egress {
    /// Sends what is started from now on to these upstreams, with `gateway` as the name in `Via`,
    /// and trusts `https` origins by `tls`.
    pub fn replace(&self, gateway: &str, upstreams: &[Arc<Upstream>], tls: Option<Tls>) {
        let named = upstreams.iter().map(|all| (Arc::clone(all.name()), Arc::clone(all)));
        let via = HeaderValue::try_from(format!("1.1 {gateway}"))
            .unwrap_or_else(|_| HeaderValue::from_static("1.1 tidegate"));
        self.0.store(Arc::new(Places { upstreams: named.collect(), tls, via }));
    }

    pub(super) fn upstream(&self, name: &str) -> Option<Arc<Upstream>> {
        self.0.load().upstreams.get(name).cloned()
    }

    /// An upstream with this origin as its one endpoint; absent if it is `https` and nobody was to
    /// be trusted.
    ///
    /// It is made for one call: what lasts of an origin are the connections in the pools.
    pub(super) fn origin(&self, origin: &HttpOrigin) -> Option<Arc<Upstream>> {
        let tls = if origin.is_https { Some(self.0.load().tls.clone()?) } else { None };
        Some(Upstream::of_origin(origin, tls.as_ref()))
    }

    /// What this gateway adds to `Via`.
    pub(super) fn via(&self) -> HeaderValue {
        self.0.load().via.clone()
    }
}

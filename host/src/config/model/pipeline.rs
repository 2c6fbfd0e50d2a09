//! Which plugins run for a route, and when.

use ipnet::IpNet;

use super::{Matcher, PluginId, UpstreamId};
use crate::config::Location;

/// A plugin's place in a pipeline.
#[derive(Debug, Clone)]
pub struct PipelineEntry {
    /// Which plugin; each once in a composed pipeline.
    pub plugin: PluginId,
    /// Whose pipeline names it.
    pub owner: Owner,
    /// The plugin's own and those of this place; all must hold.
    pub clauses: Vec<Clause>,
    /// Of the name or the table.
    pub at: Location,
}

/// Whose pipeline an entry stands in. Their order is that of the request phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// `gateway.pipeline`, which every route has.
    Gateway,
    /// The route's own.
    Route,
    /// That of the upstream which the route forwards to.
    Upstream(UpstreamId),
}

impl Owner {
    /// As `/status` and `tidegate explain` call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Route => "route",
            Self::Upstream(_) => "upstream",
        }
    }
}

/// What must be so for a plugin to take part in an exchange.
#[derive(Debug, Clone)]
pub enum Clause {
    /// The condition holds.
    When(Condition),
    /// It does not.
    Unless(Condition),
}

/// A condition for an exchange. All that is given must hold.
#[derive(Debug, Clone)]
pub struct Condition {
    /// For the request's head, as the matcher of a route.
    pub matcher: Matcher,
    /// One of them holds the client's address; empty means any client.
    pub clients: Vec<IpNet>,
    /// One of them is in the attribute `consumer.groups`; empty means any.
    pub groups: Vec<String>,
    /// One of them is the attribute `consumer`; empty means any.
    pub consumers: Vec<String>,
}

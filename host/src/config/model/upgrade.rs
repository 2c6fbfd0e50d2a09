//! Leaving HTTP for another protocol.

use std::time::Duration;

/// Which protocols the connections of a route may change to (RFC 9110 section 7.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    /// Lower-case names, each with its version if it has one; empty if none is allowed.
    pub protocols: Vec<String>,
    /// How long nothing may pass in either direction afterwards.
    pub idle_timeout: Duration,
}

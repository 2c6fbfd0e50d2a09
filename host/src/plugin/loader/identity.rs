//! By what it is known whether a plugin has changed.

use aws_lc_rs::digest::{SHA256, digest};

use crate::config;
use crate::plugin::{Identity, Origin};

impl Identity {
    pub(super) fn of(
        config: &config::Plugin,
        bytes: &[u8],
        origin: &Origin,
        kv_bytes: usize,
    ) -> Self {
        Self {
            digest: digest_of(bytes),
            origin: origin.clone(),
            config_digest: digest_of(config.config.expose().as_bytes()),
            isolation: config.isolation,
            on_error: config.on_error,
            grants: config.grants.clone(),
            budget: config.budget.clone(),
            kv_bytes,
        }
    }
}

/// SHA-256 in hexadecimal.
pub(super) fn digest_of(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

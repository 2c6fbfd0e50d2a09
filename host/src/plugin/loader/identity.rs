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
            digest: sha256(bytes),
            origin: origin.clone(),
            config_digest: sha256(config.config.expose().as_bytes()),
            isolation: config.isolation,
            on_error: config.on_error,
            grants: config.grants.clone(),
            budget: config.budget.clone(),
            kv_bytes,
        }
    }
}

/// In lower-case hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

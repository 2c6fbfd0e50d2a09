//! Which exchanges have the other version of a plugin.
//!
//! A key (the request's id, the client's address, a header's value) and the plugin's name are hashed to
//! a number below 10000; those below the share have the canary. That is the same in every worker, after
//! every reload and in every gateway, and who has the canary keeps it when the share grows.

use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};

use crate::config::{self, CanaryKey, Selection, Share};
use crate::facts::Exchange;
use crate::plugin::Plugin;

/// The value of the header that has a client served by the canary.
const ALWAYS: &[u8] = b"always";
/// The value that keeps it from that.
const NEVER: &[u8] = b"never";

/// Another version of a plugin, for a share of the exchanges.
#[derive(Debug)]
pub struct Canary {
    plugin: Arc<Plugin>,
    /// Of both versions.
    name: Box<str>,
    selection: Selection,
    is_shadow: bool,
}

impl Canary {
    /// This version, by these settings.
    #[must_use]
    pub fn new(plugin: Arc<Plugin>, settings: &config::Canary) -> Self {
        Self {
            plugin,
            name: settings.plugin.name.as_str().into(),
            selection: settings.selection.clone(),
            is_shadow: settings.shadow,
        }
    }

    /// What runs.
    #[must_use]
    pub const fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// Which exchanges it takes.
    #[must_use]
    pub const fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Whether it runs beside the stable version, without effect.
    #[must_use]
    pub const fn is_shadow(&self) -> bool {
        self.is_shadow
    }

    /// Whether it takes this exchange.
    pub(super) fn takes(&self, exchange: &Exchange) -> bool {
        let Selection { share, by, force_header } = &self.selection;
        let headers = &exchange.request.headers;
        let forced = force_header.as_ref().and_then(|name| headers.get(name));
        match forced.map(http::HeaderValue::as_bytes) {
            Some(ALWAYS) => return true,
            Some(NEVER) => return false,
            Some(_) | None => {}
        }
        let number = match by {
            CanaryKey::Request => bucket(&self.name, exchange.id.as_bytes()),
            CanaryKey::Client => match exchange.client.address.to_canonical() {
                IpAddr::V4(address) => bucket(&self.name, &address.octets()),
                IpAddr::V6(address) => bucket(&self.name, &address.octets()),
            },
            CanaryKey::Header(name) => match headers.get(name) {
                Some(value) => bucket(&self.name, value.as_bytes()),
                None => return false,
            },
        };
        number < *share
    }
}

/// A number below [`Share::ALL`] for a key. With the plugin's name, so that it is not the same clients
/// who try out everything.
fn bucket(plugin: &str, key: &[u8]) -> Share {
    let mut context = Context::new(&SHA256);
    context.update(plugin.as_bytes());
    context.update(&[0]);
    context.update(key);
    let digest = context.finish();
    let first = digest.as_ref().first_chunk::<4>().copied().unwrap_or_default();
    // 2^32 is so much larger that the rest makes no difference.
    Share(u32::from_be_bytes(first) % Share::ALL.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_same_number_in_every_release() {
        assert_eq!(bucket("auth", b"alice"), Share(688));
        assert_ne!(bucket("auth", b"alice"), bucket("limit", b"alice"));
        assert_ne!(bucket("auth", b"alice"), bucket("auth", b"bob"));
    }

    #[test]
    fn a_share_of_the_keys_is_below_it() {
        let below = |share: u32| {
            let keys = (0..20_000_u32).map(|key| bucket("auth", key.to_string().as_bytes()));
            keys.filter(|number| *number < Share(share)).count()
        };
        for (share, expected) in [(0, 0), (500, 1000), (5000, 10_000), (10_000, 20_000)] {
            let off = below(share).abs_diff(expected);
            assert!(off <= 200, "{share}: {off} off");
        }
    }
}

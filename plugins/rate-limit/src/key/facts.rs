//! What several limits may ask of one request, asked of the host once.

use std::cell::OnceCell;
use std::net::IpAddr;

use serde_json::Value;
use tidegate_plugin::exchange;

use crate::net;

/// The facts of one request.
pub(crate) struct Facts {
    ipv4_prefix: u8,
    ipv6_prefix: u8,
    client: OnceCell<Option<IpAddr>>,
    address: OnceCell<Option<String>>,
    consumer: OnceCell<Option<String>>,
    claims: OnceCell<Value>,
}

impl Facts {
    pub(crate) const fn new(ipv4_prefix: u8, ipv6_prefix: u8) -> Self {
        Self {
            ipv4_prefix,
            ipv6_prefix,
            client: OnceCell::new(),
            address: OnceCell::new(),
            consumer: OnceCell::new(),
            claims: OnceCell::new(),
        }
    }

    /// The client's address; absent if the host's text is none.
    pub(crate) fn client(&self) -> Option<IpAddr> {
        *self.client.get_or_init(|| exchange::client().address.parse().ok())
    }

    /// The network of the client's address.
    pub(crate) fn address(&self) -> Option<&str> {
        let network = || {
            let client = self.client()?;
            Some(net::masked(client, self.ipv4_prefix, self.ipv6_prefix).to_string())
        };
        self.address.get_or_init(network).as_deref()
    }

    /// The caller's name, unless nobody found out or it is empty.
    pub(crate) fn consumer(&self) -> Option<&str> {
        let name = || exchange::text_attribute("consumer").filter(|name| !name.is_empty());
        self.consumer.get_or_init(name).as_deref()
    }

    /// The verified claims; null if there are none.
    pub(crate) fn claims(&self) -> &Value {
        let claims = || {
            let json = exchange::text_attribute("auth.claims")?;
            serde_json::from_str(&json).ok()
        };
        self.claims.get_or_init(|| claims().unwrap_or_default())
    }
}

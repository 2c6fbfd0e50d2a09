//! `consumers`: known callers.

use tidegate_macros::host_calls;
use wasmtime::Result;

use crate::config;
use crate::plugin::contract::bindings::tidegate::plugin::consumers as wit;
use crate::plugin::guest::Guest;
use crate::telemetry::metrics::Interface;

#[host_calls(Interface::Consumers)]
impl wit::Host for Guest {
    #[secret]
    fn by_credential(&mut self, kind: String, #[secret] id: String) -> Result<Option<wit::Match>> {
        self.in_phase("consumers.by-credential")?;
        let scope = self.shared.grants.consumers();
        if scope.is_some_and(|scope| !scope.kinds.contains(&kind)) {
            return Ok(None);
        }
        let consumers = self.shared.consumers.load();
        Ok(consumers.by_credential(&kind, &id).map(|holder| wit::Match {
            consumer: (&*holder.consumer).into(),
            secret: holder.secret.as_ref().map(|secret| secret.expose().as_bytes().to_vec()),
        }))
    }

    fn by_name(&mut self, name: String) -> Result<Option<wit::Consumer>> {
        self.in_phase("consumers.by-name")?;
        Ok(self.shared.consumers.load().by_name(&name).map(|consumer| (&**consumer).into()))
    }
}

impl From<&config::Consumer> for wit::Consumer {
    fn from(consumer: &config::Consumer) -> Self {
        let config::Consumer { name, groups, attributes, .. } = consumer;
        Self { name: name.clone(), groups: groups.clone(), attributes: attributes.clone() }
    }
}

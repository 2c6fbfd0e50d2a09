//! `secret`: what the operator keeps outside of the configuration.

use tidegate_macros::host_calls;
use wasmtime::Result;

use crate::plugin::contract::bindings::tidegate::plugin::secret::Host;
use crate::plugin::guest::Guest;
use crate::telemetry::metrics::Interface;

#[host_calls(Interface::Secret)]
impl Host for Guest {
    #[secret]
    fn get(&mut self, name: String) -> Result<Option<Vec<u8>>> {
        self.in_phase("secret.get")?;
        if !self.shared.grants.secrets().contains(&name) {
            return Ok(None);
        }
        Ok(self.shared.secrets.load().get(&name).map(<[u8]>::to_vec))
    }
}

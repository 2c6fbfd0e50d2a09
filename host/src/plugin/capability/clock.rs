//! `clock`: the time.

use tidegate_macros::host_calls;
use wasmtime::Result;

use crate::plugin::contract::bindings::tidegate::plugin::clock::Host;
use crate::plugin::guest::Guest;
use crate::telemetry::metrics::Interface;

#[host_calls(Interface::Clock)]
impl Host for Guest {
    fn unix_ms(&mut self) -> Result<u64> {
        Ok(crate::clock::unix_ms())
    }

    fn monotonic_us(&mut self) -> Result<u64> {
        Ok(crate::clock::monotonic_us())
    }
}

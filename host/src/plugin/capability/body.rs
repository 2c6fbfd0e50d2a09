//! `body`: the request's body, for handlers.

use http::HeaderMap;
use tidegate_macros::host_calls;
use wasmtime::Result;

use super::fields;
use crate::facts::Edit;
use crate::plugin::contract::bindings::tidegate::plugin::body::{BodyError, Host};
use crate::plugin::contract::bindings::tidegate::plugin::types::Header;
use crate::plugin::guest::Guest;
use crate::telemetry::metrics::Interface;

#[host_calls(Interface::Body)]
impl Host for Guest {
    async fn read(&mut self) -> Result<Result<Option<Vec<u8>>, BodyError>> {
        let part = self.handling("body.read")?.read().await;
        Ok(part.map(|part| part.map(Into::into)))
    }

    async fn read_all(&mut self, max_bytes: u64) -> Result<Result<Vec<u8>, BodyError>> {
        // What the guest has no room for need not be read.
        let room = self.shared.memory_bytes as u64;
        Ok(self.handling("body.read-all")?.read_all(max_bytes.min(room)).await)
    }

    fn trailers(&mut self) -> Result<Vec<Header>> {
        let trailers = self.handling("body.trailers")?.trailers();
        // As in a head, what belongs to the host is nothing to a plugin.
        let own = trailers.iter().filter(|(name, _)| Edit::name(name.as_str()).is_ok());
        let own: HeaderMap = own.map(|(name, value)| (name.clone(), value.clone())).collect();
        Ok(fields(&own))
    }
}

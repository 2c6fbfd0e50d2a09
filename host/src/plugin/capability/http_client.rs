//! `http-client`: requests of the plugin's own.
//!
//! The functions that wait suspend the guest's fiber; the worker's event loop goes on.

use tidegate_macros::host_calls;
use wasmtime::Result;
use wasmtime::component::Resource;

use super::{fields, outside};
use crate::plugin::client::{Call, Client};
use crate::plugin::contract::bindings::tidegate::plugin::http_client as wit;
use crate::plugin::contract::bindings::tidegate::plugin::types::Header;
use crate::plugin::guest::{Guest, Shared};
use crate::telemetry::metrics::Interface;

#[host_calls(Interface::HttpClient)]
impl wit::Host for Guest {
    #[handle]
    async fn start(
        &mut self,
        request: wit::Outgoing,
    ) -> Result<Result<Resource<Call>, wit::ClientError>> {
        Ok(self.start_call("http-client.start", request)?.map(Resource::new_own))
    }

    async fn wait_any(&mut self, #[handle] calls: Vec<Resource<Call>>) -> Result<u32> {
        if calls.is_empty() {
            return Err(wasmtime::format_err!("`http-client.wait-any` was called without a call"));
        }
        let index = self.calls.any(&numbers(&calls)).await;
        Ok(u32::try_from(index).unwrap_or(u32::MAX))
    }

    async fn wait_all(&mut self, #[handle] calls: Vec<Resource<Call>>) -> Result<()> {
        self.calls.all(&numbers(&calls)).await;
        Ok(())
    }

    async fn send(
        &mut self,
        request: wit::Outgoing,
        max_bytes: u32,
    ) -> Result<Result<wit::WholeResponse, wit::ClientError>> {
        if matches!(request.body, wit::OutgoingBody::Streamed) {
            let why = "`http-client.send` sends a body as a whole".to_owned();
            return Ok(Err(wit::ClientError::Invalid(why)));
        }
        let max_bytes = granted(&self.shared, "http-client.send")?.readable(max_bytes);
        let number = match self.start_call("http-client.send", request)? {
            Ok(number) => number,
            Err(error) => return Ok(Err(error)),
        };
        let whole = self.whole(number, max_bytes).await;
        self.calls.end(number);
        Ok(whole)
    }
}

#[host_calls(Interface::HttpClient)]
impl wit::HostCall for Guest {
    async fn write(
        &mut self,
        #[handle] call: Resource<Call>,
        part: Vec<u8>,
    ) -> Result<Result<(), wit::ClientError>> {
        Ok(match self.calls.get(call.rep()) {
            Ok(call) => call.write(part.into()).await,
            Err(gone) => Err(gone),
        })
    }

    async fn end(
        &mut self,
        #[handle] call: Resource<Call>,
    ) -> Result<Result<(), wit::ClientError>> {
        Ok(match self.calls.get(call.rep()) {
            Ok(call) => call.end().await,
            Err(gone) => Err(gone),
        })
    }

    async fn response(
        &mut self,
        #[handle] call: Resource<Call>,
    ) -> Result<Result<wit::ResponseHead, wit::ClientError>> {
        Ok(match self.calls.get(call.rep()) {
            Ok(call) => call.head().await.cloned(),
            Err(gone) => Err(gone),
        })
    }

    async fn read(
        &mut self,
        #[handle] call: Resource<Call>,
    ) -> Result<Result<Option<Vec<u8>>, wit::ClientError>> {
        Ok(match self.calls.get(call.rep()) {
            Ok(call) => call.read().await.map(|part| part.map(Into::into)),
            Err(gone) => Err(gone),
        })
    }

    async fn read_all(
        &mut self,
        #[handle] call: Resource<Call>,
        max_bytes: u32,
    ) -> Result<Result<Vec<u8>, wit::ClientError>> {
        let max_bytes = granted(&self.shared, "call.read-all")?.readable(max_bytes);
        Ok(match self.calls.get(call.rep()) {
            Ok(call) => call.read_all(max_bytes).await,
            Err(gone) => Err(gone),
        })
    }

    async fn trailers(&mut self, #[handle] call: Resource<Call>) -> Result<Vec<Header>> {
        Ok(self.calls.get(call.rep()).map(|call| fields(call.trailers())).unwrap_or_default())
    }

    async fn drop(&mut self, #[handle] call: Resource<Call>) -> Result<()> {
        self.calls.end(call.rep());
        Ok(())
    }
}

impl Guest {
    fn start_call(
        &mut self,
        call: &'static str,
        request: wit::Outgoing,
    ) -> Result<Result<u32, wit::ClientError>> {
        self.in_phase(call)?;
        let Self { shared, calls, until, .. } = self;
        let client = granted(shared, call)?;
        let until = until.ok_or_else(|| outside(call, "a phase"))?;
        Ok(client.start(calls, request, until))
    }

    /// Reads the response of a call to its end.
    async fn whole(
        &mut self,
        number: u32,
        max_bytes: usize,
    ) -> Result<wit::WholeResponse, wit::ClientError> {
        let call = self.calls.get(number)?;
        let wit::ResponseHead { status, headers } = call.head().await?.clone();
        let body = call.read_all(max_bytes).await?;
        Ok(wit::WholeResponse { status, headers, body })
    }
}

/// The loader lets no component in that imports this without the grant.
fn granted<'s>(shared: &'s Shared, call: &'static str) -> Result<&'s Client> {
    let client = shared.client.as_ref();
    client.ok_or_else(|| wasmtime::format_err!("`{call}` was called without the grant"))
}

fn numbers(calls: &[Resource<Call>]) -> Vec<u32> {
    calls.iter().map(Resource::rep).collect()
}

//! Requests that a component of `wasi:http` makes.

use std::future::{Future, ready};

use http::{Request, Response};
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody, WasiHttpHooks};

/// Bytes that a guest may write at once. Two such parts wait for the client at most, and there may be
/// hundreds of instances.
const PART_BYTES_MAX: usize = 64 * 1024;

/// What `wasi:http/outgoing-handler` does.
#[derive(Debug, Default)]
pub(in crate::plugin) struct Outgoing;

/// A response, and what goes on while its body is read.
type Sent = Result<(Response<WasiBody>, Box<dyn Future<Output = Result<()>> + Send>)>;

impl WasiHttpHooks for Outgoing {
    fn send_request(
        &mut self,
        _request: Request<WasiBody>,
        _options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<()>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        Box::new(ready(Err(Error::HttpRequestDenied)))
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        PART_BYTES_MAX
    }
}

//! A client in bytes, and the body that the gateway's server makes of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::oneshot;

use crate::body::{Progress, RequestBody};

/// Bytes on the way between the client and the gateway's server at most.
pub(crate) const ON_THE_WAY: usize = 16 * 1024;

pub(crate) struct Client(DuplexStream);

impl Client {
    /// Sends `POST /` with these field lines and a first part of its body.
    #[expect(clippy::disallowed_methods, reason = "the connection ends with the client")]
    pub(crate) async fn posts(fields: &str, body: &str) -> (Self, Request<Incoming>) {
        let (mut client, server) = duplex(ON_THE_WAY);
        let (sender, receiver) = oneshot::channel();
        let sender = Arc::new(Mutex::new(Some(sender)));
        let service = service_fn(move |request| {
            let sender = sender.lock().unwrap().take();
            async move {
                sender.unwrap().send(request).unwrap();
                std::future::pending::<Result<Response<Empty<&[u8]>>, hyper::Error>>().await
            }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(server), service));
        let text = format!("POST / HTTP/1.1\r\nhost: h\r\n{fields}\r\n{body}");
        client.write_all(text.as_bytes()).await.unwrap();
        (Self(client), receiver.await.unwrap())
    }

    pub(crate) async fn says(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }
}

/// What `request` is on its way to an upstream.
pub(crate) fn forwarded(
    request: Request<Incoming>,
    limit_bytes: u64,
    idle: Duration,
) -> (Request<RequestBody>, Arc<Progress>) {
    let progress = Arc::new(Progress::new());
    let shared = Arc::clone(&progress);
    let body = |incoming| RequestBody::streamed(incoming, limit_bytes, idle, shared);
    (request.map(body), progress)
}

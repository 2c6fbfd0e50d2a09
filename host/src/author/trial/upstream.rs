//! The upstream within the process.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio_util::task::TaskTracker;

use super::{PIPE_BYTES, Sent, lock};
use crate::config::fixture::{Reply, UPSTREAM};
use crate::upstream::Stage;

/// Answers as the case says, and remembers what it was asked.
#[derive(Default)]
pub(super) struct Backstage {
    script: Arc<Mutex<Script>>,
    tasks: TaskTracker,
}

#[derive(Default)]
struct Script {
    /// `None` refuses connections.
    reply: Option<Reply>,
    sent: Option<Sent>,
}

impl Backstage {
    /// What is answered from now on.
    pub(super) fn set(&self, reply: Option<Reply>) {
        *lock(&self.script) = Script { reply, sent: None };
    }

    /// What was asked since.
    pub(super) fn take(&self) -> Option<Sent> {
        lock(&self.script).sent.take()
    }
}

impl Stage for Backstage {
    fn connect(&self, upstream: &str) -> Option<DuplexStream> {
        if upstream != UPSTREAM || lock(&self.script).reply.is_none() {
            return None;
        }
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let script = Arc::clone(&self.script);
        let service = service_fn(move |request| answer(Arc::clone(&script), request));
        // Ends with the connection, which a pool of the trial owns.
        self.tasks.spawn(async move {
            let server = hyper::server::conn::http1::Builder::new();
            drop(server.serve_connection(TokioIo::new(far), service).await);
        });
        Some(near)
    }
}

async fn answer(
    script: Arc<Mutex<Script>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let http::request::Parts { method, uri, headers, .. } = parts;
    let mut script = lock(&script);
    script.sent = Some(Sent { method, uri, headers, body });
    let Reply { status, headers, body } = script.reply.clone().unwrap_or_default();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    for (name, value) in headers {
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

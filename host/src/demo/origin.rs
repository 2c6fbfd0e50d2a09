//! The demo's upstream: it answers every request with what it was asked.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::runtime;
use tokio_util::task::TaskTracker;

/// Listens on a free port; the thread ends with the process.
pub(super) fn start() -> io::Result<SocketAddr> {
    let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("demo-upstream".to_owned()).spawn(move || {
        if let Err(error) = runtime.block_on(serve(socket)) {
            tracing::error!(%error, "the demo's upstream has ended");
        }
    })?;
    Ok(address)
}

async fn serve(socket: std::net::TcpListener) -> io::Result<()> {
    let socket = TcpListener::from_std(socket)?;
    let connections = TaskTracker::new();
    loop {
        let (stream, _) = socket.accept().await?;
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
        connections.spawn(async move {
            // The gateway closes idle connections as it likes.
            let _ended = connection.await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, mut body) = request.into_parts();
    let mut body_bytes = 0;
    while let Some(Ok(frame)) = body.frame().await {
        body_bytes += frame.data_ref().map_or(0, Bytes::len);
    }
    let mut headers = Map::new();
    for (name, value) in &head.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let joined = match headers.get(name.as_str()).and_then(Value::as_str) {
            Some(first) => format!("{first}, {value}"),
            None => value.into_owned(),
        };
        headers.insert(name.as_str().to_owned(), Value::String(joined));
    }
    let told = json!({
        "from": "the demo's upstream",
        "method": head.method.as_str(),
        "path": head.uri.path(),
        "query": head.uri.query(),
        "headers": headers,
        "body_bytes": body_bytes,
    });
    let mut response = Response::new(Full::from(format!("{told:#}\n")));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

//! Real sockets: bytes in, bytes out.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::tls::Acceptor;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::{Drainer, Peer, Settings, bind, serve};
use crate::config::Limits;
use crate::facts::Ends;

mod ending;
mod faults;
mod http1;
mod http2;
mod speed;
mod tls;

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(40);

fn limits() -> Limits {
    Limits {
        request_head_bytes: 1024,
        request_headers: 8,
        request_body_bytes: 1 << 20,
        connections: 100,
        header_timeout: LONG,
        idle_timeout: LONG,
        body_timeout: LONG,
        http2_streams: 10,
        counters: 1,
        kv_bytes: 1,
        held_bodies_bytes: 1,
        cache_bytes: 1,
        instances: 1,
        exchanges: None,
    }
}

/// What the service under test does besides answering, for tests that steer it.
#[derive(Default)]
struct Stage {
    /// `/wait` answers when this is told.
    go: Notify,
    events: Mutex<Option<mpsc::UnboundedSender<&'static str>>>,
}

impl Stage {
    fn tell(&self, event: &'static str) {
        if let Some(sender) = &*self.events.lock().unwrap() {
            sender.send(event).unwrap();
        }
    }
}

struct ToldWhenDropped<'a>(&'a Stage);

impl Drop for ToldWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.tell("dropped");
    }
}

/// `/echo` gives the body back, `/wait` waits, anything else answers without reading the body.
async fn answer(
    stage: Arc<Stage>,
    request: Request<Incoming>,
    peer: Arc<Peer>,
) -> Response<Full<Bytes>> {
    let reply = |status: u16, text: String| {
        Response::builder().status(status).body(Full::from(text)).unwrap()
    };
    if let Some(fault) = peer.take_fault() {
        return reply(fault.status(), fault.to_string());
    }
    let (head, body) = request.into_parts();
    match head.uri.path() {
        "/echo" => match body.collect().await {
            Ok(body) => reply(200, String::from_utf8(body.to_bytes().to_vec()).unwrap()),
            Err(error) => {
                let kind = io_kind(&error);
                let reason = peer.body_fault().map(|fault| fault.to_string());
                stage.tell(if reason.is_some() { "broken" } else { "gone" });
                reply(400, format!("{kind:?}: {}", reason.unwrap_or_default()))
            }
        },
        "/wait" => {
            let dropped = ToldWhenDropped(&stage);
            stage.tell("waiting");
            stage.go.notified().await;
            std::mem::forget(dropped);
            reply(200, "waited".to_owned())
        }
        "/large" => reply(200, "x".repeat(32 << 20)),
        path => reply(200, format!("{} {path}", head.method)),
    }
}

fn io_kind(error: &hyper::Error) -> Option<std::io::ErrorKind> {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

struct Server {
    address: SocketAddr,
    drainer: Drainer,
    stage: Arc<Stage>,
    /// One message for each connection that has ended.
    ended: mpsc::UnboundedReceiver<()>,
    _tasks: JoinSet<()>,
}

impl Server {
    fn start(limits: &Limits) -> Self {
        Self::start_with(limits, None)
    }

    fn start_with(limits: &Limits, tls: Option<Acceptor>) -> Self {
        let socket = bind("127.0.0.1:0".parse().unwrap(), 1).unwrap().pop().unwrap();
        let address = socket.local_addr().unwrap();
        let listener = tokio::net::TcpListener::from_std(socket).unwrap();
        let settings = Arc::new(Settings::new(limits));
        let (drainer, drain) = Drainer::new();
        let stage = Arc::<Stage>::default();
        let (sender, ended) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let held = Arc::clone(&stage);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, client) = listener.accept().await.unwrap();
                let ends = Ends { client, gateway: address };
                let stage = Arc::clone(&held);
                let handle = move |request, peer| answer(Arc::clone(&stage), request, peer);
                let connection =
                    serve(stream, ends, tls.clone(), Arc::clone(&settings), handle, drain.clone());
                let sender = sender.clone();
                connections.spawn(async move {
                    connection.await;
                    let _: Result<_, _> = sender.send(());
                });
            }
        });
        Self { address, drainer, stage, ended, _tasks: tasks }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    fn events(&self) -> mpsc::UnboundedReceiver<&'static str> {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.stage.events.lock().unwrap() = Some(sender);
        receiver
    }

    /// What the server sends, to the end of the connection, for these bytes.
    async fn exchange(&self, bytes: impl AsRef<[u8]>) -> Vec<String> {
        let mut client = self.connect().await;
        client.write_all(bytes.as_ref()).await.unwrap();
        answers(&rest(&mut client).await)
    }
}

/// All bytes to the end of the stream, which must come without a reset.
async fn rest(client: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut bytes = Vec::new();
    in_time(client.read_to_end(&mut bytes)).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

/// One response with `content-length`.
async fn one(client: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut bytes = Vec::new();
    loop {
        bytes.push(in_time(client.read_u8()).await.unwrap());
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if length.map_or(0, |length| length.parse().unwrap()) == body.len() {
            return answers(&text).pop().unwrap();
        }
    }
}

/// Status, `connection` if there is one, and body of each response: `200 close waited`.
fn answers(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((head, after)) = rest.split_once("\r\n\r\n") {
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
        let length = field("content-length: ").map_or(0, |length| length.parse::<usize>().unwrap());
        let (body, next) = after.split_at(length);
        let status = head.split(' ').nth(1).unwrap();
        let parts = [status, field("connection: ").unwrap_or_default(), body];
        found.push(parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "));
        rest = next;
    }
    assert_eq!(rest, "", "bytes after the last response");
    found
}

async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("within 20 seconds")
}

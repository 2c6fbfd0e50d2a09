//! A bare proxy on hyper with the shared policies in native code: `hyper-proxy <policy> <port>`, and variables as in
//! `policies`. What a gateway on hyper cannot go below.
//!
//! RUNTIME=single is one thread with connections to the origin of its own; RUNTIME=stealing is tokio's work-stealing
//! runtime with one worker and hyper-util's pooling client.

mod exchange;
mod origin;
mod tls;

use std::io;
use std::net::Ipv4Addr;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use policies::{AccessLog, Policies, Policy};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;

use crate::exchange::Gateway;
use crate::origin::Origin;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As with the other peers: thousands of clients come at once.
const BACKLOG: u32 = 4096;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, letter, port] = arguments.as_slice() else {
        panic!("usage: hyper-proxy <policy> <port>")
    };
    let policy = Policy::named(letter).expect("a policy from a to g");
    let port = port.parse().expect("a port");
    let stealing = std::env::var("RUNTIME").is_ok_and(|runtime| runtime == "stealing");

    let tls = (policy == Policy::Tls).then(tls::acceptor);
    let address = std::env::var("ORIGIN").expect("ORIGIN");
    let origin = if stealing { Origin::shared(&address) } else { Origin::owned(&address) };
    let gateway: &'static Gateway =
        Box::leak(Box::new(Gateway::new(Policies::from_env(policy), origin)));

    let runtime = if stealing { work_stealing()? } else { single()? };
    // A spawned task runs on the worker; the thread that blocks only waits.
    runtime.block_on(async move { tokio::spawn(listen(gateway, port, tls)).await? })
}

fn single() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn work_stealing() -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(1).enable_all().build()
}

async fn listen(gateway: &'static Gateway, port: u16, tls: Option<TlsAcceptor>) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    let listener = socket.listen(BACKLOG)?;
    tokio::spawn(async {
        loop {
            tokio::time::sleep(AccessLog::FLUSH).await;
            gateway.policies.log.flush();
        }
    });
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(serve(gateway, stream, tls.clone()));
    }
}

/// One connection to its end. What goes wrong with it is its client's matter.
async fn serve(gateway: &'static Gateway, stream: TcpStream, tls: Option<TlsAcceptor>) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return serve_http1(gateway, stream).await };
    let Ok(stream) = tls.accept(stream).await else { return };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        let service = service_fn(|request| gateway.handle(request));
        let _ = http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service)
            .await;
    } else {
        serve_http1(gateway, stream).await;
    }
}

async fn serve_http1(gateway: &'static Gateway, stream: impl AsyncRead + AsyncWrite + Unpin) {
    let service = service_fn(|request| gateway.handle(request));
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

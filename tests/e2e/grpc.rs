//! HTTP/2 to upstreams, and gRPC over it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http2 as client_http2;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::PrivateKeyDer;
use tidegate_tests::client::{self, Reply};
use tidegate_tests::gateway::{self, Builder, Gateway};
use tidegate_tests::{origin, soon, until};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

/// A server that speaks HTTP/2 with prior knowledge; ends with this value.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn gateway(&self) -> Builder {
        gateway::at(&[&format!("http://{}", self.address)])
            .upstream("protocol = \"h2\"")
            .route("/", [])
    }
}

/// What a body ends with.
struct Ended {
    inner: Incoming,
    trailers: Option<HeaderMap>,
}

impl Body for Ended {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => {
                let mut trailers = self.trailers.take().unwrap_or_default();
                trailers.extend(frame.into_trailers().unwrap());
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
            Poll::Ready(None) => {
                Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
            }
            other => other,
        }
    }
}

/// Sends back what it gets as it gets it, with what it saw of the head in the head, and
/// `grpc-status: 0` in the trailers.
#[allow(clippy::unused_async, reason = "a service is a future")]
async fn echo(request: Request<Incoming>) -> Result<Response<Ended>, Infallible> {
    let mut response = Response::builder()
        .header("content-type", "application/grpc")
        .header("x-version", format!("{:?}", request.version()))
        .header("x-target", request.uri().to_string());
    for (name, value) in request.headers() {
        response = response.header(format!("x-saw-{name}"), value);
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Ended { inner: request.into_body(), trailers: Some(trailers) };
    Ok(response.body(body).unwrap())
}

/// Serves connections with [`echo`]; each says goodbye after `requests` of them.
async fn echoing(requests: usize, tls: Option<TlsAcceptor>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&connections);
    let accepting = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            let tls = tls.clone();
            tokio::spawn(async move {
                match tls {
                    None => serve(TokioIo::new(stream), requests).await,
                    Some(tls) => {
                        let Ok(stream) = tls.accept(stream).await else { return };
                        serve(TokioIo::new(stream), requests).await;
                    }
                }
            });
        }
    });
    Server { address, connections, accepting }
}

async fn serve<S>(stream: S, requests: usize)
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
{
    let (told, mut served) = mpsc::unbounded_channel();
    let service = service_fn(move |request| {
        told.send(()).unwrap();
        echo(request)
    });
    let connection = http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service);
    let mut connection = std::pin::pin!(connection);
    for _ in 0..requests {
        tokio::select! {
            biased;
            _ended = connection.as_mut() => return,
            _request = served.recv() => {}
        }
    }
    connection.as_mut().graceful_shutdown();
    drop(connection.await);
}

/// A call that has its whole request.
fn call(headers: &[(&str, &str)], body: &'static str) -> Request<Full<Bytes>> {
    let always = [("content-type", "application/grpc"), ("te", "trailers")];
    let headers: Vec<_> = always.iter().chain(headers).copied().collect();
    client::request("POST", "/orders/Get", &headers, body)
}

async fn called(gateway: &Gateway, headers: &[(&str, &str)]) -> Reply {
    gateway.http2().await.send(call(headers, "hello")).await
}

#[tokio::test]
async fn endpoints_are_checked_in_what_they_speak() {
    let server = echoing(usize::MAX, None).await;
    for (status, state) in [(200, "healthy"), (204, "unhealthy")] {
        let seen = server.connections();
        let check = format!("{{ path = \"/\", status = {status}, interval = \"20ms\", fall = 1 }}");
        let gateway = server.gateway().upstream(&format!("health = {check}")).start().await;
        until(async || (server.connections() > seen + 2).then_some(())).await;
        let shown = gateway.status().await;
        assert_eq!(shown["upstreams"][0]["endpoints"][0]["state"], state, "{status}");
    }
}

#[tokio::test]
async fn a_call_passes_with_its_trailers() {
    let server = echoing(usize::MAX, None).await;
    let gateway = server.gateway().start().await;
    let reply = called(&gateway, &[("x-a", "b")]).await;
    assert_eq!((reply.status(), reply.text()), (200, "hello"));
    assert_eq!(reply.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(reply.header("x-version"), Some("HTTP/2.0"));
    let target = format!("http://{}/orders/Get", gateway.address());
    assert_eq!(reply.header("x-target"), Some(target.as_str()));
    assert_eq!(reply.header("x-saw-te"), Some("trailers"));
    assert_eq!(reply.header("x-saw-x-a"), Some("b"));
    assert_eq!(reply.header("x-saw-host"), None);
    assert_eq!(reply.header("x-saw-connection"), None);
    assert_eq!(reply.header("via"), Some("2 tidegate"));
}

#[tokio::test]
async fn clients_of_http1_are_served_from_it_too() {
    let server = echoing(usize::MAX, None).await;
    let gateway = server.gateway().upstream("host = \"shop.internal\"").start().await;
    let mut client = gateway.http1().await;
    let reply = client.send(client::request("POST", "/p?q=1", &[], "hello")).await;
    assert_eq!((reply.status(), reply.text()), (200, "hello"));
    assert_eq!(reply.header("x-target"), Some("http://shop.internal/p?q=1"));
    assert_eq!(client.get("/").await.text(), "");
    assert_eq!(server.connections(), 1);
}

/// A body in the making.
struct Written(mpsc::UnboundedReceiver<Frame<Bytes>>);

impl Body for Written {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

#[tokio::test]
async fn both_sides_stream_at_the_same_time() {
    let server = echoing(usize::MAX, None).await;
    let gateway = server.gateway().start().await;
    let stream = soon(TcpStream::connect(gateway.address())).await.unwrap();
    let (mut sender, connection) =
        client_http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (writer, body) = mpsc::unbounded_channel();
    let request = Request::post(format!("http://{}/s/Chat", gateway.address()))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .version(Version::HTTP_2)
        .body(Written(body))
        .unwrap();
    let mut response = soon(sender.send_request(request)).await.unwrap().into_body();
    for text in ["one", "two", "three"] {
        writer.send(Frame::data(Bytes::from_static(text.as_bytes()))).unwrap();
        // It is here before the next is sent.
        let frame = soon(response.frame()).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), text.as_bytes());
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("3"));
    writer.send(Frame::trailers(trailers)).unwrap();
    drop(writer);
    let trailers = soon(response.frame()).await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(
        (&trailers["x-sum"], &trailers["grpc-status"]),
        (&HeaderValue::from_static("3"), &HeaderValue::from_static("0"),)
    );
}

#[tokio::test]
async fn a_burst_shares_one_connection() {
    let server = echoing(usize::MAX, None).await;
    let gateway = server.gateway().setting("workers = 1").start().await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let mut client = gateway.http2().await;
        calls.spawn(async move { client.send(call(&[], "hello")).await.text().to_owned() });
    }
    assert_eq!(soon(calls.join_all()).await, ["hello"; 50]);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_connection_that_says_goodbye_is_replaced() {
    let server = echoing(1, None).await;
    let gateway = server.gateway().setting("workers = 1").start().await;
    let mut client = gateway.http2().await;
    until(async || {
        // Without a body, so that it can be sent again if it comes in the wrong moment.
        assert_eq!(client.get("/").await.status(), 200);
        (server.connections() >= 5).then_some(())
    })
    .await;
}

#[tokio::test]
async fn endpoints_with_tls_have_to_agree_on_http2() {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    for (alpn, status) in [(&b"h2"[..], 200), (b"http/1.1", 502)] {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let mut settings = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        settings.alpn_protocols = vec![alpn.to_vec()];
        let server = echoing(usize::MAX, Some(TlsAcceptor::from(Arc::new(settings)))).await;
        let gateway = gateway::at(&[&format!("https://{}", server.address)])
            .upstream("protocol = \"h2\"")
            .upstream("tls = { ca = \"ca.pem\" }")
            .file("ca.pem", cert.pem())
            .route("/", [])
            .start()
            .await;
        let reply = gateway.http2().await.get("/").await;
        assert_eq!(reply.status(), status, "{}", String::from_utf8_lossy(alpn));
        if status == 200 {
            assert!(reply.header("x-target").unwrap().starts_with("https://"));
        }
    }
}

#[tokio::test]
async fn an_endpoint_that_speaks_http1_is_a_bad_gateway() {
    let origin = origin::replying("ok").await;
    let gateway =
        gateway::before(&origin).upstream("protocol = \"h2\"").route("/", []).start().await;
    assert_eq!(gateway.get("/").await.status(), 502);
}

#[tokio::test]
async fn a_failure_is_told_in_trailers_that_are_the_head() {
    let nowhere = origin::nowhere().await;
    let gateway = gateway::at(&[&format!("http://{nowhere}")])
        .upstream("protocol = \"h2\"")
        .route("/orders", [])
        .start()
        .await;
    let reply = called(&gateway, &[]).await;
    assert_eq!((reply.status(), reply.text()), (200, ""));
    assert_eq!(reply.header("content-type"), Some("application/grpc"));
    assert_eq!(reply.header("grpc-status"), Some("14"));
    assert_eq!(reply.header("grpc-message"), Some("the upstream refused the connection"));
    assert!(reply.header("proxy-status").unwrap().contains("error=connection_refused"));
    let series = "tidegate_failures_total{route=\"orders\",error=\"connection_refused\"}";
    gateway.metric_becomes(series, 1.0).await;

    let other = client::request("POST", "/x", &[("content-type", "application/grpc+proto")], "");
    let reply = gateway.http2().await.send(other).await;
    assert_eq!(reply.header("grpc-status"), Some("12"));
    assert_eq!(gateway.get("/x").await.status(), 404);
}

#[tokio::test]
async fn a_call_ends_when_its_client_no_longer_waits() {
    // It takes the connection and says nothing, ever.
    let origin = origin::scripted(|mut connection| async move { connection.closed().await }).await;
    let gateway =
        gateway::before(&origin).upstream("protocol = \"h2\"").route("/", []).start().await;
    let reply = called(&gateway, &[("grpc-timeout", "100m")]).await;
    assert_eq!(reply.header("grpc-status"), Some("4"));
    gateway
        .metric_becomes("tidegate_failures_total{route=\"root\",error=\"route_timeout\"}", 1.0)
        .await;
}

//! Servers behind the gateway, well-behaved and not, written by hand on sockets.

use std::fmt::{Debug, Write as _};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::message::{Message, Reader};
use crate::soon;
use crate::tls::Issued;

/// A server on a port of its own; ends with this value.
#[derive(Debug)]
pub struct Origin {
    address: SocketAddr,
    log: Arc<Log>,
    accepting: JoinHandle<()>,
}

/// What an origin has seen.
#[derive(Debug, Default)]
struct Log {
    received: Mutex<Vec<Message>>,
    counts: watch::Sender<Counts>,
}

/// How often something happened at an origin.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were accepted.
    pub connections: usize,
    /// Heads of requests.
    pub heads: usize,
    /// Requests that were read to their end.
    pub requests: usize,
    /// Connections that the other side ended, with or without manners.
    pub closed: usize,
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Origin {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// As `gateway.toml` names it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        *self.log.counts.borrow()
    }

    /// Waits until enough has happened.
    pub async fn saw(&self, enough: impl FnMut(&Counts) -> bool) -> Counts {
        let mut counts = self.log.counts.subscribe();
        *soon(counts.wait_for(enough)).await.expect("the origin has its end of it")
    }

    /// The requests so far, each with what was read of its body.
    #[must_use]
    pub fn received(&self) -> Vec<Message> {
        self.log.received.lock().unwrap().clone()
    }

    /// The request that came last.
    #[must_use]
    pub fn last(&self) -> Message {
        self.received().pop().expect("a request should have come")
    }
}

/// A connection that an origin has accepted.
#[derive(Debug)]
pub struct Connection {
    reader: Reader<Stream>,
    log: Arc<Log>,
}

/// Encrypted or not.
type Stream = Box<dyn Duplex>;

/// Bytes in both directions.
trait Duplex: AsyncRead + AsyncWrite + Debug + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Debug + Send + Unpin> Duplex for T {}

impl Connection {
    /// The next head; absent if there is no further request.
    pub async fn head(&mut self) -> Option<Message> {
        let head = self.reader.head().await;
        if head.is_some() {
            self.log.counts.send_modify(|counts| counts.heads += 1);
        }
        head
    }

    /// Reads the body that belongs to a head, and remembers the request.
    pub async fn body(&mut self, mut message: Message) -> Message {
        self.reader.request_body(&mut message).await;
        self.log.received.lock().unwrap().push(message.clone());
        self.log.counts.send_modify(|counts| counts.requests += 1);
        message
    }

    /// The next request with its body; absent if there is none.
    pub async fn request(&mut self) -> Option<Message> {
        let head = self.head().await?;
        Some(self.body(head).await)
    }

    /// Sends bytes; false if the other side has gone, which is not this side's worry.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.reader.get_mut().write_all(bytes.as_ref()).await.is_ok()
    }

    /// Bytes that are no message, as they come; absent at the end of the connection.
    pub async fn bytes(&mut self) -> Option<Vec<u8>> {
        if self.reader.pending().is_empty() && !self.reader.fill().await {
            return None;
        }
        Some(self.reader.take())
    }

    /// Ends the sending half.
    pub async fn finish(&mut self) {
        // The other side may have gone.
        drop(self.reader.get_mut().shutdown().await);
    }

    /// Waits until the other side ends the connection.
    pub async fn closed(&mut self) {
        while self.reader.fill().await {}
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.log.counts.send_modify(|counts| counts.closed += 1);
    }
}

/// Runs `script` for each connection.
pub async fn scripted<F, S>(script: F) -> Origin
where
    F: Fn(Connection) -> S + Send + Sync + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    start(None, script).await
}

/// Answers every request with 200 and this text, over TLS with a certificate of its own for these
/// names; also gives the certificate, in PEM. HTTP/2 would be agreed on if it was offered.
///
/// # Panics
/// Loopback has no free port.
pub async fn encrypted(names: &[&str], text: &str) -> (Origin, String) {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(names).expect("names");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let verifier = WebPkiClientVerifier::no_client_auth();
    (over_tls(cert.der().clone(), key, verifier, text).await, cert.pem())
}

/// The same with this certificate, for those who show one of these authorities (PEM).
///
/// # Panics
/// Loopback has no free port.
pub async fn asking(own: &Issued, authorities: &str, text: &str) -> Origin {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
        roots.add(authority.expect("PEM")).expect("an authority");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .expect("authorities");
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).expect("a key");
    over_tls(own.der().clone(), key, verifier, text).await
}

async fn over_tls(
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    verifier: Arc<dyn ClientCertVerifier>,
    text: &str,
) -> Origin {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut settings = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate], key)
        .expect("a certificate with its key");
    settings.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let response: Arc<str> =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len()).into();
    start(Some(TlsAcceptor::from(Arc::new(settings))), move |mut connection| {
        let response = Arc::clone(&response);
        async move {
            while connection.request().await.is_some() {
                connection.write(&*response).await;
            }
        }
    })
    .await
}

async fn start<F, S>(tls: Option<TlsAcceptor>, script: F) -> Origin
where
    F: Fn(Connection) -> S + Send + Sync + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    start_on(listener, tls, script)
}

fn start_on<F, S>(listener: TcpListener, tls: Option<TlsAcceptor>, script: F) -> Origin
where
    F: Fn(Connection) -> S + Send + Sync + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    let address = listener.local_addr().expect("it is bound");
    let log = Arc::new(Log::default());
    let accepting = tokio::spawn(accept(listener, Arc::clone(&log), tls, Arc::new(script)));
    Origin { address, log, accepting }
}

async fn accept<F, S>(
    listener: TcpListener,
    log: Arc<Log>,
    tls: Option<TlsAcceptor>,
    script: Arc<F>,
) where
    F: Fn(Connection) -> S + Send + Sync + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    let mut scripts = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        stream.set_nodelay(true).expect("a connected socket");
        log.counts.send_modify(|counts| counts.connections += 1);
        let (log, script, tls) = (Arc::clone(&log), Arc::clone(&script), tls.clone());
        scripts.spawn(async move {
            let stream: Stream = match tls {
                None => Box::new(stream),
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => Box::new(stream),
                    // The other side has no trust.
                    Err(_) => return,
                },
            };
            script(Connection { reader: Reader::new(stream), log }).await;
        });
        while scripts.try_join_next().is_some() {}
    }
}

/// Answers every request with 200 and this text.
pub async fn replying(text: &str) -> Origin {
    responding(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len())).await
}

/// Answers every request with 200 and this text, at this address.
///
/// # Panics
/// Somebody else is there.
pub async fn replying_at(address: SocketAddr, text: &str) -> Origin {
    let listener = TcpListener::bind(address).await.expect("the address is free");
    let response: Arc<str> =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len()).into();
    start_on(listener, None, move |mut connection| {
        let response = Arc::clone(&response);
        async move {
            while connection.request().await.is_some() {
                connection.write(&*response).await;
            }
        }
    })
}

/// Answers every request, once it is read, with these bytes.
pub async fn responding(response: impl Into<Vec<u8>>) -> Origin {
    let response: Arc<[u8]> = Arc::from(response.into());
    scripted(move |mut connection| {
        let response = Arc::clone(&response);
        async move {
            while connection.request().await.is_some() {
                connection.write(&response).await;
            }
        }
    })
    .await
}

/// Answers every request, once it is read, with these bytes, and ends the connection.
pub async fn responding_once(response: impl Into<Vec<u8>>) -> Origin {
    let response: Arc<[u8]> = Arc::from(response.into());
    scripted(move |mut connection| {
        let response = Arc::clone(&response);
        async move {
            if connection.request().await.is_some() {
                connection.write(&response).await;
            }
        }
    })
    .await
}

/// Answers with what it was asked, as JSON: `line`, `headers`, `body`, `trailers`.
pub async fn echoing() -> Origin {
    scripted(|mut connection| async move {
        while let Some(request) = connection.request().await {
            let headers: Vec<_> = request
                .head_text()
                .lines()
                .skip(1)
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| json!([name.to_lowercase(), value]))
                .collect();
            let body = json!({
                "line": request.start_line(),
                "headers": headers,
                "body": request.text(),
                "trailers": String::from_utf8_lossy(&request.trailers),
            })
            .to_string();
            let mut response = String::new();
            write!(response, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", body.len())
                .expect("a text takes all");
            response.push_str("content-type: application/json\r\n\r\n");
            if !request.start_line().starts_with("HEAD ") {
                response.push_str(&body);
            }
            connection.write(response).await;
        }
    })
    .await
}

/// Answers with so many server-sent events, `data: 1` and so on, each when its number is released.
pub async fn events(count: u32) -> (Origin, watch::Sender<u32>) {
    let (release, gate) = watch::channel(0_u32);
    let origin = scripted(move |mut connection| {
        let mut gate = gate.clone();
        async move {
            if connection.request().await.is_none() {
                return;
            }
            connection.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n").await;
            for number in 1..=count {
                if gate.wait_for(|released| *released >= number).await.is_err() {
                    return;
                }
                connection.write(format!("data: {number}\n\n")).await;
            }
        }
    })
    .await;
    (origin, release)
}

/// Answers every request with `ok` once it is told to.
pub async fn held() -> (Origin, watch::Sender<bool>) {
    let (release, gate) = watch::channel(false);
    let origin = scripted(move |mut connection| {
        let mut gate = gate.clone();
        async move {
            while connection.request().await.is_some() {
                if gate.wait_for(|open| *open).await.is_err() {
                    return;
                }
                connection.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            }
        }
    })
    .await;
    (origin, release)
}

/// Reads requests and never answers.
pub async fn silent() -> Origin {
    scripted(|mut connection| async move { while connection.request().await.is_some() {} }).await
}

/// Sends the head of a response with a body, and nothing after it.
pub async fn stalls_after_head() -> Origin {
    scripted(|mut connection| async move {
        if connection.request().await.is_some() {
            connection.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n").await;
            connection.closed().await;
        }
    })
    .await
}

/// Ends the connection once the request is read.
pub async fn closes_without_answer() -> Origin {
    scripted(|mut connection| async move {
        connection.request().await;
    })
    .await
}

/// Answers 403 as soon as the head is there, and reads no body.
pub async fn answers_early() -> Origin {
    scripted(|mut connection| async move {
        if connection.head().await.is_some() {
            connection.write("HTTP/1.1 403 Forbidden\r\ncontent-length: 5\r\n\r\nearly").await;
            connection.closed().await;
        }
    })
    .await
}

/// An address on which nobody listens.
///
/// # Panics
/// Loopback has no free port.
pub async fn nowhere() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    listener.local_addr().expect("it is bound")
}

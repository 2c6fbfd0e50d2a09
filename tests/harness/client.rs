//! Clients of the gateway: one that sends bytes as they are, and one that speaks HTTP.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::message::{Message, Reader};
use crate::soon;

/// A connection on which a test chooses every byte.
#[derive(Debug)]
pub struct Raw {
    reader: Reader<TcpStream>,
}

/// Connects and sends nothing yet.
pub async fn raw(address: SocketAddr) -> Raw {
    let stream = soon(TcpStream::connect(address)).await.expect("the gateway listens");
    stream.set_nodelay(true).expect("a connected socket");
    Raw { reader: Reader::new(stream) }
}

impl Raw {
    /// Sends these bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        if let Err(error) = soon(self.reader.get_mut().write_all(bytes.as_ref())).await {
            // An answer may be there all the same.
            drop(error);
        }
        self
    }

    /// Ends the sending half.
    pub async fn finish(&mut self) -> &mut Self {
        self.reader.get_mut().shutdown().await.expect("a connected socket");
        self
    }

    /// The next head, such as that of an interim response.
    pub async fn head(&mut self) -> Message {
        soon(self.reader.head()).await.expect("the connection should not end before a head")
    }

    /// The next response with its body.
    pub async fn response(&mut self) -> Message {
        let mut message = self.head().await;
        soon(self.reader.response_body(&mut message)).await;
        message
    }

    /// The body that belongs to a head.
    pub async fn body(&mut self, mut head: Message) -> Message {
        soon(self.reader.response_body(&mut head)).await;
        head
    }

    /// Reads until this text has come, and takes what came so far.
    pub async fn until(&mut self, text: &str) -> String {
        soon(async {
            while !String::from_utf8_lossy(self.reader.pending()).contains(text) {
                assert!(self.reader.fill().await, "the connection ended before `{text}`");
            }
        })
        .await;
        String::from_utf8_lossy(self.reader.pending()).into_owned()
    }

    /// All that comes until the gateway ends the connection.
    pub async fn to_end(&mut self) -> String {
        String::from_utf8_lossy(&soon(self.reader.to_end()).await).into_owned()
    }

    /// The socket.
    pub const fn stream(&mut self) -> &mut TcpStream {
        self.reader.get_mut()
    }
}

/// A connection that speaks HTTP.
#[derive(Debug)]
pub struct Client {
    sender: Sender,
    authority: String,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// A response that was read to its end.
#[derive(Debug)]
pub struct Reply {
    response: Response<Bytes>,
    trailers: Option<HeaderMap>,
}

/// Connects for HTTP/1.1.
pub async fn http1(address: SocketAddr) -> Client {
    let (sender, connection) = http1::handshake(stream(address).await).await.expect("a handshake");
    tokio::spawn(connection);
    Client { sender: Sender::Http1(sender), authority: address.to_string() }
}

/// Speaks HTTP/1.1 over a connection that is there, such as one with TLS.
pub async fn http1_over<S>(stream: S, authority: &str) -> Client
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a handshake");
    tokio::spawn(connection);
    Client { sender: Sender::Http1(sender), authority: authority.to_owned() }
}

/// Connects for HTTP/2 with prior knowledge.
pub async fn http2(address: SocketAddr) -> Client {
    let (sender, connection) =
        http2::handshake(TokioExecutor::new(), stream(address).await).await.expect("a handshake");
    tokio::spawn(connection);
    Client { sender: Sender::Http2(sender), authority: address.to_string() }
}

/// Speaks HTTP/2 over a connection that is there, such as one with TLS.
pub async fn http2_over<S>(stream: S, authority: &str) -> Client
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("a handshake");
    tokio::spawn(connection);
    Client { sender: Sender::Http2(sender), authority: authority.to_owned() }
}

async fn stream(address: SocketAddr) -> TokioIo<TcpStream> {
    let stream = soon(TcpStream::connect(address)).await.expect("the gateway listens");
    stream.set_nodelay(true).expect("a connected socket");
    TokioIo::new(stream)
}

impl Client {
    /// Asks for a path.
    pub async fn get(&mut self, path: &str) -> Reply {
        self.send(request("GET", path, &[], "")).await
    }

    /// Sends a request whose target is a path.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Reply {
        self.try_send(request).await.expect("there should be a response")
    }

    /// Sends a request that may get no response, or half of one.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn try_send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Reply> {
        let response = self.begin(request).await?;
        let (head, body) = response.into_parts();
        let collected = soon(body.collect()).await?;
        let trailers = collected.trailers().cloned();
        Ok(Reply { response: Response::from_parts(head, collected.to_bytes()), trailers })
    }

    /// Sends a request, and gives the response as soon as its head is there.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn begin(
        &mut self,
        mut request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        match &mut self.sender {
            Sender::Http1(sender) => {
                if !request.headers().contains_key("host") {
                    let host = self.authority.parse().expect("an address is a value");
                    request.headers_mut().insert("host", host);
                }
                soon(sender.ready()).await?;
                soon(sender.send_request(request)).await
            }
            Sender::Http2(sender) => {
                if request.uri().authority().is_none() {
                    let target = format!("http://{}{}", self.authority, request.uri());
                    *request.uri_mut() = target.parse().expect("a target");
                }
                *request.version_mut() = Version::HTTP_2;
                soon(sender.ready()).await?;
                soon(sender.send_request(request)).await
            }
        }
    }
}

/// A request with a body that is there at once.
///
/// # Panics
/// One of the parts is not valid.
#[must_use]
pub fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(body.into())).expect("parts of a request")
}

impl Reply {
    pub(crate) const fn new(response: Response<Bytes>, trailers: Option<HeaderMap>) -> Self {
        Self { response, trailers }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.response.version()
    }

    /// The value of the first line of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// All field lines.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The field lines after the body.
    #[must_use]
    pub const fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_ref()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.response.body()).expect("a text")
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.response.body())
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

//! Clients of HTTP/3: one that speaks it, and one on which a test chooses every byte of a stream.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use h3::client::{RequestStream, SendRequest};
use h3::error::{ConnectionError, StreamError};
use h3_quinn::OpenStreams;
use http::{Request, Version};
use http_body_util::{BodyExt as _, Full};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Endpoint, RecvStream, SendStream, VarInt};
use rustls::client::Resumption;
use tokio::task::JoinHandle;

use crate::client::{Reply, request};
use crate::soon;
use crate::tls::Dialer;

/// A stream of h3, as a client has it.
pub type Stream = RequestStream<h3_quinn::BidiStream<Bytes>, Bytes>;

/// A connection that speaks HTTP/3.
pub struct Http3 {
    connection: quinn::Connection,
    sender: SendRequest<OpenStreams, Bytes>,
    driver: JoinHandle<ConnectionError>,
    authority: String,
    /// Of its socket.
    endpoint: Endpoint,
}

impl std::fmt::Debug for Http3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http3").field("authority", &self.authority).finish_non_exhaustive()
    }
}

impl Dialer {
    /// How QUIC is to be spoken with the protocol of this name.
    ///
    /// # Panics
    /// There is no TLS 1.3.
    #[must_use]
    pub fn quic(&self, protocol: &str) -> quinn::ClientConfig {
        let config = self.config(Resumption::disabled(), &[protocol]);
        let config = QuicClientConfig::try_from(Arc::new(config)).expect("TLS 1.3");
        quinn::ClientConfig::new(Arc::new(config))
    }

    /// Connects as if the address was that of `host`, and speaks HTTP/3.
    pub async fn http3(&self, address: SocketAddr, host: &str) -> Http3 {
        self.try_http3(address, host).await.expect("an agreement")
    }

    /// The same, if it can be had.
    ///
    /// # Errors
    /// There was no agreement.
    ///
    /// # Panics
    /// There is no socket.
    pub async fn try_http3(
        &self,
        address: SocketAddr,
        host: &str,
    ) -> Result<Http3, quinn::ConnectionError> {
        let (endpoint, connection) = self.try_quic(address, host).await?;
        let quic = h3_quinn::Connection::new(connection.clone());
        let (mut driver, sender) = soon(h3::client::new(quic)).await.expect("streams");
        let driver = tokio::spawn(async move { driver.wait_idle().await });
        Ok(Http3 { connection, sender, driver, authority: host.to_owned(), endpoint })
    }

    /// A connection of QUIC on which nothing was said yet.
    ///
    /// # Errors
    /// There was no agreement.
    ///
    /// # Panics
    /// There is no socket.
    pub async fn try_quic(
        &self,
        address: SocketAddr,
        host: &str,
    ) -> Result<(Endpoint, quinn::Connection), quinn::ConnectionError> {
        let endpoint =
            Endpoint::client("127.0.0.1:0".parse().expect("an address")).expect("a socket");
        let connecting = endpoint.connect_with(self.quic("h3"), address, host).expect("a host");
        Ok((endpoint, soon(connecting).await?))
    }
}

impl Http3 {
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
    /// The stream or the connection broke.
    ///
    /// # Panics
    /// Never.
    pub async fn try_send(&mut self, request: Request<Full<Bytes>>) -> Result<Reply, StreamError> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.expect("it is there").to_bytes();
        let mut stream = self.begin(Request::from_parts(head, ())).await?;
        if !body.is_empty() {
            // An answer may be there all the same.
            drop(soon(stream.send_data(body)).await);
        }
        drop(soon(stream.finish()).await);
        reply(stream).await
    }

    /// Sends a head.
    ///
    /// # Errors
    /// The connection broke, or takes no more requests.
    ///
    /// # Panics
    /// The target is not valid.
    pub async fn begin(&mut self, mut request: Request<()>) -> Result<Stream, StreamError> {
        if request.uri().authority().is_none() {
            let target = format!("https://{}{}", self.authority, request.uri());
            *request.uri_mut() = target.parse().expect("a target");
        }
        *request.version_mut() = Version::HTTP_3;
        soon(self.sender.send_request(request)).await
    }

    /// The connection itself.
    #[must_use]
    pub const fn connection(&self) -> &quinn::Connection {
        &self.connection
    }

    /// Its socket.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl Drop for Http3 {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Reads a response to its end.
///
/// # Errors
/// The stream or the connection broke.
pub async fn reply(mut stream: Stream) -> Result<Reply, StreamError> {
    let head = soon(stream.recv_response()).await?;
    let mut body = BytesMut::new();
    while let Some(mut data) = soon(stream.recv_data()).await? {
        body.extend_from_slice(&data.copy_to_bytes(data.remaining()));
    }
    let trailers = soon(stream.recv_trailers()).await?;
    Ok(Reply::new(head.map(|()| body.freeze()), trailers))
}

/// A connection of QUIC with the control stream of a client of HTTP/3, on which a test chooses every byte
/// of all other streams.
#[derive(Debug)]
pub struct Raw {
    connection: quinn::Connection,
    /// Open as long as the connection is.
    control: SendStream,
    _endpoint: Endpoint,
}

/// Connects as if the address was that of `host`, and sends empty SETTINGS.
///
/// # Panics
/// There was no agreement.
pub async fn raw(dialer: &Dialer, address: SocketAddr, host: &str) -> Raw {
    let (endpoint, connection) = dialer.try_quic(address, host).await.expect("an agreement");
    let mut control = soon(connection.open_uni()).await.expect("a stream");
    soon(control.write_all(b"\x00\x04\x00")).await.expect("a stream");
    Raw { connection, control, _endpoint: endpoint }
}

impl Raw {
    /// Opens the stream of a request and sends these bytes on it.
    ///
    /// # Panics
    /// The connection is over.
    pub async fn stream(&self, bytes: &[u8]) -> (SendStream, RecvStream) {
        let (mut send, recv) = soon(self.connection.open_bi()).await.expect("a stream");
        soon(send.write_all(bytes)).await.expect("a stream");
        (send, recv)
    }

    /// Sends these bytes as a whole request, and gives all that is answered.
    ///
    /// # Errors
    /// The code of a reset, if that is the answer.
    ///
    /// # Panics
    /// The connection ends.
    pub async fn ask(&self, bytes: &[u8]) -> Result<String, u64> {
        let (mut send, recv) = self.stream(bytes).await;
        // It may have been stopped already.
        drop(send.finish());
        answer(recv).await
    }

    /// The control stream.
    pub const fn control(&mut self) -> &mut SendStream {
        &mut self.control
    }

    /// The connection itself.
    #[must_use]
    pub const fn connection(&self) -> &quinn::Connection {
        &self.connection
    }

    /// Waits until the gateway closes the connection: the code, if there is one.
    pub async fn closed(&self) -> Option<u64> {
        match soon(self.connection.closed()).await {
            quinn::ConnectionError::ApplicationClosed(close) => Some(close.error_code.into_inner()),
            _ => None,
        }
    }
}

/// All that comes, as text.
///
/// # Errors
/// The code of the reset.
///
/// # Panics
/// The connection ends.
pub async fn answer(mut recv: RecvStream) -> Result<String, u64> {
    match soon(recv.read_to_end(1 << 20)).await {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(quinn::ReadToEndError::Read(quinn::ReadError::Reset(code))) => Err(code.into_inner()),
        Err(error) => panic!("{error}"),
    }
}

/// A frame with this type and content.
///
/// # Panics
/// It is longer than 16 KiB.
#[must_use]
pub fn frame(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("short");
    assert!(length < 1 << 14, "short");
    let mut frame = vec![kind];
    frame.extend((length | 1 << 14).to_be_bytes());
    frame.extend(content);
    frame
}

/// A HEADERS frame with these lines, none of them compressed.
///
/// # Panics
/// A name or value is longer than 127 bytes and a bit.
#[must_use]
pub fn headers(lines: &[(&str, &str)]) -> Vec<u8> {
    let mut section = vec![0, 0];
    for (name, value) in lines {
        for (text, most, flags) in [(name, 7, 0x20), (value, 127, 0)] {
            if text.len() < most {
                section.push(flags | u8::try_from(text.len()).expect("short"));
            } else {
                section.push(flags | u8::try_from(most).expect("short"));
                let rest = u8::try_from(text.len() - most).expect("short");
                assert!(rest < 128, "short");
                section.push(rest);
            }
            section.extend(text.as_bytes());
        }
    }
    frame(1, &section)
}

/// A code as QUIC has it.
#[must_use]
pub const fn code(code: u32) -> VarInt {
    VarInt::from_u32(code)
}

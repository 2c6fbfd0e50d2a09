//! Requests to the origin over connections that are kept, and the bodies that give them back.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

const IDLE_CONNECTIONS: usize = 1024;

type Connection = SendRequest<Incoming>;

/// No answer came.
pub struct Unavailable;

/// Where requests go, and over what.
pub struct Origin {
    address: SocketAddr,
    /// What it sees as `Host`.
    pub host: HeaderValue,
    connections: Connections,
}

enum Connections {
    /// Ours: the one that was used last is used next.
    Owned(Mutex<Vec<Connection>>),
    /// hyper-util's, which any thread may use.
    Shared(Client<HttpConnector, Incoming>, Authority),
}

impl Origin {
    pub fn owned(address: &str) -> Self {
        Self::new(address, Connections::Owned(Mutex::default()))
    }

    pub fn shared(address: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut builder = Client::builder(TokioExecutor::new());
        let client = builder.pool_max_idle_per_host(IDLE_CONNECTIONS).build(connector);
        Self::new(address, Connections::Shared(client, address.parse().expect("an authority")))
    }

    fn new(address: &str, connections: Connections) -> Self {
        Self {
            address: address.parse().expect("an address"),
            host: HeaderValue::from_str(address).expect("a header"),
            connections,
        }
    }

    /// Sends a request, and returns with the response's head.
    pub async fn send(
        &'static self,
        request: Request<Incoming>,
    ) -> Result<Response<OutBody>, Unavailable> {
        match &self.connections {
            Connections::Shared(client, authority) => {
                let request = with_target(request, Some((Scheme::HTTP, authority.clone())));
                let response = client.request(request).await.map_err(|_| Unavailable)?;
                Ok(response.map(|body| OutBody::Upstream(body, None)))
            }
            Connections::Owned(idle) => {
                // HTTP/2 has an authority in the target, HTTP/1.1 must not.
                let request = if request.uri().authority().is_some() {
                    with_target(request, None)
                } else {
                    request
                };
                self.send_over(idle, request).await
            }
        }
    }

    async fn send_over(
        &self,
        idle: &'static Mutex<Vec<Connection>>,
        mut request: Request<Incoming>,
    ) -> Result<Response<OutBody>, Unavailable> {
        loop {
            let kept = take(idle);
            let was_kept = kept.is_some();
            let mut connection = match kept {
                Some(connection) => connection,
                None => self.connect().await.map_err(|_| Unavailable)?,
            };
            if connection.ready().await.is_err() {
                continue;
            }
            match connection.try_send_request(request).await {
                Ok(response) => {
                    return Ok(response.map(|body| OutBody::lent(body, Lent { connection, idle })));
                }
                // The origin closed a kept connection before it saw the request.
                Err(mut error) => match error.take_message() {
                    Some(unsent) if was_kept => request = unsent,
                    _ => return Err(Unavailable),
                },
            }
        }
    }

    async fn connect(&self) -> Result<Connection, Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

fn take(idle: &Mutex<Vec<Connection>>) -> Option<Connection> {
    let mut idle = idle.lock().expect("nobody panics with the connections");
    std::iter::from_fn(|| idle.pop()).find(|connection| !connection.is_closed())
}

fn with_target(
    mut request: Request<Incoming>,
    place: Option<(Scheme, Authority)>,
) -> Request<Incoming> {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    (parts.scheme, parts.authority) = place.unzip();
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    request
}

/// A connection, and where it goes back to.
pub struct Lent {
    connection: Connection,
    idle: &'static Mutex<Vec<Connection>>,
}

impl Lent {
    fn give_back(self) {
        if !self.connection.is_closed() {
            self.idle.lock().expect("nobody panics with the connections").push(self.connection);
        }
    }
}

/// What the client gets. The origin's body gives its connection back when it has ended; dropped before, it closes it.
pub enum OutBody {
    Upstream(Incoming, Option<Lent>),
    Own(Full<Bytes>),
}

impl OutBody {
    fn lent(body: Incoming, lent: Lent) -> Self {
        if body.is_end_stream() {
            lent.give_back();
            return Self::Upstream(body, None);
        }
        Self::Upstream(body, Some(lent))
    }
}

impl Body for OutBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Own(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            Self::Upstream(body, lent) => {
                let frame = Pin::new(&mut *body).poll_frame(context);
                match &frame {
                    Poll::Ready(Some(Err(_))) => *lent = None,
                    Poll::Ready(_) if body.is_end_stream() => {
                        if let Some(lent) = lent.take() {
                            lent.give_back();
                        }
                    }
                    _ => {}
                }
                frame
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Upstream(body, _) => body.is_end_stream(),
            Self::Own(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Upstream(body, _) => body.size_hint(),
            Self::Own(body) => body.size_hint(),
        }
    }
}

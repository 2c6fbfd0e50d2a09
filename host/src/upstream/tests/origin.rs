//! Origins in bytes, and what stands before them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::body::RequestBody;
use crate::config::{self, HostPolicy, Protocol};
use crate::facts::Tally;
use crate::failure::Failure;
use crate::telemetry::Metrics;
use crate::upstream::{Pools, ResponseBody, Upstream};

pub(super) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
pub(super) const SHORT: Duration = Duration::from_millis(60);

/// Accepts connections on a free port.
pub(super) struct Origin(TcpListener);

impl Origin {
    pub(super) async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// An address where nothing listens.
    pub(super) async fn none() -> config::Endpoint {
        Self::new().await.endpoint(1)
    }

    pub(super) fn endpoint(&self, weight: u32) -> config::Endpoint {
        endpoint(self.0.local_addr().unwrap(), weight)
    }

    pub(super) fn name(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    pub(super) async fn accept(&self) -> Talk {
        Talk(self.0.accept().await.unwrap().0)
    }
}

pub(super) fn endpoint(address: SocketAddr, weight: u32) -> config::Endpoint {
    config::Endpoint {
        is_https: false,
        host: address.ip().to_string(),
        port: address.port(),
        weight,
        priority: 0,
    }
}

/// One connection.
pub(super) struct Talk(pub(super) TcpStream);

impl Talk {
    pub(super) async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads up to and with `end`, which the text ends with.
    pub(super) async fn hear(&mut self, end: &str) -> String {
        let mut heard = Vec::new();
        while !heard.ends_with(end.as_bytes()) {
            heard.push(self.0.read_u8().await.unwrap());
        }
        String::from_utf8(heard).unwrap()
    }

    pub(super) async fn head(&mut self) -> String {
        self.hear("\r\n\r\n").await
    }

    /// Reads a head and answers.
    pub(super) async fn answer(&mut self, text: &str) -> String {
        let head = self.head().await;
        self.say(text).await;
        head
    }

    /// Waits for the gateway to close, and gives what it still sent.
    pub(super) async fn end(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is an end too.
        drop(self.0.read_to_end(&mut rest).await);
        rest
    }
}

/// An upstream with the pools of one worker.
pub(super) struct Gateway {
    pub(super) upstream: Arc<Upstream>,
    pub(super) pools: Arc<Pools>,
    pub(super) metrics: Metrics,
}

pub(super) fn config(endpoints: Vec<config::Endpoint>) -> config::Upstream {
    config::Upstream {
        name: "u".into(),
        endpoints,
        connect_timeout: Duration::from_secs(10),
        response_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(60),
        host: HostPolicy::Client,
        protocol: Protocol::Http1,
        proxy_protocol: None,
        tls: None,
        balancing: config::Balancing::default(),
        deadline_header: None,
        retry: Some(config::Retry { attempts: 0, ..config::Retry::default() }),
        breaker: None,
        admission: None,
    }
}

impl Gateway {
    pub(super) fn with(config: &config::Upstream) -> Self {
        let metrics = Metrics::default();
        let upstream = Upstream::build(config, None, &metrics, None);
        Self { upstream, pools: Arc::new(Pools::new()), metrics }
    }

    pub(super) fn before(origin: &Origin) -> Self {
        Self::with(&config(vec![origin.endpoint(1)]))
    }

    /// In front of one that has to hurry.
    pub(super) fn hurrying(origin: &Origin) -> Self {
        let config = config(vec![origin.endpoint(1)]);
        Self::with(&config::Upstream { response_timeout: SHORT, ..config })
    }

    pub(super) async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> (Result<Response<ResponseBody>, Failure>, Tally) {
        let mut tally = Tally::default();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        let outcome = self.upstream.send(&self.pools, request, deadline, &mut tally).await;
        (outcome, tally)
    }

    /// The whole body of an answer to `GET /`.
    pub(super) async fn get(&self) -> (Result<String, Failure>, Tally) {
        let (outcome, tally) = self.send(get()).await;
        match outcome {
            Ok(response) => (text(response).await, tally),
            Err(failure) => (Err(failure), tally),
        }
    }
}

pub(super) fn get() -> Request<RequestBody> {
    let request = Request::get("/").header("host", "client.example");
    request.body(RequestBody::empty()).unwrap()
}

pub(super) async fn text(response: Response<ResponseBody>) -> Result<String, Failure> {
    let whole = response.into_body().collect().await;
    let whole = whole.map_err(|error| error.failure().clone())?;
    Ok(String::from_utf8(whole.to_bytes().to_vec()).unwrap())
}

//! Requests to an authority.

use std::error::Error as StdError;
use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// For one request with its response, connection included.
const PATIENCE: Duration = Duration::from_secs(30);

/// Of one response. A chain of certificates is about 6 KiB.
const RESPONSE_BYTES_MAX: usize = 1024 * 1024;

/// Of `https` (RFC 9110 section 4.2.2).
const PORT: u16 = 443;

type Cause = Box<dyn StdError + Send + Sync>;

/// HTTP/1.1 over a connection for each request: there are about ten for a certificate.
pub(super) struct Client(TlsConnector);

impl Client {
    pub(super) const fn new(connector: TlsConnector) -> Self {
        Self(connector)
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let connector = self.0.clone();
        Box::pin(async move {
            let response = match timeout(PATIENCE, ask(connector, request)).await {
                Ok(response) => response.map_err(Error::Other)?,
                Err(_elapsed) => return Err(Error::Str("an answer of the authority in time")),
            };
            Ok(BytesResponse::from(response))
        })
    }
}

async fn ask(
    connector: TlsConnector,
    mut request: Request<BodyWrapper<Bytes>>,
) -> Result<Response<Full<Bytes>>, Cause> {
    let url = request.uri().clone();
    let authority = url.authority().ok_or("the authority has sent a URL without a host")?;
    if url.scheme_str() != Some("https") {
        return Err("the authority has sent a URL that is not `https`".into());
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let target = url.path_and_query().map_or("/", |target| target.as_str());
    *request.uri_mut() = target.parse::<Uri>()?;
    request.headers_mut().insert(HOST, HeaderValue::from_str(authority.as_str())?);

    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(PORT))).await?;
    let stream = connector.connect(ServerName::try_from(host.to_owned())?, stream).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, RESPONSE_BYTES_MAX).collect().await?.to_bytes();
        Ok::<_, Cause>(Response::from_parts(head, Full::new(body)))
    };
    let mut answer = pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // The answer may be whole all the same, or says what went wrong.
        _ended = connection => answer.await,
    }
}

//! A small authority that issues certificates by ACME (RFC 8555).
//!
//! It keeps nonces, checks every signature, and really looks for the proof of each domain, over
//! loopback. It stands in for a whole server such as Pebble.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Collected, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::CertificateSigningRequestParams;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::verify_tls13_signature_with_raw_key;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme,
};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::tls::{Authority, Dialer, authority};
use crate::{client, soon};

/// Ends with this value.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    /// Of the server's own certificate.
    ca: String,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    url: String,
    issuer: Authority,
    inner: Mutex<Inner>,
    /// Where domains lead to: to TLS, and to HTTP.
    places: watch::Sender<Option<[SocketAddr; 2]>>,
}

#[derive(Debug, Default)]
struct Inner {
    nonces: BTreeSet<String>,
    made: usize,
    /// Their keys (JWK).
    accounts: Vec<Value>,
    orders: Vec<Order>,
}

#[derive(Debug)]
struct Order {
    /// Each with whether it is proved, once that is known.
    domains: Vec<(String, Option<bool>)>,
    chain: Option<String>,
}

/// What a request says, signature and nonce checked.
struct Asked {
    account: Option<usize>,
    key: Value,
    payload: Value,
}

type Answer = (u16, Option<String>, Value);

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Starts an authority. It waits with its look at domains until it is told where they lead to.
///
/// # Panics
/// Loopback has no free port.
pub async fn server() -> Server {
    let own = authority("acme server");
    let certificate = own.issue(&["127.0.0.1"]);
    let key = PrivateKeyDer::try_from(certificate.key_der().to_vec()).expect("a key");
    let settings = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("they fit");
    let acceptor = TlsAcceptor::from(Arc::new(settings));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound");
    let state = Arc::new(State {
        url: format!("https://{address}"),
        issuer: authority("issuer"),
        inner: Mutex::default(),
        places: watch::Sender::new(None),
    });
    let accepting = tokio::spawn(accept(listener, acceptor, Arc::clone(&state)));
    Server { address, ca: own.pem(), state, accepting }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, state: Arc<State>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (acceptor, state) = (acceptor.clone(), Arc::clone(&state));
        connections.spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(move |request| {
                let state = Arc::clone(&state);
                async move { Ok::<_, std::convert::Infallible>(state.serve(request).await) }
            });
            let http1 = hyper::server::conn::http1::Builder::new();
            drop(http1.serve_connection(TokioIo::new(stream), service).await);
        });
        while connections.try_join_next().is_some() {}
    }
}

impl Server {
    /// Of its directory.
    #[must_use]
    pub fn directory(&self) -> String {
        format!("https://{}/directory", self.address)
    }

    /// Whom its own certificate is trusted by, in PEM.
    #[must_use]
    pub fn ca(&self) -> &str {
        &self.ca
    }

    /// Who issues the certificates.
    #[must_use]
    pub fn issuer(&self) -> &Authority {
        &self.state.issuer
    }

    /// A client that trusts what it issues.
    #[must_use]
    pub fn dialer(&self) -> Dialer {
        self.state.issuer.dialer()
    }

    /// Has all domains lead to these addresses, and looks at them from now on.
    pub fn lead(&self, tls: SocketAddr, http: SocketAddr) {
        self.state.places.send_replace(Some([tls, http]));
    }

    /// How many accounts and how many certificates there are.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let inner = self.state.inner();
        let issued = inner.orders.iter().filter(|order| order.chain.is_some()).count();
        (inner.accounts.len(), issued)
    }
}

impl State {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    async fn serve(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        let path = head.uri.path().to_owned();
        let (status, location, answer) = match head.method {
            Method::POST => match self.check(&path, &body) {
                Ok(asked) => self.answer(&path, asked).await,
                Err(kind) => problem(kind),
            },
            _ => (200, None, self.directory()),
        };
        let mut response = Response::builder()
            .status(status)
            .header("replay-nonce", self.nonce())
            .header("content-type", "application/json");
        if let Some(location) = location {
            response = response.header("location", location);
        }
        let body = match answer {
            Value::String(text) => text,
            other => other.to_string(),
        };
        response.body(Full::from(body)).expect("a response")
    }

    fn directory(&self) -> Value {
        let url = &self.url;
        json!({
            "newNonce": format!("{url}/nonce"),
            "newAccount": format!("{url}/account"),
            "newOrder": format!("{url}/order"),
        })
    }

    fn nonce(&self) -> String {
        let mut inner = self.inner();
        inner.made += 1;
        let nonce = format!("nonce-{}", inner.made);
        inner.nonces.insert(nonce.clone());
        nonce
    }

    /// RFC 8555 section 6: who asks, for this URL, with a nonce that nobody has used.
    fn check(&self, path: &str, body: &[u8]) -> Result<Asked, &'static str> {
        let jws: Value = serde_json::from_slice(body).ok().ok_or("malformed")?;
        let part =
            |name: &str| -> Result<&str, &'static str> { jws[name].as_str().ok_or("malformed") };
        let (protected, payload) = (part("protected")?, part("payload")?);
        let header: Value = serde_json::from_slice(&decoded(protected)?).ok().ok_or("malformed")?;
        if header["alg"] != "ES256" || header["url"] != format!("{}{path}", self.url) {
            return Err("unauthorized");
        }
        let mut inner = self.inner();
        if !inner.nonces.remove(header["nonce"].as_str().unwrap_or_default()) {
            return Err("badNonce");
        }
        let (account, key) = match header["kid"].as_str() {
            None => (None, header["jwk"].clone()),
            Some(kid) => {
                let known = |index: &usize| kid == format!("{}/account/{index}", self.url);
                let index = (0..inner.accounts.len()).find(known).ok_or("accountDoesNotExist")?;
                (Some(index), inner.accounts[index].clone())
            }
        };
        drop(inner);
        let coordinate = |name: &str| decoded(key[name].as_str().unwrap_or_default());
        let point = [vec![4], coordinate("x")?, coordinate("y")?].concat();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(format!("{protected}.{payload}").as_bytes(), &decoded(part("signature")?)?)
            .ok()
            .ok_or("unauthorized")?;
        let payload = serde_json::from_slice(&decoded(payload)?).unwrap_or(Value::Null);
        Ok(Asked { account, key, payload })
    }

    async fn answer(&self, path: &str, asked: Asked) -> Answer {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let number = |at: usize| parts.get(at).and_then(|part| part.parse::<usize>().ok());
        match (parts[0], asked.account, number(1), number(2)) {
            ("account", None, None, _) => self.new_account(asked.key),
            ("order", Some(_), None, _) => self.new_order(&asked.payload),
            ("order", Some(_), Some(order), _) => (200, None, self.order(order)),
            ("authorization", Some(_), Some(order), Some(at)) => {
                (200, None, self.authorization(order, at))
            }
            ("challenge", Some(_), Some(order), Some(at)) => {
                self.look(order, at, parts[3], &asked.key).await;
                (200, None, self.challenge(order, at, parts[3]))
            }
            ("finalize", Some(_), Some(order), _) => self.finalize(order, &asked.payload),
            ("certificate", Some(_), Some(order), _) => {
                let inner = self.inner();
                (200, None, inner.orders[order].chain.clone().unwrap_or_default().into())
            }
            _ => problem("malformed"),
        }
    }

    fn new_account(&self, key: Value) -> Answer {
        let mut inner = self.inner();
        inner.accounts.push(key);
        let location = format!("{}/account/{}", self.url, inner.accounts.len() - 1);
        (201, Some(location), json!({ "status": "valid" }))
    }

    fn new_order(&self, payload: &Value) -> Answer {
        let identifiers = payload["identifiers"].as_array().cloned().unwrap_or_default();
        let domains = identifiers.iter().map(|it| it["value"].as_str().unwrap().to_owned());
        let domains = domains.map(|domain| (domain, None)).collect();
        let number = {
            let mut inner = self.inner();
            inner.orders.push(Order { domains, chain: None });
            inner.orders.len() - 1
        };
        (201, Some(format!("{}/order/{number}", self.url)), self.order(number))
    }

    fn order(&self, number: usize) -> Value {
        let (inner, url) = (self.inner(), &self.url);
        let order = &inner.orders[number];
        let status = if order.chain.is_some() {
            "valid"
        } else if order.domains.iter().any(|(_, proved)| *proved == Some(false)) {
            "invalid"
        } else if order.domains.iter().all(|(_, proved)| *proved == Some(true)) {
            "ready"
        } else {
            "pending"
        };
        let authorizations: Vec<String> = (0..order.domains.len())
            .map(|at| format!("{url}/authorization/{number}/{at}"))
            .collect();
        let identifiers: Vec<Value> = order
            .domains
            .iter()
            .map(|(domain, _)| json!({ "type": "dns", "value": domain }))
            .collect();
        let mut shown = json!({
            "status": status,
            "identifiers": identifiers,
            "authorizations": authorizations,
            "finalize": format!("{url}/finalize/{number}"),
        });
        if order.chain.is_some() {
            shown["certificate"] = format!("{url}/certificate/{number}").into();
        }
        shown
    }

    fn status(&self, order: usize, at: usize) -> (String, &'static str) {
        let inner = self.inner();
        let (domain, proved) = &inner.orders[order].domains[at];
        let status = match proved {
            None => "pending",
            Some(true) => "valid",
            Some(false) => "invalid",
        };
        (domain.clone(), status)
    }

    fn authorization(&self, order: usize, at: usize) -> Value {
        let (domain, status) = self.status(order, at);
        let challenges = ["http-01", "tls-alpn-01"].map(|kind| self.challenge(order, at, kind));
        json!({
            "identifier": { "type": "dns", "value": domain },
            "status": status,
            "challenges": challenges,
        })
    }

    fn challenge(&self, order: usize, at: usize, kind: &str) -> Value {
        let (_, status) = self.status(order, at);
        json!({
            "type": kind,
            "url": format!("{}/challenge/{order}/{at}/{kind}", self.url),
            "token": token(order, at),
            "status": status,
        })
    }

    /// Looks for the proof of a domain.
    async fn look(&self, order: usize, at: usize, kind: &str, key: &Value) {
        let (domain, _) = self.status(order, at);
        let mut places = self.places.subscribe();
        let places = *soon(places.wait_for(Option::is_some)).await.expect("this is the sender");
        let [tls, http] = places.expect("as was waited for");
        // RFC 7638: its members in this order.
        let (x, y) = (key["x"].as_str().unwrap(), key["y"].as_str().unwrap());
        let thumbprint = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, thumbprint.as_bytes()));
        let token = token(order, at);
        let authorization = format!("{token}.{thumbprint}");
        let proved = match kind {
            "http-01" => {
                let path = format!("/.well-known/acme-challenge/{token}");
                let request = client::request("GET", &path, &[("host", &domain)], "");
                let reply = client::http1(http).await.send(request).await;
                reply.status() == 200 && reply.text() == authorization
            }
            _ => proves(tls, &domain, &authorization).await,
        };
        self.inner().orders[order].domains[at].1 = Some(proved);
    }

    fn finalize(&self, number: usize, payload: &Value) -> Answer {
        let asked = decoded(payload["csr"].as_str().unwrap_or_default()).unwrap_or_default();
        let Ok(asked) = CertificateSigningRequestParams::from_der(&asked.into()) else {
            return problem("badCSR");
        };
        let chain = self.issuer.sign_request(&asked) + &self.issuer.pem();
        {
            let mut inner = self.inner();
            let order = &mut inner.orders[number];
            if order.domains.iter().any(|(_, proved)| *proved != Some(true)) {
                return problem("orderNotReady");
            }
            order.chain = Some(chain);
        }
        (200, None, self.order(number))
    }
}

fn token(order: usize, at: usize) -> String {
    format!("token_{order}-{at}")
}

fn decoded(text: &str) -> Result<Vec<u8>, &'static str> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok().ok_or("malformed")
}

fn problem(kind: &str) -> Answer {
    let kind = format!("urn:ietf:params:acme:error:{kind}");
    (400, None, json!({ "type": kind, "detail": kind, "status": 400 }))
}

/// Whether a server shows the certificate of RFC 8737 section 3 for a domain.
async fn proves(address: SocketAddr, domain: &str, authorization: &str) -> bool {
    let mut settings = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13])
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    settings.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let stream = TcpStream::connect(address).await.expect("the gateway listens");
    let name = ServerName::try_from(domain.to_owned()).expect("a domain");
    let connector = TlsConnector::from(Arc::new(settings));
    let Ok(stream) = soon(connector.connect(name, stream)).await else { return false };
    let connection = stream.get_ref().1;
    let certificate = &connection.peer_certificates().expect("a server shows one")[0];
    // `acmeIdentifier`, critical, an octet string within one.
    let extension = [
        &[0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x1f, 0x01, 0x01, 0xff][..],
        &[0x04, 0x22, 0x04, 0x20],
        digest(&SHA256, authorization.as_bytes()).as_ref(),
    ]
    .concat();
    let is_there = certificate.windows(extension.len()).any(|window| window == extension);
    is_there && connection.alpn_protocol() == Some(b"acme-tls/1")
}

/// Trusts everybody who has the key: who they are is in the extension, whose like `rustls` does not
/// read.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("nothing but TLS 1.3 was offered".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = default_provider().signature_verification_algorithms;
        let (_, certificate) = x509_parser::parse_x509_certificate(certificate)
            .ok()
            .ok_or(rustls::Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let key = SubjectPublicKeyInfoDer::from(certificate.public_key().raw);
        verify_tls13_signature_with_raw_key(message, &key, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}

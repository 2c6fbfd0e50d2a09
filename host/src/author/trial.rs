//! A gateway of one plugin within the process, and one request at a time through all of it.
//!
//! The client's and the upstream's end of a connection are pipes in memory. Between them is what
//! serves in a gateway: hyper, the exchange, the route, the pipeline, the upstream.

mod outcome;
mod upstream;
mod witness;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::runtime::Runtime;
use tokio_util::task::TaskTracker;

pub(super) use outcome::{Fault, Outcome, Sent};

use super::{AuthorError, parts};
use crate::clock;
use crate::config::fixture::{Ask, Case, Fixture};
use crate::exchange::{self, Worker};
use crate::facts::{Ends, TlsFacts};
use crate::listener::{Entrance, Peer};
use crate::snapshot::{Builder, Purpose, Snapshot};
use crate::state::output::{Outputs, Page};
use crate::upstream::Pools;
use upstream::Backstage;
use witness::Witness;

/// What a pipe holds, in bytes; more waits for the reader.
const PIPE_BYTES: usize = 64 * 1024;

/// For one request, after which something is wrong with the tool and not with the plugin: a route
/// gives up after 60 s, log phases come after it.
const PATIENCE: Duration = Duration::from_secs(120);

/// Longer than any connection waits for its next request.
const POOLED_MAX: Duration = Duration::from_hours(24 * 366);

/// The client's port; nothing listens there.
const CLIENT_PORT: u16 = 40_000;

/// A gateway of one plugin.
pub(super) struct Trial {
    runtime: Runtime,
    worker: Arc<Worker>,
    snapshot: Arc<Snapshot>,
    backstage: Arc<Backstage>,
    witness: Arc<Witness>,
    page: Page,
}

impl Trial {
    /// Loads the plugin of a fixture; blocks while it compiles.
    ///
    /// # Errors
    ///
    /// The plugin cannot be loaded, or the process lacks something.
    pub(super) fn build(fixture: &Fixture) -> Result<Self, AuthorError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(AuthorError::system("no runtime"))?;
        let (engine, services) = parts(&fixture.loaded)?;
        let witness = Arc::new(Witness::default());
        let builder = Builder::new(engine, services.clone());
        let built = witness.listen(|| builder.build(&fixture.loaded, None, Purpose::Check));
        let snapshot = Arc::new(built?);
        snapshot.take_over(&services, &fixture.loaded.config);
        let page = Page::default();
        let names = fixture.loaded.config.outputs.iter().map(|output| output.name.as_str());
        let outputs = Outputs::onto(names, &page).map_err(AuthorError::system("no output"))?;
        snapshot.divert_outputs(outputs);
        let backstage = Arc::new(Backstage::default());
        let worker = Arc::new(Worker {
            pools: Arc::new(Pools::on(Arc::clone(&backstage) as _)),
            snapshot: Arc::new(ArcSwap::new(Arc::clone(&snapshot))),
            tasks: TaskTracker::new(),
            held: Arc::clone(&services.held),
            exchanges: Arc::clone(&services.exchanges),
            observer: Some(Arc::clone(&witness) as _),
        });
        Ok(Self { runtime, worker, snapshot, backstage, witness, page })
    }

    /// What the component says of itself.
    pub(super) fn name(&self) -> &str {
        self.snapshot.plugins.first().map_or("", |plugin| plugin.name())
    }

    /// Makes the request of a case once and waits until its log phase is over.
    pub(super) fn run(&self, case: &Case) -> Outcome {
        // A connection of the case before would reach an upstream that is out of reach now.
        self.worker.pools.purge(clock::now() + POOLED_MAX);
        self.backstage.set(case.upstream.clone());
        self.witness.begin(&case.attributes);
        self.lines().clear();
        let answered = self.witness.listen(|| {
            self.runtime.block_on(async {
                tokio::time::timeout(PATIENCE, self.exchange(&case.ask))
                    .await
                    .unwrap_or_else(|_elapsed| Err("there was no answer in time".to_owned()))
            })
        });
        self.snapshot.flush_outputs();
        let lines = std::mem::take(&mut *self.lines());
        Outcome::new(answered, self.witness.take(), self.backstage.take(), lines)
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Vec<(Box<str>, String)>> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client's side; the error is in words.
    async fn exchange(&self, ask: &Ask) -> Result<http::Response<Bytes>, String> {
        let request = request(ask)?;
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let connections = TaskTracker::new();
        let (worker, peer) = (Arc::clone(&self.worker), Arc::new(peer(ask)));
        let entrance = Entrance { port: if peer.tls.is_some() { 443 } else { 80 }, rules: None };
        let service = service_fn(move |request| {
            let served =
                exchange::handle(Arc::clone(&worker), entrance.clone(), request, Arc::clone(&peer));
            async { Ok::<_, std::convert::Infallible>(served.await) }
        });
        connections.spawn(async move {
            let server = hyper::server::conn::http1::Builder::new();
            // A response that was cut short ends here; the client's end tells.
            drop(server.serve_connection(TokioIo::new(far), service).await);
        });
        let said = |error: hyper::Error| format!("the exchange was cut: {error}");
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(near)).await.map_err(said)?;
        connections.spawn(async move { drop(connection.await) });
        let answered = async {
            let (parts, body) = sender.send_request(request).await.map_err(said)?.into_parts();
            let body = body.collect().await.map_err(said)?.to_bytes();
            Ok(http::Response::from_parts(parts, body))
        };
        let answered = answered.await;
        drop(sender);
        connections.close();
        connections.wait().await;
        self.worker.tasks.close();
        self.worker.tasks.wait().await;
        self.worker.tasks.reopen();
        answered
    }
}

/// Starts the clock of the process again where the machine's is.
pub(super) fn reset_clock() {
    clock::follow_machine();
}

/// Sets the clock to what the case says.
pub(super) fn set_clock(case: &Case) {
    let after = u64::try_from(case.after.as_millis()).unwrap_or(u64::MAX);
    match case.now_unix_ms {
        Some(now) => clock::set_unix_ms(now),
        None if after > 0 => clock::set_unix_ms(clock::unix_ms().saturating_add(after)),
        None => {}
    }
}

fn request(ask: &Ask) -> Result<Request<Full<Bytes>>, String> {
    let target = ask.url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let target: Uri = target.parse().map_err(|error| format!("the URL cannot be sent: {error}"))?;
    let mut request = Request::new(Full::new(Bytes::from(ask.body.clone())));
    *request.method_mut() = ask.method.clone();
    *request.uri_mut() = target;
    for (name, value) in &ask.headers {
        request.headers_mut().append(name, value.clone());
    }
    if !request.headers().contains_key(header::HOST)
        && let Some(authority) = ask.url.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        request.headers_mut().insert(header::HOST, host);
    }
    Ok(request)
}

fn peer(ask: &Ask) -> Peer {
    let tls = (ask.url.scheme_str() == Some("https")).then(|| {
        Arc::new(TlsFacts {
            version: "TLSv1.3".to_owned(),
            cipher_suite: "TLS13_AES_128_GCM_SHA256".to_owned(),
            server_name: ask.url.host().map(str::to_owned),
            alpn: Some("http/1.1".to_owned()),
            client_certificate: None,
        })
    });
    let client = SocketAddr::new(ask.client, CLIENT_PORT);
    Peer::new(Ends { client, gateway: client }, tls)
}

/// A lock that no panic can leave in doubt.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

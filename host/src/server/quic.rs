//! The UDP ports of HTTP/3, and what comes to them.
//!
//! A port belongs to one worker, and is open as long as a listener wants it or a connection uses it: so
//! connections end in peace when HTTP/3 is turned off, and if it is turned on again meanwhile, the port goes
//! on with new ones.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quinn::{Endpoint, Incoming};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use super::gateway::Gateway;
use super::listeners::{Listener, way_out};
use super::tasks::Ending;
use crate::body::IncomingStream;
use crate::config::{self, Finding, Sources};
use crate::exchange;
use crate::listener::http3::{self, Handshakes};
use crate::listener::{Drain, Drainer, Entrance};
use crate::snapshot::Snapshot;

/// Clients that have not shown that they are where they say; more of them at once have to show it before
/// anything is kept of them (RFC 9000 section 8.1).
const UNPROVEN_MAX: usize = 64;

/// Between two attempts to get a port that the process before still has.
const BIND_PAUSE: Duration = Duration::from_millis(100);

/// For what is said to clients at the end, and for their last packets.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// All that are open.
#[derive(Default)]
pub(crate) struct Ports(Mutex<Vec<Arc<Port>>>);

/// A UDP port.
pub(super) struct Port {
    address: SocketAddr,
    /// Whose it is; nobody's while its connections end.
    owner: watch::Sender<Option<Owner>>,
    /// Ends the connections of the owner.
    drainer: Mutex<Drainer>,
    handshakes: Arc<Handshakes>,
    /// Its connections.
    tasks: TaskTracker,
}

#[derive(Clone)]
struct Owner {
    listener: Arc<Listener>,
    drain: Drain,
}

/// The ports of a new snapshot.
#[derive(Default)]
pub(super) struct Plan(Vec<(Arc<Listener>, Source)>);

enum Source {
    Open(Arc<Port>),
    Bound(UdpSocket),
    /// The process before needs it for the connections that it has.
    Later,
}

/// A port that nobody listens on yet.
pub(super) struct Bound {
    port: Arc<Port>,
    /// Absent if it is to be bound once the process before lets go of it.
    socket: Option<UdpSocket>,
}

/// Binds what `snapshot` wants and what is not open, unless a process that this one replaces still has
/// it. Nothing is taken yet.
pub(super) fn plan(
    ports: &Ports,
    snapshot: &Snapshot,
    sources: &Sources,
    (listeners, has_predecessor): (&[Arc<Listener>], bool),
    findings: &mut Vec<Finding>,
) -> Plan {
    let mut plan = Plan::default();
    // Those that could not be bound would put others in the wrong places.
    if listeners.len() != snapshot.listeners.len() {
        return plan;
    }
    let wanting =
        snapshot.listeners.iter().zip(listeners).filter(|(configured, _)| configured.http3);
    for (configured, listener) in wanting {
        let source = match ports.find(listener.address) {
            Some(port) => Ok(Source::Open(port)),
            None => match http3::bind(listener.address) {
                Err(error) if has_predecessor && error.kind() == io::ErrorKind::AddrInUse => {
                    Ok(Source::Later)
                }
                bound => bound.map(Source::Bound),
            },
        };
        match source {
            Ok(source) => plan.0.push((Arc::clone(listener), source)),
            Err(error) => findings.push(refused(sources, configured, listener.address, &error)),
        }
    }
    plan
}

fn refused(
    sources: &Sources,
    configured: &config::Listener,
    address: SocketAddr,
    error: &io::Error,
) -> Finding {
    let message = format!("cannot take HTTP/3 on the UDP port of {address}: {error}");
    sources.finding(&configured.at, message).hint(way_out(error))
}

impl Ports {
    /// Gives ports to their listeners and has the connections of all others end; what is new is to be
    /// listened on.
    pub(super) fn take(&self, plan: Plan) -> Vec<Bound> {
        let mut ports = self.lock();
        let mut bound = Vec::new();
        let mut kept = Vec::new();
        for (listener, source) in plan.0 {
            kept.push(listener.address);
            let socket = match source {
                Source::Open(port) if ports.iter().any(|open| Arc::ptr_eq(open, &port)) => {
                    port.give(listener);
                    continue;
                }
                // It was closed meanwhile.
                Source::Open(port) => http3::bind(port.address).map(Some),
                Source::Bound(socket) => Ok(Some(socket)),
                Source::Later => Ok(None),
            };
            match socket {
                Ok(socket) => {
                    let port = Arc::new(Port::new(listener));
                    ports.push(Arc::clone(&port));
                    bound.push(Bound { port, socket });
                }
                Err(error) => {
                    tracing::error!(address = %listener.address, %error, "http/3 cannot be taken");
                }
            }
        }
        ports.iter().filter(|port| !kept.contains(&port.address)).for_each(|port| port.leave());
        bound
    }

    /// How many are open.
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Has the connections of all ports end.
    pub(super) fn leave(&self) {
        self.lock().iter().for_each(|port| port.leave());
    }

    fn find(&self, address: SocketAddr) -> Option<Arc<Port>> {
        self.lock().iter().find(|port| port.address == address).cloned()
    }

    /// Whether nobody wants the port; then it is closed.
    fn forget(&self, port: &Arc<Port>) -> bool {
        let mut ports = self.lock();
        let is_free = port.owner.borrow().is_none();
        if is_free {
            ports.retain(|other| !Arc::ptr_eq(other, port));
        }
        is_free
    }

    /// Closes the port, whoever wants it.
    fn remove(&self, port: &Arc<Port>) {
        self.lock().retain(|other| !Arc::ptr_eq(other, port));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Port>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Port {
    fn new(listener: Arc<Listener>) -> Self {
        let (drainer, drain) = Drainer::new();
        Self {
            address: listener.address,
            owner: watch::Sender::new(Some(Owner { listener, drain })),
            drainer: Mutex::new(drainer),
            handshakes: Arc::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// Has new connections served for `listener`. Those that end still do.
    fn give(&self, listener: Arc<Listener>) {
        self.owner.send_if_modified(|owner| {
            let drain = owner.as_ref().map(|owner| owner.drain.clone());
            let drain = drain.unwrap_or_else(|| {
                let (drainer, drain) = Drainer::new();
                *self.lock_drainer() = drainer;
                drain
            });
            self.tasks.reopen();
            let is_same =
                owner.as_ref().is_some_and(|owner| Arc::ptr_eq(&owner.listener, &listener));
            *owner = Some(Owner { listener, drain });
            !is_same
        });
    }

    fn leave(&self) {
        self.lock_drainer().finish();
        self.tasks.close();
        if self.owner.send_replace(None).is_some() {
            tracing::info!(address = %self.address, "no longer listening for http/3");
        }
    }

    fn lock_drainer(&self) -> MutexGuard<'_, Drainer> {
        self.drainer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes connections until nobody wants the port and nobody uses it.
pub(super) async fn listen(
    bound: Bound,
    worker: Arc<exchange::Worker>,
    gateway: Arc<Gateway>,
    ending: Ending,
) {
    let Bound { port, socket } = bound;
    let address = port.address;
    let mut owners = port.owner.subscribe();
    let socket = match socket {
        Some(socket) => Some(socket),
        None => bind_late(&port, &mut owners, &ending).await,
    };
    let Some(socket) = socket else { return gateway.ports.remove(&port) };
    let settings = owners.borrow().as_ref().and_then(|owner| owner.listener.http3());
    let endpoint = settings.map(|settings| http3::listen(socket, &settings));
    let endpoint = match endpoint {
        Some(Ok(endpoint)) => endpoint,
        Some(Err(error)) => {
            tracing::error!(%address, %error, "http/3 cannot be taken");
            return gateway.ports.remove(&port);
        }
        // Nobody wants it any more.
        None => return gateway.ports.remove(&port),
    };
    tracing::info!(%address, "listening for http/3");
    loop {
        let owner = owners.borrow_and_update().clone();
        tokio::select! {
            biased;
            () = ending.cut.cancelled() => break,
            _ = owners.changed() => {}
            incoming = endpoint.accept() => match (incoming, owner) {
                (Some(incoming), Some(owner)) => {
                    start(incoming, &owner, &port, (&worker, &gateway, &ending));
                }
                (Some(incoming), None) => incoming.refuse(),
                (None, _) => break,
            },
            () = is_unused(&port, &endpoint), if owner.is_none() => {
                if gateway.ports.forget(&port) {
                    break;
                }
            }
        }
    }
    // Of connections that were cut: those that ended have closed themselves.
    endpoint.close(quinn::VarInt::from_u32(0), b"");
    let _all_or_not = timeout(CLOSE_GRACE, endpoint.wait_idle()).await;
}

/// Waits until the process before lets go of a port; none if nobody wants it any more, or it cannot be
/// had.
async fn bind_late(
    port: &Port,
    owners: &mut watch::Receiver<Option<Owner>>,
    ending: &Ending,
) -> Option<UdpSocket> {
    loop {
        match http3::bind(port.address) {
            Ok(socket) => return Some(socket),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => {
                tracing::error!(address = %port.address, %error, "http/3 cannot be taken");
                return None;
            }
        }
        tokio::select! {
            biased;
            () = ending.cut.cancelled() => return None,
            gone = owners.wait_for(Option::is_none) => {
                drop(gone);
                return None;
            }
            () = sleep(BIND_PAUSE) => {}
        }
    }
}

/// Waits until there is no connection, and nothing to be said to one.
async fn is_unused(port: &Port, endpoint: &Endpoint) {
    port.tasks.wait().await;
    let _all_or_not = timeout(CLOSE_GRACE, endpoint.wait_idle()).await;
}

/// Serves a connection in a task of its own, or turns it away.
fn start(
    incoming: Incoming,
    owner: &Owner,
    port: &Port,
    (worker, gateway, ending): (&Arc<exchange::Worker>, &Gateway, &Ending),
) {
    let Owner { listener, drain } = owner;
    let serving = listener.serving.load_full();
    let Some(settings) = serving.http3.clone() else { return incoming.refuse() };
    let most = gateway.snapshot.load().settings.limits.connections;
    let is_crowded =
        port.handshakes.open() >= UNPROVEN_MAX || gateway.connections.open() >= most / 2;
    if is_crowded && incoming.may_retry() {
        listener.metrics.retries.inc();
        // It may retry, as was just seen.
        let _sent: Result<(), _> = incoming.retry();
        return;
    }
    let Some(permit) = gateway.connections.admit(most, &listener.metrics) else {
        gateway.services.metrics.connection_refused("limit");
        return incoming.refuse();
    };
    let handshake = (!incoming.remote_address_validated()).then(|| port.handshakes.begin());
    let (own, address) = (Arc::clone(worker), listener.address);
    let entrance = Entrance { port: address.port(), rules: serving.rules.clone() };
    let handle = move |request: http::Request<http3::Body>, peer| {
        let request = request.map(IncomingStream::new);
        exchange::begin(Arc::clone(&own), entrance.clone(), request, peer)
    };
    let served = http3::serve(incoming, (address, handshake), settings, handle, drain.clone());
    let cut = ending.cut.clone();
    worker.tasks.spawn(port.tasks.track_future(async move {
        let _permit = permit;
        tokio::select! {
            () = cut.cancelled() => {}
            () = served => {}
        }
    }));
}

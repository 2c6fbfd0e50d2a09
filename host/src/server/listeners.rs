//! Binding addresses, and what the workers accept connections with.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use arc_swap::ArcSwap;

use ipnet::IpNet;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Finding, Sources};
use crate::listener::tls::Acceptor;
use crate::listener::{self, Drain, Drainer, Rules, Settings};
use crate::snapshot::Snapshot;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::ListenerMetrics;

/// An address that connections are accepted on, on every worker.
pub(crate) struct Listener {
    /// As in gateway.toml; its port may be 0.
    pub(crate) configured: SocketAddr,
    /// With the real port.
    pub(crate) address: SocketAddr,
    /// Of the snapshot that serves, for connections from now on.
    pub(super) serving: ArcSwap<Serving>,
    /// Ends accepting.
    pub(super) closing: CancellationToken,
    /// Ends open connections, which have the other end of it.
    pub(super) drainer: Drainer,
    pub(super) drain: Drain,
    pub(super) metrics: Arc<ListenerMetrics>,
}

impl Listener {
    /// Whether new connections are encrypted.
    pub(crate) fn is_tls(&self) -> bool {
        self.serving.load().tls.is_some()
    }

    /// How they are; none on a plain listener.
    pub(crate) fn tls(&self) -> Option<Acceptor> {
        self.serving.load().tls.clone()
    }

    /// Whether new connections have to say whom they are for.
    pub(crate) fn takes_proxy_protocol(&self) -> bool {
        self.serving.load().proxies.is_some()
    }

    /// How many are open.
    pub(crate) fn connections(&self) -> i64 {
        self.metrics.open.get()
    }
}

/// What a new connection is served with.
pub(super) struct Serving {
    pub(super) tls: Option<Acceptor>,
    pub(super) settings: Arc<Settings>,
    /// Who says whom a connection is for, before anything else; absent if nobody does.
    pub(super) proxies: Option<Arc<[IpNet]>>,
    pub(super) rules: Option<Arc<Rules>>,
}

impl Serving {
    fn of(
        configured: &crate::config::Listener,
        tls: Option<&Acceptor>,
        snapshot: &Snapshot,
        settings: &Arc<Settings>,
    ) -> Self {
        let settings = Arc::clone(settings);
        let (rules, proxies) = (Rules::of(configured), proxies(configured, snapshot));
        Self { tls: tls.cloned(), settings, proxies, rules }
    }
}

/// A listener that nobody accepts on yet, with one socket for each worker.
pub(super) struct Bound {
    pub(super) listener: Arc<Listener>,
    pub(super) sockets: Vec<TcpListener>,
}

/// The listeners of a new snapshot, in its order.
pub(super) struct Plan {
    /// All of them.
    pub(super) listeners: Vec<Arc<Listener>>,
    /// Those that are new.
    pub(super) bound: Vec<Bound>,
    /// Those that are no more.
    pub(super) removed: Vec<Arc<Listener>>,
}

/// Binds what `snapshot` has and `open` has not. Nothing is accepted and nothing closed yet.
pub(super) fn plan(
    snapshot: &Snapshot,
    sources: &Sources,
    open: &[Arc<Listener>],
    workers: usize,
    metrics: &Metrics,
    findings: &mut Vec<Finding>,
) -> Plan {
    let mut remaining: Vec<Arc<Listener>> = open.to_vec();
    let mut plan = Plan { listeners: Vec::new(), bound: Vec::new(), removed: Vec::new() };
    let settings = Arc::new(Settings::new(&snapshot.settings.limits));
    for (configured, tls) in snapshot.listeners.iter().zip(&snapshot.tls) {
        let same = |listener: &Arc<Listener>| listener.configured == configured.address;
        if let Some(index) = remaining.iter().position(same) {
            plan.listeners.push(remaining.remove(index));
            continue;
        }
        // A port of our own may be bound again, because all its sockets share it.
        let own = open.iter().any(|other| other.address.port() == configured.address.port());
        match bind(configured.address, workers, own) {
            Ok((address, sockets)) => {
                let serving = Serving::of(configured, tls.as_ref(), snapshot, &settings);
                let (drainer, drain) = Drainer::new();
                let listener = Arc::new(Listener {
                    configured: configured.address,
                    address,
                    serving: ArcSwap::from_pointee(serving),
                    closing: CancellationToken::new(),
                    drainer,
                    drain,
                    metrics: metrics.listener(&configured.address.to_string()),
                });
                plan.listeners.push(Arc::clone(&listener));
                plan.bound.push(Bound { listener, sockets });
            }
            Err(error) => findings.push(refused(sources, configured, &error)),
        }
    }
    plan.removed = remaining;
    plan
}

impl Plan {
    /// Has new connections of every listener served with what `snapshot` says.
    pub(super) fn take_over(&self, snapshot: &Snapshot) {
        let settings = Arc::new(Settings::new(&snapshot.settings.limits));
        let configured = snapshot.listeners.iter().zip(&snapshot.tls);
        for (listener, (configured, tls)) in self.listeners.iter().zip(configured) {
            let serving = Serving::of(configured, tls.as_ref(), snapshot, &settings);
            listener.serving.store(Arc::new(serving));
        }
    }
}

/// Of a listener whose connections begin with the PROXY protocol.
fn proxies(configured: &crate::config::Listener, snapshot: &Snapshot) -> Option<Arc<[IpNet]>> {
    let trusted = &snapshot.settings.gateway.trusted_proxies;
    configured.proxy_protocol.then(|| trusted.as_slice().into())
}

/// What the admin listener needs, if it is to be at another address than before.
pub(super) fn bind_admin(
    config: &Config,
    sources: &Sources,
    open: Option<SocketAddr>,
    findings: &mut Vec<Finding>,
) -> Option<TcpListener> {
    let address = config.admin.filter(|address| open != Some(*address))?;
    let bound = TcpListener::bind(address);
    match bound.and_then(|socket| socket.set_nonblocking(true).map(|()| socket)) {
        Ok(socket) => Some(socket),
        Err(error) => {
            let file =
                sources.paths().next().map_or_else(String::new, |path| path.display().to_string());
            let message = format!("the admin listener cannot be at {address}: {error}");
            findings.push(
                Finding::about(file, message)
                    .hint(format!("{}, or `admin = false`", way_out(&error))),
            );
            None
        }
    }
}

fn refused(sources: &Sources, listener: &crate::config::Listener, error: &io::Error) -> Finding {
    let message = format!("cannot listen on {}: {error}", listener.address);
    sources.finding(&listener.at, message).hint(way_out(error))
}

fn way_out(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "end the program that has this port, or choose another port",
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 are for privileged users; choose a higher one or grant CAP_NET_BIND_SERVICE"
        }
        io::ErrorKind::AddrNotAvailable => {
            "the address belongs to no interface of this machine; `0.0.0.0` and `[::]` take all"
        }
        _ => "choose another address",
    }
}

/// One socket for each worker, all on one port; the kernel spreads connections over them.
fn bind(
    address: SocketAddr,
    workers: usize,
    own: bool,
) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    if !own && address.port() != 0 {
        // Sockets that share a port also share it with another process of the same user, which
        // would take a part of the connections; one that does not share finds out.
        drop(TcpListener::bind(address)?);
    }
    let sockets = listener::bind(address, workers)?;
    let address = sockets.first().map_or(Ok(address), TcpListener::local_addr)?;
    Ok((address, sockets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_worker_has_a_socket_on_the_same_port() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (address, sockets) = bind(any, 3, false).expect("bound");
        assert_ne!(address.port(), 0);
        let ports: Vec<_> = sockets.iter().map(|socket| socket.local_addr().ok()).collect();
        assert_eq!(ports, [Some(address); 3]);
    }

    #[test]
    fn a_port_that_another_shares_is_refused_unless_it_is_our_own() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (address, _sockets) = bind(any, 1, false).expect("bound");
        let again = bind(address, 1, false).map_err(|error| error.kind());
        assert_eq!(again.map(|_| ()), Err(io::ErrorKind::AddrInUse));
        assert!(bind(address, 1, true).is_ok());
    }
}

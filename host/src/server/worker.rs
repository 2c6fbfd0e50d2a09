//! One thread that serves connections, with a runtime and upstream connections of its own.
//!
//! Nothing moves between workers: a connection, its exchanges and the upstream connections they use
//! stay on the thread that accepted it.

use std::io;
use std::net::TcpListener as Unregistered;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::gateway::Gateway;
use super::listeners::Listener;
use super::quic;
use super::tasks::Ending;
use crate::clock;
use crate::exchange;
use crate::listener::{self, Entrance};
use crate::plugin;

/// Between two searches for upstream connections that waited for too long.
const PURGE_PERIOD: Duration = Duration::from_secs(1);

/// After a failed accept, such as for want of file descriptors: trying at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// For the log phases of exchanges that were cut.
const CUT_GRACE: Duration = Duration::from_secs(1);

/// A socket that this worker shall accept connections on.
pub(super) struct Accept {
    pub(super) listener: Arc<Listener>,
    pub(super) socket: Unregistered,
}

/// What a worker is told to do.
enum Command {
    Accept(Accept),
    Listen(quic::Bound),
}

/// A running worker.
pub(super) struct Handle {
    commands: UnboundedSender<Command>,
    thread: thread::JoinHandle<()>,
}

impl Handle {
    /// Starts a thread; `alive` is dropped when it has ended.
    pub(super) fn start(
        number: usize,
        gateway: Arc<Gateway>,
        ending: Ending,
        alive: TaskTrackerToken,
    ) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (sender, commands) = unbounded_channel();
        let body = move || {
            runtime.block_on(Box::pin(run(gateway, commands, ending)));
            // Cut exchanges end here at the latest.
            drop(runtime);
            drop(alive);
        };
        let thread =
            thread::Builder::new().name(format!("tidegate-worker-{number}")).spawn(body)?;
        Ok(Self { commands: sender, thread })
    }

    /// Has the worker accept connections from this socket, too.
    pub(super) fn accept(&self, accept: Accept) {
        self.tell(Command::Accept(accept));
    }

    /// Has the worker take the connections of QUIC that come to this port.
    pub(super) fn listen(&self, bound: quic::Bound) {
        self.tell(Command::Listen(bound));
    }

    fn tell(&self, command: Command) {
        if self.commands.send(command).is_err() {
            tracing::error!("a worker has ended before its time");
        }
    }

    /// Waits for the thread's end. Blocks.
    pub(super) fn join(self) {
        drop(self.commands);
        if self.thread.join().is_err() {
            tracing::error!("a worker has panicked");
        }
    }
}

async fn run(gateway: Arc<Gateway>, mut commands: UnboundedReceiver<Command>, ending: Ending) {
    let pools = plugin::pools();
    pools.hold_within(&gateway.services.held);
    let worker = Arc::new(exchange::Worker {
        pools,
        snapshot: Arc::clone(&gateway.snapshot),
        held: Arc::clone(&gateway.services.held),
        exchanges: Arc::clone(&gateway.services.exchanges),
        tasks: TaskTracker::new(),
        observer: None,
    });
    let mut purge = interval(PURGE_PERIOD);
    purge.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let accept = |command| {
        let (gateway, ending) = (Arc::clone(&gateway), ending.clone());
        let own = Arc::clone(&worker);
        match command {
            Command::Accept(accept) => worker.tasks.spawn(accept_all(accept, own, gateway, ending)),
            Command::Listen(bound) => worker.tasks.spawn(quic::listen(bound, own, gateway, ending)),
        };
    };
    loop {
        tokio::select! {
            biased;
            () = ending.drain.cancelled() => break,
            command = commands.recv() => match command {
                Some(command) => accept(command),
                None => break,
            },
            _ = purge.tick() => worker.pools.purge(clock::now()),
        }
    }
    // A socket that came a moment ago may have connections already.
    while let Ok(command) = commands.try_recv() {
        accept(command);
    }
    drop(commands);
    worker.tasks.close();
    tokio::select! {
        () = worker.tasks.wait() => {}
        () = ending.cut.cancelled() => {
            // Connections end by themselves on a cut; their exchanges still have a log phase.
            let _all_or_not = timeout(CUT_GRACE, worker.tasks.wait()).await;
        }
    }
}

/// Accepts until the listener is closed.
async fn accept_all(
    accept: Accept,
    worker: Arc<exchange::Worker>,
    gateway: Arc<Gateway>,
    ending: Ending,
) {
    let Accept { listener, socket } = accept;
    let address = listener.address;
    let socket = match TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(%address, %error, "connections cannot be accepted");
            return;
        }
    };
    loop {
        let accepted = tokio::select! {
            biased;
            () = listener.closing.cancelled() => break,
            () = ending.cut.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => start(stream, &listener, &worker, &gateway, &ending),
            Err(error) if is_of_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%address, %error, "connection not accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    let waiting = socket.into_std().and_then(|socket| {
        accept_waiting(&socket, |stream| {
            start(stream, &listener, &worker, &gateway, &ending);
        })
    });
    if let Err(error) = waiting {
        tracing::warn!(%address, %error, "connection not accepted");
    }
}

/// Accepts what the kernel has accepted for this socket, which nobody else would serve.
///
/// The kernel is asked itself: tokio knows what was there when it last looked.
fn accept_waiting(socket: &Unregistered, mut start: impl FnMut(TcpStream)) -> io::Result<()> {
    loop {
        match socket.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(true)?;
                start(TcpStream::from_std(stream)?);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if is_of_connection(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether only this one connection is lost.
fn is_of_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Serves a connection in a task of its own, or closes it at once if there are too many.
fn start(
    mut stream: TcpStream,
    listener: &Arc<Listener>,
    worker: &Arc<exchange::Worker>,
    gateway: &Gateway,
    ending: &Ending,
) {
    let most = gateway.snapshot.load().settings.limits.connections;
    let Some(permit) = gateway.connections.admit(most, &listener.metrics) else {
        gateway.services.metrics.connection_refused("limit");
        return;
    };
    let serving = listener.serving.load_full();
    let drain = listener.drain.clone();
    let cut = ending.cut.clone();
    let own = Arc::clone(worker);
    let entrance = Entrance { port: listener.address.port(), rules: serving.rules.clone() };
    let handle = move |request: http::Request<Incoming>, peer| {
        exchange::begin(Arc::clone(&own), entrance.clone(), request, peer)
    };
    let settings = Arc::clone(&serving.settings);
    let metrics = Arc::clone(&gateway.services.metrics);
    let counted = Arc::clone(&listener.metrics);
    worker.tasks.spawn(async move {
        let _permit = permit;
        // Not a future from outside: the task would have room for it twice.
        let served = async {
            match listener::identify(&mut stream, serving.proxies.as_deref(), &drain).await {
                Ok(ends) => {
                    let tls = serving.tls.clone();
                    let served = listener::serve(stream, ends, tls, settings, handle, drain).await;
                    if let Some(complaint) = served {
                        counted.complain(complaint);
                    }
                }
                Err(listener::Unidentified::Refused) => {
                    metrics.connection_refused("proxy_protocol");
                }
                Err(listener::Unidentified::Gone) => {}
            }
        };
        tokio::select! {
            () = cut.cancelled() => {}
            () = served => {}
        }
    });
}

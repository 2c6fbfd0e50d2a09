//! The process: start, reload, drain.
//!
//! ```text
//! control thread   boot → listen → [ reload | sweep | admin | watch | signals ]… → drain → cut
//! worker threads   accept → listener → exchange, each with a runtime of its own
//! ```
//!
//! Workers know the control thread by what they share with it ([`gateway::Gateway`]): the current
//! snapshot, and the tokens that announce the end.

mod acme;
mod boot;
mod change;
mod connections;
mod control;
pub(crate) mod gateway;
mod handover;
mod listeners;
mod memory;
mod quic;
mod signals;
mod supervisor;
mod tasks;
mod timers;
mod upkeep;
mod watch;
mod worker;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::config::{Finding, Findings};
use crate::plugin::Trace;
pub(crate) use boot::{builder, parts};
use control::{Asked, Request};
use gateway::Gateway;
pub use handover::Inherited;
use tasks::Ending;

/// Looks up an environment variable.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// How to start.
#[derive(Clone)]
pub struct Options {
    /// gateway.toml.
    pub file: PathBuf,
    /// Where `${NAME}` comes from.
    pub environment: Environment,
    /// Whether changes of files are taken up.
    pub watch: bool,
    /// Whether SIGHUP reloads, SIGUSR2 upgrades, and SIGTERM and SIGINT end the gateway, and whether
    /// a supervisor is told of it: what a program does and a part of one leaves to it.
    pub signals: bool,
    /// Plugins whose calls are shown.
    pub trace: Trace,
}

impl Options {
    /// Watches files, leaves signals alone, and takes variables from the process's environment.
    #[must_use]
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            environment: Arc::new(|name| std::env::var(name).ok()),
            watch: true,
            signals: false,
            trace: Trace::default(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("file", &self.file).finish_non_exhaustive()
    }
}

/// Why the gateway did not start.
#[derive(Debug)]
pub enum StartError {
    /// The configuration cannot be used.
    Config(Findings),
    /// A plugin that should be traced is not in the configuration.
    Untraceable {
        /// Its name.
        name: String,
        /// Which there are.
        hint: Option<String>,
    },
    /// The system refuses what the gateway cannot do without.
    System {
        /// What was asked for.
        what: &'static str,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StartError {
    fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::System { what, source: error.into() }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(findings) => findings.fmt(f),
            Self::Untraceable { name, hint } => {
                write!(f, "there is no plugin `{name}` to trace")?;
                hint.iter().try_for_each(|hint| write!(f, "; {hint}"))
            }
            Self::System { what, source } => write!(f, "{what}: {source}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Config(findings) => Some(findings),
            Self::Untraceable { .. } => None,
            Self::System { source, .. } => Some(source.as_ref()),
        }
    }
}

/// A gateway that accepts connections. A drop cuts what is under way.
pub struct Running {
    gateway: Arc<Gateway>,
    requests: UnboundedSender<Request>,
    ending: Ending,
    admin: Option<SocketAddr>,
    control: Option<thread::JoinHandle<()>>,
}

/// Reads and checks the configuration, loads its plugins, and listens.
///
/// Blocks until all that is done; what is built runs on threads of its own.
///
/// # Errors
///
/// The configuration cannot be used, an address cannot be had, or the system refuses threads or
/// memory. Nothing is left behind then.
pub fn start(options: Options) -> Result<Running, StartError> {
    start_with(options, Inherited::default())
}

/// The same on sockets that are open already, as far as the configuration names their addresses.
///
/// # Errors
///
/// As [`start`].
pub fn start_with(options: Options, inherited: Inherited) -> Result<Running, StartError> {
    control::start(options, inherited)
}

impl Running {
    /// Where connections are accepted, with real ports, in the order of the file.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.gateway.listeners().iter().map(|listener| listener.address).collect()
    }

    /// Where the admin listener was when the gateway started, with its real port.
    #[must_use]
    pub const fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// The id of the snapshot that new exchanges are served with.
    #[must_use]
    pub fn snapshot_id(&self) -> u64 {
        self.gateway.snapshot.load().id
    }

    /// How many changes were refused since the start.
    #[must_use]
    pub fn refused_count(&self) -> u64 {
        self.gateway.refused_count()
    }

    /// Client connections that are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.gateway.connections.open()
    }

    /// Reads the configuration again; gives the id of the snapshot that serves then.
    ///
    /// # Errors
    ///
    /// The change was refused, and the old configuration still serves; or the gateway is ending.
    pub async fn reload(&self) -> Result<u64, Findings> {
        let (answer, answered) = oneshot::channel();
        let request = Asked { cause: change::Cause::Asked, answer: Some(answer) };
        // A request that is not taken drops its answer.
        let _taken = self.requests.send(Request::Reload(request));
        answered.await.unwrap_or_else(|_ending| {
            let file = self.gateway.file.display().to_string();
            Err(Finding::about(file, "is not read again, because the gateway is ending").into())
        })
    }

    /// Waits until a snapshot of at least this id serves.
    pub async fn wait_for_snapshot(&self, id: u64) {
        let mut changes = self.gateway.changes.subscribe();
        // The sender is in `self`.
        let _never_closed = changes.wait_for(|changes| changes.snapshot >= id).await;
    }

    /// Waits until so many changes were refused since the start.
    pub async fn wait_for_refused(&self, count: u64) {
        let mut changes = self.gateway.changes.subscribe();
        // As above.
        let _never_closed = changes.wait_for(|changes| changes.refused >= count).await;
    }

    /// Opens the files of all outputs again, as SIGHUP does.
    pub fn reopen_outputs(&self) {
        self.gateway.snapshot.load().outputs.reopen();
    }

    /// Stops accepting, finishes what is under way within `gateway.drain_timeout`, cuts the rest.
    ///
    /// A drop of the future cuts at once.
    pub async fn stop(mut self) {
        self.ending.asked.cancel();
        self.ending.ended.cancelled().await;
        self.join_control();
    }

    /// Waits until the gateway has ended, which a signal makes it do. Blocks.
    pub fn wait(mut self) {
        self.join_control();
    }

    fn join_control(&mut self) {
        if let Some(control) = self.control.take()
            && control.join().is_err()
        {
            tracing::error!("the control thread has panicked");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.control.is_some() {
            self.ending.cut.cancel();
            self.ending.asked.cancel();
            self.join_control();
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}

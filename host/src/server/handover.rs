//! From one process to the next without a closed socket.
//!
//! ```text
//! the one that serves                          the new one
//! start it, with one end of a pair of sockets
//! hand over every listening socket          →  take those that the configuration names
//!                                              close the others, load everything
//!                                           ←  ready
//! serve                                     →  accept
//!                                           ←  serving
//! drain and end
//! ```
//!
//! Both hold the same sockets, with the same queues of connections that nobody has accepted yet, so
//! there is no moment at which nobody would accept. Until `serve` is sent the new process has
//! accepted nothing, so giving it up loses nothing; until `serving` has come the old one accepts.
//!
//! [`run`] is the side of the one that serves, [`Inherited`] that of the new one.

mod channel;
mod inherited;
mod program;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::clock;
use channel::{Channel, DESCRIPTORS_MAX, Message, Role};
pub use inherited::Inherited;
pub(super) use program::Program;

/// The sockets that a new process is offered.
#[derive(Debug, Default)]
pub(super) struct Offer(Vec<Offered>);

/// All sockets at one address.
#[derive(Debug)]
struct Offered {
    role: Role,
    configured: SocketAddr,
    sockets: Vec<TcpListener>,
}

impl Offer {
    /// Adds those of a listener, with its address as in gateway.toml.
    pub(super) fn listener(&mut self, configured: SocketAddr, sockets: Vec<TcpListener>) {
        self.0.push(Offered { role: Role::Listener, configured, sockets });
    }

    /// Adds that of the admin listener.
    pub(super) fn admin(&mut self, configured: SocketAddr, socket: TcpListener) {
        self.0.push(Offered { role: Role::Admin, configured, sockets: vec![socket] });
    }

    fn send(&self, channel: &Channel) -> io::Result<()> {
        for Offered { role, configured, sockets } in &self.0 {
            let message = Message::Sockets { role: *role, configured: *configured };
            for sockets in sockets.chunks(DESCRIPTORS_MAX) {
                let descriptors: Vec<_> = sockets.iter().map(TcpListener::as_fd).collect();
                channel.send(&message, &descriptors)?;
            }
        }
        channel.send(&Message::Offered, &[])
    }
}

/// Why the old process goes on.
#[derive(Debug)]
pub(super) enum HandoverError {
    /// The program cannot be started.
    NotStarted(io::Error),
    /// The new process ended before it served.
    Ended(ExitStatus),
    /// It was not ready in time, and was ended.
    Late(Duration),
    /// It said something out of turn, and was ended.
    Confused(String),
    /// Something that never happens has happened.
    Lost(String),
}

impl fmt::Display for HandoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted(error) => write!(f, "the program cannot be started: {error}"),
            Self::Ended(status) => write!(f, "the new process ended with {status}"),
            Self::Late(limit) => write!(f, "the new process was not ready within {limit:?}"),
            Self::Confused(why) => write!(f, "the new process does not know how to: {why}"),
            Self::Lost(why) => f.write_str(why),
        }
    }
}

/// Starts `program` and hands over what is offered; gives the id of the process that serves then.
///
/// If it fails, the new process has ended when this returns. `given_up` makes it fail, unless the
/// new process serves already.
pub(super) async fn run(
    program: Program,
    offer: Offer,
    limit: Duration,
    given_up: CancellationToken,
) -> Result<u32, HandoverError> {
    let (ours, theirs) = UnixStream::pair().map_err(HandoverError::NotStarted)?;
    let breaker = ours.try_clone().map_err(HandoverError::NotStarted)?;
    let deadline = clock::now() + limit;
    let mut attempt = tokio::task::spawn_blocking(move || {
        let mut child = program.start(theirs).map_err(HandoverError::NotStarted)?;
        tracing::info!(program = %program, pid = child.id(), "upgrading");
        match converse(&Channel::new(ours), &offer, deadline) {
            Ok(()) => Ok(child.id()),
            Err(silence) => Err(give_up(&mut child, silence, limit)),
        }
    });
    let outcome = tokio::select! {
        outcome = &mut attempt => outcome,
        () = given_up.cancelled() => {
            // Whoever reads from it finds the end; it may be through already.
            let _ended = breaker.shutdown(std::net::Shutdown::Both);
            attempt.await
        }
    };
    outcome.unwrap_or_else(|error| Err(HandoverError::Lost(error.to_string())))
}

/// What the new process has not said.
#[derive(Debug)]
enum Silence {
    /// Its end of the channel is gone, or ours.
    Gone,
    Late,
    /// It said this instead.
    Other(String),
}

fn converse(channel: &Channel, offer: &Offer, deadline: Instant) -> Result<(), Silence> {
    channel.set_deadline(deadline)?;
    offer.send(channel)?;
    hear(channel, &Message::Ready, deadline)?;
    channel.send(&Message::Serve, &[])?;
    hear(channel, &Message::Serving, deadline)
}

fn hear(channel: &Channel, expected: &Message, deadline: Instant) -> Result<(), Silence> {
    channel.set_deadline(deadline)?;
    match channel.receive()? {
        (message, _) if message == *expected => Ok(()),
        (other, _) => Err(Silence::Other(format!("it says {other:?}, not {expected:?}"))),
    }
}

impl From<io::Error> for Silence {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // What a timeout of a socket looks like depends on the system.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Late,
            io::ErrorKind::InvalidData => Self::Other(error.to_string()),
            _ => Self::Gone,
        }
    }
}

/// Ends a new process that does not take over, and waits for its end.
fn give_up(child: &mut Child, silence: Silence, limit: Duration) -> HandoverError {
    // One that ends by itself keeps its own status.
    let _ended = child.kill();
    match (child.wait(), silence) {
        (Ok(status), Silence::Gone) => HandoverError::Ended(status),
        (Ok(_), Silence::Late) => HandoverError::Late(limit),
        (Ok(_), Silence::Other(why)) => HandoverError::Confused(why),
        (Err(error), _) => HandoverError::Lost(error.to_string()),
    }
}

#[cfg(test)]
mod tests;

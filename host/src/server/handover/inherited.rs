//! The sockets that a process was given at its start.

use std::env;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::parent_id;
use std::time::Duration;

use listenfd::ListenFd;

use super::channel::{Channel, Message, Role};
use crate::clock;

/// The environment variable by which a process knows that its standard input leads to the process
/// that it shall replace: the version of what they say to each other, a colon, and that one's id.
pub(super) const PREDECESSOR: &str = "TIDEGATE_PREDECESSOR";

/// The version of what two processes say to each other.
pub(super) const PROTOCOL: u32 = 1;

/// For what the other process has ready before it starts this one.
const OFFER_TIMEOUT: Duration = Duration::from_secs(10);

/// Listening sockets from the process before, or from a supervisor such as systemd.
///
/// A drop closes what was not taken. Their queues stay as long as somebody else has them.
#[derive(Debug, Default)]
pub struct Inherited {
    groups: Vec<Group>,
    predecessor: Option<Predecessor>,
}

/// All sockets at one address.
#[derive(Debug)]
struct Group {
    /// What they are for; a supervisor does not know.
    role: Option<Role>,
    /// Their address in the gateway.toml of the process before.
    configured: Option<SocketAddr>,
    local: SocketAddr,
    sockets: Vec<TcpListener>,
}

#[derive(Debug)]
struct Predecessor {
    pid: u32,
    channel: Channel,
}

impl Inherited {
    /// Takes what this process was started with. Waits for the process before, if there is one.
    ///
    /// To be called before there are threads: it changes the environment, so that programs that
    /// this one starts do not take the sockets for theirs.
    ///
    /// # Errors
    ///
    /// The process before speaks another language, or has ended; or what a supervisor has passed
    /// is not what it says.
    pub fn take() -> io::Result<Self> {
        let mut inherited = Self::default();
        inherited.take_from_supervisor()?;
        if let Some(predecessor) = Predecessor::of_this_process()? {
            inherited.take_from(&predecessor.channel)?;
            inherited.predecessor = Some(predecessor);
        }
        Ok(inherited)
    }

    #[cfg(test)]
    pub(super) fn from(channel: &Channel) -> io::Result<Self> {
        let mut inherited = Self::default();
        inherited.take_from(channel)?;
        Ok(inherited)
    }

    /// By the convention of `sd_listen_fds(3)`. What is no listening TCP socket is closed.
    fn take_from_supervisor(&mut self) -> io::Result<()> {
        let mut passed = ListenFd::from_env();
        for index in 0..passed.len() {
            if let Ok(Some(socket)) = passed.take_tcp_listener(index) {
                self.add(None, None, socket)?;
                continue;
            }
            // What is taken is not inherited by other programs any more; the drop closes it.
            let is_other = passed.take_udp_socket(index).is_ok()
                || passed.take_unix_listener(index).is_ok()
                || passed.take_unix_datagram(index).is_ok();
            if !is_other {
                return Err(io::Error::other("LISTEN_FDS passes something that is no socket"));
            }
        }
        Ok(())
    }

    fn take_from(&mut self, channel: &Channel) -> io::Result<()> {
        channel.set_deadline(clock::now() + OFFER_TIMEOUT)?;
        loop {
            match channel.receive()? {
                (Message::Sockets { role, configured }, descriptors) => {
                    for descriptor in descriptors {
                        self.add(Some(role), Some(configured), descriptor.into())?;
                    }
                }
                (Message::Offered, _) => return Ok(()),
                (other @ (Message::Ready | Message::Serve | Message::Serving), _) => {
                    return Err(io::Error::other(format!("the process before says {other:?}")));
                }
            }
        }
    }

    fn add(
        &mut self,
        role: Option<Role>,
        configured: Option<SocketAddr>,
        socket: TcpListener,
    ) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        let same = |group: &&mut Group| {
            (group.role, group.configured, group.local) == (role, configured, local)
        };
        match self.groups.iter_mut().find(same) {
            Some(group) => group.sockets.push(socket),
            None => self.groups.push(Group { role, configured, local, sockets: vec![socket] }),
        }
        Ok(())
    }

    /// The sockets of the listener that is configured to be at `address`; none if there are none.
    pub(in crate::server) fn listener(&mut self, address: SocketAddr) -> Vec<TcpListener> {
        self.at(Role::Listener, address)
    }

    /// The socket of the admin listener.
    pub(in crate::server) fn admin(&mut self, address: SocketAddr) -> Option<TcpListener> {
        self.at(Role::Admin, address).pop()
    }

    fn at(&mut self, role: Role, address: SocketAddr) -> Vec<TcpListener> {
        let fits = |group: &Group| group.role.is_none_or(|known| known == role);
        let by_name = |group: &Group| fits(group) && group.configured == Some(address);
        let by_place = |group: &Group| fits(group) && group.local == address;
        let index = self.groups.iter().position(by_name);
        match index.or_else(|| self.groups.iter().position(by_place)) {
            Some(index) => self.groups.remove(index).sockets,
            None => Vec::new(),
        }
    }

    /// Whether one of the sockets has this port: another may then be bound beside it.
    pub(in crate::server) fn has_port(&self, port: u16) -> bool {
        self.groups.iter().any(|group| group.local.port() == port)
    }

    /// Whether another process serves until this one does.
    pub(in crate::server) const fn has_predecessor(&self) -> bool {
        self.predecessor.is_some()
    }

    /// Closes what nobody has taken.
    pub(in crate::server) fn close_rest(&mut self) {
        for group in self.groups.drain(..) {
            tracing::info!(address = %group.local, "an inherited socket is not in use any more");
        }
    }

    /// Says that all is ready, and waits until the process before wants it to be used; gives that
    /// one's id.
    pub(in crate::server) fn ready(&self) -> Option<u32> {
        let Predecessor { pid, channel } = self.predecessor.as_ref()?;
        let told = channel
            .send(&Message::Ready, &[])
            .and_then(|()| channel.be_patient())
            .and_then(|()| channel.receive());
        match told {
            Ok((Message::Serve, _)) => {}
            // It would have ended this process if it wanted to go on itself.
            other => {
                let heard = other.map(|(message, _)| message);
                tracing::warn!(pid, ?heard, "the process before has gone, taking its place");
            }
        }
        Some(*pid)
    }

    /// Says that connections are accepted; the process before drains then.
    pub(in crate::server) fn serving(self) {
        if let Some(Predecessor { channel, .. }) = self.predecessor
            && let Err(error) = channel.send(&Message::Serving, &[])
        {
            tracing::warn!(%error, "the process before cannot be told that this one serves");
        }
    }
}

impl Predecessor {
    /// Whoever started this process to be replaced by it.
    fn of_this_process() -> io::Result<Option<Self>> {
        let Ok(told) = env::var(PREDECESSOR) else { return Ok(None) };
        let Some((protocol, pid)) = parse(&told) else {
            return Err(io::Error::other(format!("{PREDECESSOR} is `{told}`")));
        };
        // A program that a gateway starts for another reason has the variable too, and a gateway
        // that has ended meanwhile needs nobody to replace it.
        if pid != parent_id() {
            return Ok(None);
        }
        if protocol != PROTOCOL {
            let why =
                format!("the process before hands over by version {protocol}, not {PROTOCOL}");
            return Err(io::Error::other(why));
        }
        let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        if stream.local_addr().is_err() {
            return Ok(None);
        }
        Ok(Some(Self { pid, channel: Channel::new(stream) }))
    }
}

fn parse(told: &str) -> Option<(u32, u32)> {
    let (protocol, pid) = told.split_once(':')?;
    Some((protocol.parse().ok()?, pid.parse().ok()?))
}

//! Messages between two processes of the gateway, with descriptors.
//!
//! A message is its length in four bytes, big-endian, and JSON; descriptors come with its first
//! byte. A version that does not understand the other one says so by ending.

use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};

use crate::clock;

/// Descriptors in one message; Linux takes 253.
pub(super) const DESCRIPTORS_MAX: usize = 128;

/// Room for all of them, in bytes.
const SPACE_BYTES: usize = rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX));

/// Of one message; they have about 80 bytes.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Between the call for a deadline that is over and its failure.
const AT_ONCE: Duration = Duration::from_millis(1);

/// What one process says to the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "message")]
pub(super) enum Message {
    /// The old one: these sockets, which come with it, are at this address. May be repeated.
    Sockets {
        /// What they are for.
        role: Role,
        /// Their address as in gateway.toml; its port may be 0.
        configured: SocketAddr,
    },
    /// The old one: those were all.
    Offered,
    /// The new one: all that is left to do is to accept.
    Ready,
    /// The old one: do it.
    Serve,
    /// The new one: done.
    Serving,
}

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    Listener,
    Admin,
}

/// One end. Blocks.
#[derive(Debug)]
pub(super) struct Channel(UnixStream);

impl Channel {
    pub(super) const fn new(stream: UnixStream) -> Self {
        Self(stream)
    }

    /// Until when each of the next calls waits.
    pub(super) fn set_deadline(&self, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(clock::now()).max(AT_ONCE);
        self.0.set_read_timeout(Some(left))?;
        self.0.set_write_timeout(Some(left))
    }

    /// Waits as long as it takes from now on.
    pub(super) fn be_patient(&self) -> io::Result<()> {
        self.0.set_read_timeout(None)
    }

    /// Says something; `descriptors` are copied to the other process.
    pub(super) fn send(&self, message: &Message, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let text = serde_json::to_vec(message)?;
        let length = u32::try_from(text.len()).map_err(io::Error::other)?;
        let frame = [length.to_be_bytes().as_slice(), &text].concat();
        let mut space = [MaybeUninit::uninit(); SPACE_BYTES];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::Error::other("too many descriptors in one message"));
        }
        let sent = retry_on_intr(|| {
            sendmsg(&self.0, &[IoSlice::new(&frame)], &mut control, SendFlags::NOSIGNAL)
        })?;
        (&self.0).write_all(frame.get(sent..).unwrap_or_default())
    }

    /// What is said next. Descriptors that come with it are not for programs that this process
    /// starts.
    pub(super) fn receive(&self) -> io::Result<(Message, Vec<OwnedFd>)> {
        let mut length = [0; 4];
        let mut space = [MaybeUninit::uninit(); SPACE_BYTES];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = retry_on_intr(|| {
            let mut parts = [IoSliceMut::new(&mut length)];
            recvmsg(&self.0, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)
        })?;
        let descriptors = control.drain().filter_map(|part| match part {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        let descriptors: Vec<OwnedFd> = descriptors.flatten().collect();
        if received.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        (&self.0).read_exact(length.get_mut(received.bytes..).unwrap_or_default())?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > MESSAGE_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the message is too long"));
        }
        let mut text = vec![0; length];
        (&self.0).read_exact(&mut text)?;
        let message = serde_json::from_slice(&text)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok((message, descriptors))
    }
}

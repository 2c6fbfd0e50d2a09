//! What is known of a client, and what it did wrong.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use http::{Method, Uri};

use super::framing::Malformed;
use crate::facts::{Ends, TlsFacts};

/// What hyper is given in place of a head that was refused, so that the refusal is answered like
/// any request. No client can send it: `GET *` is itself refused.
pub(super) const STAND_IN: &[u8] = b"GET * HTTP/1.1\r\nhost: invalid\r\nconnection: close\r\n\r\n";

/// The client's end of one connection.
#[derive(Debug)]
pub struct Peer {
    /// An IPv4 client of an IPv6 socket is shown with its IPv4 address.
    pub address: SocketAddr,
    /// Where it has connected to.
    pub gateway: SocketAddr,
    /// Absent on a plain connection.
    pub tls: Option<Arc<TlsFacts>>,
    /// At most one a connection, because nothing passes after it.
    refused: OnceLock<Fault>,
    /// Whether the request being handled is the stand-in and nobody took the fault yet.
    shown: AtomicBool,
    broken: OnceLock<Malformed>,
}

/// Why a head never became a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not HTTP/1 as it should be.
    Malformed(Malformed),
    /// It did not arrive in time.
    HeadTimeout,
}

impl Fault {
    /// 400, 408, 414, 417, 431, 501 or 505.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed(fault) => fault.status,
            Self::HeadTimeout => 408,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(fault) => fault.fmt(f),
            Self::HeadTimeout => f.write_str("the request's head did not arrive in time"),
        }
    }
}

impl std::error::Error for Fault {}

impl Peer {
    /// A client that has done nothing wrong.
    #[must_use]
    pub const fn new(ends: Ends, tls: Option<Arc<TlsFacts>>) -> Self {
        Self {
            address: ends.client,
            gateway: ends.gateway,
            tls,
            refused: OnceLock::new(),
            shown: AtomicBool::new(false),
            broken: OnceLock::new(),
        }
    }

    /// Why the request just given to the service is only a stand-in, once; none if it is one that
    /// the client sent.
    #[must_use]
    pub fn take_fault(&self) -> Option<Fault> {
        if self.shown.swap(false, Ordering::Relaxed) { self.refused.get().copied() } else { None }
    }

    /// What is wrong with the HTTP/1 body that the client is sending, if its bytes broke the
    /// framing. The reading of that body then fails with [`std::io::ErrorKind::InvalidData`].
    #[must_use]
    pub fn body_fault(&self) -> Option<Malformed> {
        self.broken.get().copied()
    }

    pub(super) fn refuse(&self, fault: Fault) {
        // There is one guard a connection, and it reads nothing after its first fault.
        let _: Result<(), Fault> = self.refused.set(fault);
    }

    pub(super) fn break_body(&self, fault: Malformed) {
        let _: Result<(), Malformed> = self.broken.set(fault);
    }

    /// Shows the fault if this is the stand-in, which then asks for `/`.
    pub(super) fn show_fault<B>(&self, request: &mut http::Request<B>) {
        if self.refused.get().is_some()
            && request.method() == Method::GET
            && request.uri().path() == "*"
        {
            *request.uri_mut() = Uri::from_static("/");
            self.shown.store(true, Ordering::Relaxed);
        }
    }
}

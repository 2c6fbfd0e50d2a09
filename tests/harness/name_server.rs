//! A name server that says what a test tells it to (RFC 1035, over UDP).

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::soon;

/// Kinds of records.
const A: u16 = 1;
const SRV: u16 = 33;

/// An answer without a record, and one for names that do not exist.
const NO_ERROR: u8 = 0;
const NO_SUCH_NAME: u8 = 3;
/// The server cannot say.
const SERVER_FAILURE: u8 = 2;

/// A server on a port of its own; ends with this value.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    zone: Arc<Zone>,
    asked: watch::Receiver<usize>,
    speaks: watch::Sender<bool>,
    answering: JoinHandle<()>,
}

/// What records of one name and kind hold.
type Records = Vec<Vec<u8>>;

#[derive(Debug, Default)]
struct Zone {
    /// By name and kind.
    records: Mutex<HashMap<(String, u16), Records>>,
    is_broken: Mutex<bool>,
}

/// Starts a server that knows no name.
///
/// # Panics
/// Loopback has no free port.
pub async fn start() -> NameServer {
    started(true).await
}

/// The same, but it says nothing until it [`speaks`](NameServer::speaks).
///
/// # Panics
/// Loopback has no free port.
pub async fn silent() -> NameServer {
    started(false).await
}

async fn started(speaks: bool) -> NameServer {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = socket.local_addr().expect("it is bound");
    let zone = Arc::new(Zone::default());
    let (count, asked) = watch::channel(0);
    let (speaks, mut spoken) = watch::channel(speaks);
    let own = Arc::clone(&zone);
    let answering = tokio::spawn(async move {
        let mut query = [0; 512];
        while let Ok((length, peer)) = socket.recv_from(&mut query).await {
            if spoken.wait_for(|speaks| *speaks).await.is_err() {
                return;
            }
            if let Some(answer) = own.answer(&query[..length]) {
                socket.send_to(&answer, peer).await.expect("loopback");
            }
            count.send_modify(|count| *count += 1);
        }
    });
    NameServer { address, zone, asked, speaks, answering }
}

impl NameServer {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the name stands for these addresses.
    ///
    /// # Panics
    /// Never.
    pub fn says(&self, name: &str, addresses: &[Ipv4Addr]) {
        let records = addresses.iter().map(|address| address.octets().to_vec()).collect();
        self.zone.records.lock().unwrap().insert((name.to_owned(), A), records);
    }

    /// From now on the service is at these hosts: priority, weight, port and name of each.
    ///
    /// # Panics
    /// Never.
    pub fn serves(&self, name: &str, hosts: &[(u16, u16, u16, &str)]) {
        let record = |(priority, weight, port, host): &(u16, u16, u16, &str)| {
            let mut record: Vec<u8> =
                [priority, weight, port].iter().flat_map(|number| number.to_be_bytes()).collect();
            for label in host.split('.') {
                record.push(u8::try_from(label.len()).expect("a short label"));
                record.extend_from_slice(label.as_bytes());
            }
            record.push(0);
            record
        };
        let records = hosts.iter().map(record).collect();
        self.zone.records.lock().unwrap().insert((name.to_owned(), SRV), records);
    }

    /// From now on it fails with every question.
    ///
    /// # Panics
    /// Never.
    pub fn breaks(&self) {
        *self.zone.is_broken.lock().unwrap() = true;
    }

    /// From now on it answers, also what it was asked before.
    pub fn speaks(&self) {
        self.speaks.send_replace(true);
    }

    /// Waits until so many more questions were answered.
    ///
    /// # Panics
    /// Nobody asks.
    pub async fn answers(&self, more: usize) {
        let mut asked = self.asked.clone();
        let now = *asked.borrow();
        soon(asked.wait_for(|count| *count >= now + more)).await.expect("the server runs");
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

impl Zone {
    /// RFC 1035 section 4.1; absent for what is no question.
    fn answer(&self, query: &[u8]) -> Option<Vec<u8>> {
        let (name, kind, end) = question(query)?;
        let records = self.records.lock().unwrap();
        let known = records.get(&(name.clone(), kind));
        let (code, found) = match known {
            _ if *self.is_broken.lock().unwrap() => (SERVER_FAILURE, &[][..]),
            Some(found) => (NO_ERROR, &**found),
            None if records.keys().any(|(other, _)| *other == name) => (NO_ERROR, &[][..]),
            None => (NO_SUCH_NAME, &[][..]),
        };
        let count = u16::try_from(found.len()).ok()?.to_be_bytes();
        let mut answer = query.get(..2)?.to_vec();
        answer.extend([0x81, 0x80 | code, 0, 1, count[0], count[1], 0, 0, 0, 0]);
        answer.extend_from_slice(query.get(12..end)?);
        for record in found {
            // The name of the question, the kind, the class IN, and no time to live.
            answer.extend([0xc0, 12]);
            answer.extend(kind.to_be_bytes());
            answer.extend([0, 1, 0, 0, 0, 0]);
            answer.extend(u16::try_from(record.len()).ok()?.to_be_bytes());
            answer.extend_from_slice(record);
        }
        Some(answer)
    }
}

/// The name and the kind that are asked for, and where the question ends.
fn question(query: &[u8]) -> Option<(String, u16, usize)> {
    let mut at = 12;
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*query.get(at)?, *query.get(at + 1)?]);
    Some((labels.join("."), kind, at + 4))
}

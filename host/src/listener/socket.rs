//! Sockets that accept.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Connections that wait in the kernel for one worker to accept them; the kernel's own bound
/// (`net.core.somaxconn`) may be lower.
const BACKLOG: i32 = 1024;

/// Opens one listening socket a worker, all on one address, so that the kernel spreads
/// connections over them without a lock (`SO_REUSEPORT`).
///
/// With port 0 all get the port that the first was given. The sockets do not block.
///
/// # Errors
///
/// If the address is not this machine's, the port is taken or needs a privilege.
pub fn bind(address: SocketAddr, workers: usize) -> io::Result<Vec<TcpListener>> {
    let mut address = address;
    let mut sockets = Vec::with_capacity(workers);
    for _ in 0..workers {
        let socket = open(address)?;
        address = socket.local_addr()?;
        sockets.push(socket);
    }
    Ok(sockets)
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A gateway that starts again must not wait for connections of the last one to time out.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_workers_share_the_port_that_the_first_was_given() {
        let sockets = bind("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        let addresses: Vec<_> = sockets.iter().map(|it| it.local_addr().unwrap()).collect();
        assert_ne!(addresses[0].port(), 0);
        assert_eq!(addresses, [addresses[0]; 3]);
    }

    #[test]
    fn a_port_that_someone_else_holds_is_an_error() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = bind(other.local_addr().unwrap(), 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}

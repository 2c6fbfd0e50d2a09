//! An upstream that answers every request with 1 KiB.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// Bytes of the body of every answer.
pub const ANSWER_BODY_BYTES: usize = 1024;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 1024\r\n\r\n";

/// Starts one on a free port; it ends with the process.
#[must_use]
pub fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    stream.set_nodelay(true).expect("an option");
    let answer = [HEAD, &[b'x'; ANSWER_BODY_BYTES]].concat();
    let (mut buffer, mut held) = ([0; 4096], Vec::<u8>::new());
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        held.extend(buffer.iter().take(read));
        while let Some(end) = held.windows(4).position(|window| window == b"\r\n\r\n") {
            held.drain(..end + 4);
            if stream.write_all(&answer).is_err() {
                return;
            }
        }
    }
}

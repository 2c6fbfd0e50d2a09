//! A small, fast origin for HTTP/1.1 on one thread: `origin <address>`.
//!
//! | path | answer |
//! |---|---|
//! | `/1k`, `/10k`, `/100k` | JSON of exactly so many bytes; `/1k` for any other path |
//! | `/slow?<ms>` | 1 KiB after so many milliseconds |
//! | `/stream` | ten chunks of 1 KiB, 50 ms apart |
//! | `/echo` | the head of the request as it came |
//!
//! Requests may be pipelined, and have no body: the load sends GET alone.

mod answer;

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::answer::{Answer, Answers};

/// Proxies open a connection for each request under way, at once.
const BACKLOG: u32 = 4096;
const BUFFER_BYTES: usize = 32 * 1024;
const CHUNKS: usize = 10;
const CHUNK_PAUSE: Duration = Duration::from_millis(50);

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).expect("usage: origin <address>");
    let address = address.parse().expect("an address with a port");
    let answers: &'static Answers = Box::leak(Box::new(Answers::new()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(serve(stream, answers));
        }
    })
}

/// Answers the requests of one connection, in order, until the client leaves.
async fn serve(mut stream: TcpStream, answers: &'static Answers) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::with_capacity(BUFFER_BYTES);
    let mut ready = Vec::new();
    loop {
        let mut used = 0;
        while let Some(length) = head_length(&received[used..]) {
            let head = &received[used..used + length];
            used += length;
            match answers.to(head) {
                Answer::Fixed(response) => ready.extend_from_slice(response),
                Answer::Owned(response) => ready.extend_from_slice(&response),
                Answer::Late(response, after) => {
                    tokio::time::sleep(after).await;
                    ready.extend_from_slice(response);
                }
                Answer::Chunks(chunk) => {
                    stream.write_all(&std::mem::take(&mut ready)).await?;
                    send_chunks(&mut stream, chunk).await?;
                }
            }
        }
        received.drain(..used);
        if !ready.is_empty() {
            stream.write_all(&ready).await?;
            ready.clear();
        }
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
    }
}

fn head_length(received: &[u8]) -> Option<usize> {
    memchr::memmem::find(received, b"\r\n\r\n").map(|end| end + 4)
}

async fn send_chunks(stream: &mut TcpStream, chunk: &[u8]) -> io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    for _ in 0..CHUNKS {
        stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await?;
        stream.write_all(chunk).await?;
        stream.write_all(b"\r\n").await?;
        tokio::time::sleep(CHUNK_PAUSE).await;
    }
    stream.write_all(b"0\r\n\r\n").await
}

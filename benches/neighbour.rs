//! What a route notices of the route beside it, whose plugin computes until it is stopped.
//!
//! A client asks for a plain route 500 times a second, at times that are set before, so that a late
//! answer counts as late for those that wait behind it. Meanwhile other clients ask for a route whose plugin
//! never returns and is stopped after 20 ms of running time, as fast as they are answered. Clients, gateway
//! and upstream share the machine's processors.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tidegate::server::{self, Options};
use tidegate_benches::{EMPTY, LOOPS};

/// Of the neighbour's requests.
const PACE: Duration = Duration::from_millis(2);

/// For how long each line is measured.
const TIME: Duration = Duration::from_secs(10);

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                stream.set_nodelay(true).expect("an option");
                let mut buffer = [0; 4096];
                while let Ok(1..) = stream.read(&mut buffer) {
                    if stream.write_all(ANSWER).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Sends one request and waits for all of its answer.
fn ask(stream: &mut TcpStream, path: &str, status: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: bench.example\r\naccept: */*\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a request goes out");
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).expect("an answer comes");
        assert!(read > 0, "the connection stays open");
        text.push_str(&String::from_utf8_lossy(buffer.get(..read).expect("read")));
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        assert!(head.starts_with(status), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0) {
            return;
        }
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_nodelay(true).expect("an option");
    stream
}

/// The neighbour's latencies beside so many clients of the route that computes, sorted, and how many
/// answers those had.
fn measure(address: SocketAddr, spinners: usize) -> (Vec<Duration>, usize) {
    let (stop, stopped) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let spinning: Vec<_> = (0..spinners)
        .map(|_| {
            let (stop, stopped) = (Arc::clone(&stop), Arc::clone(&stopped));
            thread::spawn(move || {
                let mut stream = connect(address);
                while !stop.load(Ordering::Relaxed) {
                    ask(&mut stream, "/spin", "HTTP/1.1 500");
                    stopped.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut stream = connect(address);
    let began = Instant::now();
    let mut latencies = Vec::new();
    for number in 0.. {
        let due = began + PACE * number;
        if due.duration_since(began) > TIME {
            break;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        ask(&mut stream, "/plain", "HTTP/1.1 200");
        latencies.push(due.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    spinning.into_iter().for_each(|thread| thread.join().expect("it ends"));
    latencies.sort_unstable();
    (latencies, stopped.load(Ordering::Relaxed))
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let origin = origin();
    let text = format!(
        "admin = false\n[[listeners]]\naddress = \"127.0.0.1:0\"\n[gateway]\ncache_dir = false\n\
         [upstreams.origin]\nendpoints = [\"http://{origin}\"]\n\
         [plugins.empty]\ncomponent = \"{EMPTY}\"\n\
         [plugins.loops]\ncomponent = \"{LOOPS}\"\nlimits = {{ cpu = \"20ms\", wall = \"5s\" }}\n\
         [[routes]]\nname = \"plain\"\nmatch = {{ path = \"/plain\" }}\npipeline = [\"empty\"]\n\
         upstream = \"origin\"\n\
         [[routes]]\nname = \"spin\"\nmatch = {{ path = \"/spin\" }}\npipeline = [\"loops\"]\n\
         upstream = \"origin\"\n"
    );
    let file = folder.path().join("gateway.toml");
    std::fs::write(&file, text).expect("a file");
    let running = server::start(Options::new(file)).expect("it starts");
    let address = *running.addresses().first().expect("one listener");

    measure(address, 0);
    println!(
        "{:>9} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "spinners", "stopped", "p50", "p90", "p99", "p99.9"
    );
    for spinners in [0, 1, 2, 4, 0] {
        let (latencies, stopped) = measure(address, spinners);
        let quantile = |thousandths: usize| {
            let at = latencies.len() * thousandths / 1000;
            latencies.get(at).or(latencies.last()).map_or(0, Duration::as_micros)
        };
        let [p50, p90, p99, most] = [500, 900, 990, 999].map(quantile);
        println!("{spinners:>9} {stopped:>8} {p50:>6}us {p90:>6}us {p99:>6}us {most:>6}us");
    }
}

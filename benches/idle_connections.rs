//! What connections cost that wait for their next request: resident memory of a gateway with 20 000 of them,
//! or as many as the limit of open files allows.
//!
//! Each has had one request answered by an upstream. The gateway is a process of its own, this program once
//! more, so that the clients' ends do not count.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tidegate::server::{self, Options};

const CONNECTIONS: usize = 20_000;

/// Open files that are no clients' connections.
const OTHER_FILES: usize = 100;

/// Says to this program that it is the gateway, and where gateway.toml is.
const ROLE: &str = "TIDEGATE_BENCH_GATEWAY";

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Serves until standard input ends.
fn gateway(file: String) {
    let running = server::start(Options::new(file)).unwrap_or_else(|error| panic!("{error}"));
    println!("{}", running.addresses().first().expect("one listener"));
    std::io::stdin().read_to_end(&mut Vec::new()).expect("the end of it");
}

fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
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

fn start(file: &std::path::Path) -> (Child, SocketAddr) {
    let own = std::env::current_exe().expect("this program");
    let mut child = Command::new(own)
        .env(ROLE, file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the gateway starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut line).expect("an address");
    (child, line.trim().parse().expect("an address"))
}

fn resident_kib(child: &Child) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// The limit that children have as well.
fn open_files() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").expect("Linux");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("a line");
    let soft = line.split_whitespace().next().expect("a number");
    soft.parse().unwrap_or(usize::MAX)
}

fn main() {
    if let Ok(file) = std::env::var(ROLE) {
        return gateway(file);
    }
    let count = CONNECTIONS.min(open_files().saturating_sub(OTHER_FILES));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("gateway.toml");
    let text = format!(
        "admin = false\n[[listeners]]\naddress = \"127.0.0.1:0\"\n[gateway]\ncache_dir = false\n\
         [limits]\nconnections = {CONNECTIONS}\nidle_timeout = \"10m\"\n\
         [upstreams.origin]\nendpoints = [\"http://{}\"]\n\
         [[routes]]\nname = \"all\"\nmatch = {{ path = \"/\" }}\nupstream = \"origin\"\n",
        origin()
    );
    fs::write(&file, text).expect("a file");
    let (mut child, address) = start(&file);
    let before = resident_kib(&child);
    let mut buffer = [0; 4096];
    let clients: Vec<TcpStream> = (0..count)
        .map(|_| {
            let mut stream = TcpStream::connect(address).expect("it listens");
            stream
                .write_all(b"GET / HTTP/1.1\r\nhost: bench.example\r\naccept: */*\r\n\r\n")
                .expect("a request goes out");
            let mut read = 0;
            while !buffer.get(..read).unwrap_or_default().ends_with(b"\r\n\r\nok") {
                let rest = buffer.get_mut(read..).expect("an answer is shorter");
                read += stream.read(rest).expect("an answer comes");
            }
            stream
        })
        .collect();
    let at_once = resident_kib(&child);
    // Time enough for all of them to rest; memory tells nobody when it changes.
    thread::sleep(Duration::from_secs(3));
    let at_rest = resident_kib(&child);
    println!("{count} connections; resident memory in MiB:");
    for (when, kib) in
        [("before", before), ("after the last answer", at_once), ("3 s later", at_rest)]
    {
        let each = kib.saturating_sub(before) * 1024 / count;
        println!("{when:>22}: {:>6}  ({each} bytes a connection)", kib / 1024);
    }
    drop(clients);
    drop(child.stdin.take());
    child.wait().expect("it ends");
}

//! One exchange of HTTP/1.1 through the whole gateway, without plugins, over loopback.
//!
//! Client and upstream are in this process, the gateway is in the one that is counted, so that
//! only its instructions count.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use tidegate::server::{self, Options};

use super::baseline::Counts;
use super::callgrind::{Callgrind, Threads, growth};
use crate::origin::{self, ANSWER_BODY_BYTES};

/// Exchanges by which the two runs differ.
const EXCHANGES: u64 = 1000;

/// Exchanges of the shorter run; they make the worker's caches and pools warm.
const WARM_UP: u64 = 200;

/// Far longer than an answer takes under valgrind, also on a machine with other work.
const PATIENCE: Duration = Duration::from_secs(60);

const REQUEST: &[u8] = b"GET /api/users/42?page=2 HTTP/1.1\r\nhost: bench.example\r\n\
    user-agent: bench/1.0\r\naccept: */*\r\naccept-encoding: gzip, br\r\n\
    authorization: Bearer 0123456789abcdef0123456789abcdef\r\n\r\n";

/// Serves until standard input ends.
pub(super) fn serve(file: &Path) {
    let options = Options { watch: false, ..Options::new(file) };
    let running = server::start(options).unwrap_or_else(|error| panic!("{error}"));
    println!("{}", running.addresses().first().expect("one listener"));
    std::io::stdin().read_to_end(&mut Vec::new()).expect("the end of it");
}

/// Counts the instructions of one exchange: two runs, one with more exchanges than the other.
pub(super) fn count(folder: &Path) -> Result<Counts, String> {
    let unwritable = |error| format!("the gateway's configuration cannot be written: {error}");
    let gateway = tempfile::tempdir().map_err(unwritable)?;
    let file = gateway.path().join("gateway.toml");
    let origin = origin::start();
    let text = format!(
        "admin = false\n[[listeners]]\naddress = \"127.0.0.1:0\"\n\
         [gateway]\nworkers = 1\ncache_dir = false\n\
         # Address space is what valgrind has little of.\n[limits]\ninstances = 8\n\
         [upstreams.origin]\nendpoints = [\"http://{origin}\"]\n\
         [[routes]]\nname = \"users\"\nmatch = {{ path = \"/api\" }}\nupstream = \"origin\"\n"
    );
    fs::write(&file, text).map_err(unwritable)?;
    let few = exchanges(&file, &folder.join("few"), WARM_UP)?;
    let many = exchanges(&file, &folder.join("many"), WARM_UP + EXCHANGES)?;
    Ok(Counts::from([("plain".to_owned(), growth(&few, &many) / EXCHANGES)]))
}

/// What the threads of a gateway did that had so many exchanges, from its start to its end.
fn exchanges(file: &Path, folder: &Path, count: u64) -> Result<Threads, String> {
    let callgrind = Callgrind::new(folder)?;
    let mut child = callgrind
        .command(&file.display().to_string())
        .spawn()
        .map_err(|error| format!("valgrind cannot be started: {error}"))?;
    let asked = address(&mut child).and_then(|address| ask(address, count));
    // The end of its input is what ends it.
    drop(child.stdin.take());
    let status = child.wait().map_err(|error| format!("no end of the gateway: {error}"))?;
    asked.map_err(|error| {
        format!("the gateway under valgrind: {error}, see {}", callgrind.log().display())
    })?;
    if !status.success() {
        return Err(format!("the gateway ended with {status} under valgrind"));
    }
    callgrind.threads(None)
}

fn address(child: &mut Child) -> std::io::Result<SocketAddr> {
    let mut line = String::new();
    let stdout = child.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut line)?;
    line.trim().parse().map_err(|error| std::io::Error::other(format!("`{line}`: {error}")))
}

/// One request after the other, on one connection.
fn ask(address: SocketAddr, count: u64) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut answer = Vec::new();
    for _ in 0..count {
        stream.write_all(REQUEST)?;
        answer.clear();
        while !is_whole(&answer) {
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer)?;
            answer.extend(buffer.iter().take(read));
            if read == 0 || !answer.starts_with(b"HTTP/1.1 200") {
                let text = String::from_utf8_lossy(&answer);
                return Err(std::io::Error::other(format!("it answered `{text}`")));
            }
        }
    }
    Ok(())
}

fn is_whole(answer: &[u8]) -> bool {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n");
    head.is_some_and(|end| answer.len() >= end + 4 + ANSWER_BODY_BYTES)
}

//! The whole way of a request over loopback: bare upstream, and the gateway with 0, 1 and 3 plugins.
//!
//! One client on one kept connection sends a request and waits for its answer, so each figure is the
//! latency of one exchange, both hops and both kernels' work included. Compare the figures of one
//! run with each other; absolute times depend on the machine.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a bench"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use criterion::{Criterion, criterion_group, criterion_main};
use tempfile::TempDir;
use tidegate::server::{self, Options, Running};
use tidegate_benches::origin::{self, ANSWER_BODY_BYTES};
use tidegate_benches::{EMPTY, SECRET, bearer};

fn gateway(origin: SocketAddr, plugins: &str, pipeline: &str) -> (Running, SocketAddr, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "admin = false\n[[listeners]]\naddress = \"127.0.0.1:0\"\n[gateway]\nworkers = 1\n\
         cache_dir = false\n[upstreams.origin]\nendpoints = [\"http://{origin}\"]\n\
         [outputs.null]\nfile = \"/dev/null\"\n{plugins}\n\
         [[routes]]\nname = \"all\"\nmatch = {{ path = \"/\" }}\npipeline = {pipeline}\n\
         upstream = \"origin\"\n"
    );
    let file = folder.path().join("gateway.toml");
    std::fs::write(&file, text).expect("a file");
    let running = server::start(Options::new(file)).unwrap_or_else(|error| panic!("{error}"));
    let address = *running.addresses().first().expect("one listener");
    (running, address, folder)
}

fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut [u8]) {
    stream.write_all(request).expect("a request goes out");
    let mut held = 0;
    loop {
        let rest = buffer.get_mut(held..).expect("an answer is shorter than the buffer");
        held += stream.read(rest).expect("an answer comes");
        let seen = buffer.get(..held).expect("read above");
        assert!(seen.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(seen));
        if let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n")
            && held >= end + 4 + ANSWER_BODY_BYTES
        {
            return;
        }
    }
}

fn proxy_path(criterion: &mut Criterion) {
    let origin = origin::start();
    let request = format!(
        "GET /api/users/42 HTTP/1.1\r\nhost: bench.example\r\nuser-agent: bench/1.0\r\n\
         accept: */*\r\nauthorization: {}\r\n\r\n",
        bearer()
    );
    let one = format!("[plugins.empty]\ncomponent = \"{EMPTY}\"");
    let three = |isolation: &str| {
        format!(
            "[plugins.auth]\ncomponent = \"jwt\"\nisolation = \"{isolation}\"\n\
             config = {{ issuers = [{{ secret = \"{SECRET}\" }}] }}\n\
             [plugins.limit]\ncomponent = \"rate-limit\"\nisolation = \"{isolation}\"\n\
             config = {{ limit = 4000000000, per = \"minute\", algorithm = \"token\" }}\n\
             [plugins.log]\ncomponent = \"access-log\"\nisolation = \"{isolation}\"\n\
             config = {{ output = \"null\" }}\n"
        )
    };
    let all = "[\"log\", \"auth\", \"limit\"]";
    let scenarios = [
        ("0 plugins", gateway(origin, "", "[]")),
        ("1 empty plugin, request", gateway(origin, &one, "[\"empty\"]")),
        ("3 plugins, request", gateway(origin, &three("request"), all)),
        ("3 plugins, pooled", gateway(origin, &three("pooled"), all)),
    ];

    let mut group = criterion.benchmark_group("proxy");
    let mut buffer = [0; 8192];
    let targets = std::iter::once(("bare upstream", origin))
        .chain(scenarios.iter().map(|(name, (_, address, _))| (*name, *address)));
    for (name, address) in targets {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_nodelay(true).expect("an option");
        group.bench_function(name, |bencher| {
            bencher.iter(|| exchange(&mut stream, request.as_bytes(), &mut buffer));
        });
    }
    group.finish();
}

criterion_group!(benches, proxy_path);
criterion_main!(benches);

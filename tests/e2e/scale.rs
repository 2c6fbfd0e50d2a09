//! Much at once, and for long: what it leaves in memory.

use tidegate_tests::process::Process;
use tidegate_tests::{client, gateway, origin, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::TIDEGATE;

const MIB: usize = 1024 * 1024;

/// What passes before memory is measured for the first time, and in all.
const EARLY: usize = 64 * MIB;
const ALL: usize = 1024 * MIB;

/// What buffers of sockets and of the allocator may add.
const SLACK_KIB: u64 = 4 * 1024;

/// A gateway whose memory is not moved by how many workers have had a connection.
async fn process(origin: &origin::Origin) -> Process {
    let mut process = gateway::before(origin)
        .setting("workers = 1")
        .limit("request_body = \"unlimited\"")
        .route_with("/", [], "upstream = \"origin\"\ntimeout = \"10m\"")
        .spawn(TIDEGATE)
        .await;
    process.ignore_log();
    process
}

/// Fails if memory has grown.
fn stays_flat(process: &Process, early: u64) {
    let late = process.resident_kib();
    assert!(late <= early + SLACK_KIB, "{early} KiB early, {late} KiB at the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gibibyte_up_leaves_memory_flat() {
    let origin = origin::scripted(|mut connection| async move {
        if connection.head().await.is_none() {
            return;
        }
        let mut left = ALL;
        while left > 0 {
            let Some(bytes) = connection.bytes().await else { return };
            left -= bytes.len();
        }
        connection.write("HTTP/1.1 204 No Content\r\n\r\n").await;
        connection.closed().await;
    })
    .await;
    let process = process(&origin).await;
    let mut stream = TcpStream::connect(process.address()).await.unwrap();
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {ALL}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = vec![b'x'; MIB];
    for _ in 0..EARLY / MIB {
        stream.write_all(&piece).await.unwrap();
    }
    let early = process.resident_kib();
    for _ in EARLY / MIB..ALL / MIB {
        stream.write_all(&piece).await.unwrap();
    }
    stays_flat(&process, early);
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 204");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gibibyte_down_leaves_memory_flat() {
    let origin = origin::scripted(|mut connection| async move {
        if connection.request().await.is_none() {
            return;
        }
        connection.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {ALL}\r\n\r\n")).await;
        let piece = vec![b'x'; MIB];
        for _ in 0..ALL / MIB {
            if !connection.write(&piece).await {
                return;
            }
        }
        connection.closed().await;
    })
    .await;
    let process = process(&origin).await;
    let mut stream = TcpStream::connect(process.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut piece = vec![0; MIB];
    let mut read = 0;
    while read < EARLY {
        read += stream.read(&mut piece).await.unwrap();
    }
    let early = process.resident_kib();
    // The head came before the body.
    while read < ALL {
        match stream.read(&mut piece).await.unwrap() {
            0 => panic!("the body ended after {read} bytes"),
            more => read += more,
        }
    }
    stays_flat(&process, early);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_stop_cost_what_their_buffers_hold() {
    const READERS: u64 = 100;
    /// For hyper's buffers of both connections; the rest waits in the kernel's.
    const EACH_KIB: u64 = 1024;
    let (waits, mut waiting) = tokio::sync::watch::channel(0_u64);
    let origin = origin::scripted(move |mut connection| {
        let waits = waits.clone();
        async move {
            if connection.request().await.is_none() {
                return;
            }
            connection.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {ALL}\r\n\r\n")).await;
            let piece = vec![b'x'; MIB];
            // Whoever takes nothing for so long has no room left.
            let patience = std::time::Duration::from_millis(500);
            while tokio::time::timeout(patience, connection.write(&piece)).await == Ok(true) {}
            waits.send_modify(|count| *count += 1);
            connection.closed().await;
        }
    })
    .await;
    let process = process(&origin).await;
    let before = process.resident_kib();
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let mut stream = TcpStream::connect(process.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        readers.push(stream);
    }
    tidegate_tests::soon(waiting.wait_for(|count| *count == READERS)).await.unwrap();
    let after = process.resident_kib();
    let most = before + READERS * EACH_KIB;
    assert!(after <= most, "{before} KiB before, {after} KiB with {READERS} readers that stopped");
    drop(readers);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_costs_less_than_20_kib() {
    const CONNECTIONS: u64 = 1000;
    let origin = origin::replying("ok").await;
    let process = process(&origin).await;
    let mut warm = client::http1(process.address()).await;
    assert_eq!(warm.get("/").await.status(), 200);
    let before = process.resident_kib();
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(process.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 200");
        idle.push(stream);
    }
    let after = process.resident_kib();
    assert!(after <= before + CONNECTIONS * 20, "{before} KiB before, {after} KiB with them");

    let mut admin = client::http1(process.admin()).await;
    let open = until(async || {
        let text = admin.get("/metrics").await.text().to_owned();
        let open = text.lines().find(|line| line.starts_with("tidegate_connections{"))?;
        open.rsplit(' ').next().map(str::to_owned)
    });
    assert_eq!(open.await, "1001");
    drop(idle);
}

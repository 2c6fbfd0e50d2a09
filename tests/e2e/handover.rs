//! A new program in the place of one that serves.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tidegate_tests::client::{self, Client, request};
use tidegate_tests::gateway::{self, Builder};
use tidegate_tests::process::{self, Process};
use tidegate_tests::tls::authority;
use tidegate_tests::{origin, soon, until};
use tokio::net::UnixDatagram;
use tokio::task::JoinSet;

use crate::TIDEGATE;

/// A place where the program is found by a link, so that it can be replaced.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        symlink(TIDEGATE, place.path()).unwrap();
        place
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("tidegate")
    }

    fn program(&self) -> String {
        self.path().display().to_string()
    }

    /// Puts a shell script in the place of the program.
    fn replace(&self, script: &str) {
        self.replace_with_mode(script, 0o755);
    }

    fn replace_with_mode(&self, script: &str, mode: u32) {
        let new = self.folder.path().join("new");
        fs::write(&new, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(mode)).unwrap();
        fs::rename(new, self.path()).unwrap();
    }

    /// Puts the program back.
    fn restore(&self) {
        fs::remove_file(self.path()).unwrap();
        symlink(TIDEGATE, self.path()).unwrap();
    }
}

fn answering() -> Builder {
    Builder::default().route_with("/", [], "respond = { body = \"ok\" }")
}

/// What `/status` says, of whichever process answers there.
async fn status(process: &Process) -> Value {
    client::http1(process.admin()).await.get("/status").await.json()
}

async fn pid(process: &Process) -> u64 {
    status(process).await["pid"].as_u64().unwrap()
}

async fn metric(process: &Process, series: &str) -> String {
    let reply = client::http1(process.admin()).await.get("/metrics").await;
    let value = reply.text().lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.unwrap_or_default().to_owned()
}

/// Why an attempt has failed.
async fn failure(process: &mut Process) -> String {
    let event = process.logs("upgrade failed, this process still serves").await;
    event["error"].as_str().unwrap().to_owned()
}

/// Clients that never leave the gateway alone.
struct Crowd {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    /// Requests that were answered.
    answered: Arc<AtomicUsize>,
    /// Answers after which the connection ends.
    told: Arc<AtomicUsize>,
    clients: JoinSet<()>,
}

/// Between two requests of one client, so that the machine is busy and not overrun.
const PAUSE: Duration = Duration::from_millis(2);

impl Crowd {
    fn before(process: &Process) -> Self {
        let (stop, answered, told) = (Arc::default(), Arc::default(), Arc::default());
        Self { address: process.address(), stop, answered, told, clients: JoinSet::new() }
    }

    /// Clients with a new connection for each request. A connection that is refused, or reset before
    /// the answer is whole, ends the test.
    fn coming_anew(mut self, count: usize) -> Self {
        for _ in 0..count {
            let (address, stop) = (self.address, Arc::clone(&self.stop));
            let answered = Arc::clone(&self.answered);
            self.clients.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let mut client = client::http1(address).await;
                    let asked = request("GET", "/", &[("connection", "close")], "");
                    assert_eq!(client.send(asked).await.text(), "ok");
                    answered.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(PAUSE).await;
                }
            });
        }
        self
    }

    /// Clients that keep their connection for as long as they may.
    fn staying<C>(mut self, count: usize, connect: impl Fn(SocketAddr) -> C) -> Self
    where
        C: Future<Output = Client> + Send + 'static,
    {
        for _ in 0..count {
            let (address, stop) = (self.address, Arc::clone(&self.stop));
            let (answered, told) = (Arc::clone(&self.answered), Arc::clone(&self.told));
            let mut next: Vec<C> = (0..64).map(|_| connect(address)).collect();
            self.clients.spawn(async move {
                let mut client = next.pop().expect("a first one").await;
                while !stop.load(Ordering::Relaxed) {
                    let is_over = match client.try_send(request("GET", "/", &[], "")).await {
                        Ok(reply) => {
                            assert_eq!(reply.text(), "ok");
                            answered.fetch_add(1, Ordering::Relaxed);
                            reply.header("connection") == Some("close")
                        }
                        // The client was told that the connection ends before it sent anything.
                        Err(error) if error.is_canceled() || error.is_closed() => true,
                        Err(error) => panic!("{error:?}"),
                    };
                    if is_over {
                        told.fetch_add(1, Ordering::Relaxed);
                        client = next.pop().expect("so many are not needed").await;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            });
        }
        self
    }

    /// Waits for so many further answers.
    async fn go_on(&self, count: usize) {
        let enough = self.answered.load(Ordering::Relaxed) + count;
        until(async || (self.answered.load(Ordering::Relaxed) >= enough).then_some(())).await;
    }

    /// Whether all of them have got an answer to all that they asked.
    async fn leave(mut self) -> (usize, usize) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(left) = soon(self.clients.join_next()).await {
            left.unwrap();
        }
        (self.answered.load(Ordering::Relaxed), self.told.load(Ordering::Relaxed))
    }
}

#[tokio::test]
async fn upgrades_in_a_row_cost_no_request() {
    const UPGRADES: usize = 4;
    let (place, origin) = (Place::new(), origin::replying("ok").await);
    let mut process = gateway::before(&origin).route("/", []).spawn(&place.program()).await;
    let crowd =
        Crowd::before(&process).coming_anew(6).staying(3, client::http1).staying(2, client::http2);
    let mut before = Vec::new();
    for _ in 0..UPGRADES {
        crowd.go_on(200).await;
        before.push(process.upgrade().await);
    }
    crowd.go_on(200).await;
    assert_eq!(pid(&process).await, u64::from(process.id()));
    let (answered, told) = crowd.leave().await;
    assert!(answered >= 200 * (UPGRADES + 1), "{answered} answers");
    // All five that stay were told by each process that ended.
    assert!(told >= 5 * UPGRADES, "{told} of them were told");
    assert_eq!(process.ended().await, Some(0));
    for id in before {
        process::gone(id).await;
    }
}

#[tokio::test]
async fn what_is_under_way_is_finished_by_the_process_that_began_it() {
    let (release, gate) = tokio::sync::watch::channel(false);
    let origin = origin::scripted(move |mut connection| {
        let mut gate = gate.clone();
        async move {
            while let Some(request) = connection.request().await {
                if request.start_line().starts_with("GET /chat ") {
                    connection
                        .write(
                            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                             Upgrade: websocket\r\n\r\n",
                        )
                        .await;
                    while let Some(bytes) = connection.bytes().await {
                        connection.write(bytes).await;
                    }
                    return;
                }
                if gate.wait_for(|open| *open).await.is_err() {
                    return;
                }
                connection.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            }
        }
    })
    .await;
    let place = Place::new();
    let mut process = gateway::before(&origin)
        .setting("drain_timeout = \"3s\"")
        .route("/", [])
        .spawn(&place.program())
        .await;
    let mut slow = client::raw(process.address()).await;
    slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut chat = client::raw(process.address()).await;
    chat.send(
        "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    )
    .await;
    assert_eq!(chat.head().await.status(), 101);
    origin.saw(|counts| counts.requests == 2).await;

    let before = process.upgrade().await;
    process.logs("no longer listening").await;
    release.send_replace(true);
    let response = slow.response().await;
    assert_eq!(response.text(), "ok");
    assert_eq!(response.value("connection").as_deref(), Some("close"));
    assert_eq!(slow.to_end().await, "");
    assert_eq!(client::http1(process.address()).await.get("/").await.text(), "ok");

    // The process before waits for its tunnel, and cuts it in the end.
    chat.send("ping\n").await.until("ping\n").await;
    assert_eq!(process.logs("cutting what is under way").await["connections"], 1);
    assert_eq!(chat.to_end().await, "ping\n");
    assert_eq!(process.ended().await, Some(0));
    process::gone(before).await;
    assert_eq!(pid(&process).await, u64::from(process.id()));
}

#[tokio::test]
async fn the_port_of_http3_passes_on_when_its_last_connection_has_ended() {
    let place = Place::new();
    let authority = authority("ca");
    let own = authority.issue(&["a.example"]);
    let mut process = answering()
        .setting("drain_timeout = \"10s\"")
        .file("a.pem", &own.pem)
        .file("a.key", &own.key)
        .toml(
            "[[listeners]]\naddress = \"127.0.0.1:0\"\nhttp3 = true\n\
             tls = { certificate = \"a.pem\", key = \"a.key\" }\n",
        )
        .spawn(&place.program())
        .await;
    let dialer = authority.dialer();
    let mut client = dialer.http3(process.address(), "a.example").await;
    assert_eq!(client.get("/").await.text(), "ok");

    let before = process.upgrade().await;
    process::gone(before).await;
    drop(client);
    let mut client = until(async || {
        let mut client = dialer.try_http3(process.address(), "a.example").await.ok()?;
        client.try_send(request("GET", "/", &[], "")).await.is_ok().then_some(client)
    })
    .await;
    assert_eq!(client.get("/").await.text(), "ok");
    assert_eq!(pid(&process).await, u64::from(process.id()));
}

#[tokio::test]
async fn connections_that_wait_to_be_accepted_pass_to_the_new_process() {
    let place = Place::new();
    let mut process = answering().spawn(&place.program()).await;
    // A process that stands still accepts nothing: the kernel keeps connections and requests.
    process.signal(libc::SIGSTOP);
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = client::raw(process.address()).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        clients.push(client);
    }
    process.signal(libc::SIGUSR2);
    process.signal(libc::SIGCONT);
    for mut client in clients {
        assert_eq!(client.response().await.text(), "ok");
    }
    process.logs("handed over").await;
    assert_eq!(process.ended().await, Some(0));
}

#[tokio::test]
async fn a_new_program_that_cannot_serve_leaves_the_old_one_serving() {
    let place = Place::new();
    let mut process =
        answering().setting("upgrade_timeout = \"500ms\"").spawn(&place.program()).await;
    let mut client = client::http1(process.address()).await;
    let old = process.id();

    let cases = [
        ("exit 3", 0o755, "the new process ended with exit status: 3"),
        ("exec sleep 600", 0o755, "the new process was not ready within 500ms"),
        ("exit 0", 0o644, "the program cannot be started: Permission denied (os error 13)"),
    ];
    for (count, (script, mode, expected)) in cases.into_iter().enumerate() {
        place.replace_with_mode(script, mode);
        process.signal(libc::SIGUSR2);
        if mode == 0o755 {
            let new = process.logs("upgrading").await["pid"].as_u64().unwrap();
            assert_eq!(failure(&mut process).await, expected);
            let left = fs::exists(format!("/proc/{new}")).unwrap();
            assert!(!left, "{script}: the process that failed is still there");
        } else {
            assert_eq!(failure(&mut process).await, expected);
        }
        assert_eq!(client.get("/").await.text(), "ok", "{script}");
        assert_eq!(client::http1(process.address()).await.get("/").await.text(), "ok", "{script}");
        assert_eq!(pid(&process).await, u64::from(old), "{script}");
        let failed = metric(&process, "tidegate_upgrades_total{result=\"failed\"}").await;
        assert_eq!(failed, (count + 1).to_string());
    }

    // A configuration that is not taken: of the file, and of the command line.
    let broken = process.folder().join("broken.toml");
    fs::write(&broken, "listeners = 1").unwrap();
    place.replace(&format!("exec {TIDEGATE} run --log json {}", broken.display()));
    process.signal(libc::SIGUSR2);
    assert_eq!(failure(&mut process).await, "the new process ended with exit status: 1");
    assert_eq!(client.get("/").await.text(), "ok");

    place.restore();
    process.upgrade().await;
    assert_eq!(client::http1(process.address()).await.get("/").await.text(), "ok");
    assert_eq!(pid(&process).await, u64::from(process.id()));
    assert_ne!(process.id(), old);
}

#[tokio::test]
async fn one_upgrade_at_a_time() {
    let place = Place::new();
    let mut process = answering().spawn(&place.program()).await;
    place.replace("exec sleep 600");
    process.signal(libc::SIGUSR2);
    let new = process.logs("upgrading").await["pid"].as_u64().unwrap();
    process.signal(libc::SIGUSR2);
    let refused = process.logs("upgrade refused").await;
    assert_eq!(refused["reason"], "another one is under way");
    let series = "tidegate_upgrades_total{result=\"refused\"}";
    assert_eq!(metric(&process, series).await, "1");

    // Who ends takes a process with it that nobody has asked anything yet.
    process.signal(libc::SIGTERM);
    assert_eq!(process.ended().await, Some(0));
    assert!(!fs::exists(format!("/proc/{new}")).unwrap());
}

/// The sockets that listen on a port of 127.0.0.1.
fn listening(address: SocketAddr) -> usize {
    let wanted = format!("0100007F:{:04X}", address.port());
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let is_wanted = |line: &&str| {
        let mut cells = line.split_whitespace();
        cells.nth(1) == Some(&*wanted) && cells.nth(1) == Some("0A")
    };
    table.lines().filter(is_wanted).count()
}

#[tokio::test]
async fn another_number_of_workers_loses_no_queue() {
    let place = Place::new();
    let mut process = answering().setting("workers = 3").spawn(&place.program()).await;
    let file = process.folder().join("gateway.toml");
    let mut sockets = vec![listening(process.address())];
    for workers in [1, 5] {
        let text = fs::read_to_string(&file).unwrap();
        let line = text.lines().find(|line| line.starts_with("workers = ")).unwrap().to_owned();
        fs::write(&file, text.replace(&line, &format!("workers = {workers}"))).unwrap();
        process.upgrade().await;
        sockets.push(listening(process.address()));
        // The kernel chooses a socket by the client's port, so all of them are chosen.
        for _ in 0..40 {
            let mut client = client::raw(process.address()).await;
            client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
            assert_eq!(client.response().await.text(), "ok");
        }
    }
    assert_eq!(sockets, [3, 3, 5]);
}

#[tokio::test]
async fn listeners_that_the_new_configuration_has_are_taken_and_others_closed() {
    let place = Place::new();
    let listeners = |one: &str, other: &str| {
        format!("[[listeners]]\naddress = {one:?}\n[[listeners]]\naddress = {other:?}\n")
    };
    let builder = answering().toml(&listeners("127.0.0.1:0", "[::1]:0"));
    let mut process = builder.spawn(&place.program()).await;
    let addresses = |status: &Value| -> Vec<SocketAddr> {
        let listeners = status["listeners"].as_array().unwrap();
        listeners.iter().map(|at| at["address"].as_str().unwrap().parse().unwrap()).collect()
    };
    let old = addresses(&status(&process).await);

    let text = fs::read_to_string(process.folder().join("gateway.toml")).unwrap();
    let other = process.folder().join("other.toml");
    fs::write(&other, text.replace("[::1]:0", "127.0.0.2:0")).unwrap();
    place.replace(&format!("exec {TIDEGATE} run --log json {}", other.display()));
    process.upgrade().await;
    assert_eq!(process.ended().await, Some(0));

    let new = addresses(&status(&process).await);
    assert_eq!(new[0], old[0], "a port that the system chose stays");
    assert_eq!(new[1].ip().to_string(), "127.0.0.2");
    for address in new {
        assert_eq!(client::http1(address).await.get("/").await.text(), "ok");
    }
    assert!(tokio::net::TcpStream::connect(old[1]).await.is_err(), "nobody has taken it");
}

#[tokio::test]
async fn no_other_program_gets_a_socket() {
    let place = Place::new();
    let secret = "[secrets.look]\n\
                  command = [\"sh\", \"-c\", \"ls -l /proc/self/fd >> fds; echo x\"]\n";
    let mut process = answering().toml(secret).spawn(&place.program()).await;
    process.upgrade().await;
    let seen = fs::read_to_string(process.folder().join("fds")).unwrap();
    assert_eq!(seen.matches("total 0").count(), 2, "one look of each process: {seen}");
    assert!(!seen.contains("socket:"), "{seen}");
}

#[tokio::test]
async fn a_socket_of_a_supervisor_is_accepted_on_by_all_workers() {
    let place = Place::new();
    // What systemd does; a socket that is not shared by its address.
    place.replace(&format!(
        "exec 3<&0 </dev/null\nLISTEN_FDS=1 LISTEN_PID=$$ exec {TIDEGATE} \"$@\""
    ));
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut early = client::raw(address).await;
    early.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let listener = format!("[[listeners]]\naddress = \"{address}\"\n");
    let mut process = answering().toml(&listener).spawn_on(&place.program(), socket).await;
    assert_eq!(process.address(), address);
    assert_eq!(early.response().await.text(), "ok", "it came before there was a gateway");
    for _ in 0..10 {
        assert_eq!(client::http1(address).await.get("/").await.text(), "ok");
    }
    assert_eq!(listening(address), 1);

    process.upgrade().await;
    assert_eq!(process.ended().await, Some(0));
    assert_eq!(client::http1(address).await.get("/").await.text(), "ok");
    assert_eq!(listening(address), 1);
}

/// What a supervisor is told.
struct Supervisor {
    socket: UnixDatagram,
    folder: TempDir,
}

impl Supervisor {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        Self { socket, folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("notify")
    }

    async fn hears(&self) -> Vec<String> {
        let mut told = [0; 1024];
        let length = soon(self.socket.recv(&mut told)).await.unwrap();
        let text = std::str::from_utf8(&told[..length]).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn a_supervisor_is_told_how_the_service_is_and_which_process_it_is() {
    let (place, supervisor) = (Place::new(), Supervisor::new());
    let path: &Path = &supervisor.path();
    let variables = [("NOTIFY_SOCKET", path)];
    let mut process = answering().spawn_in(&place.program(), &[], &variables).await;
    assert_eq!(supervisor.hears().await, ["READY=1"]);

    process.signal(libc::SIGHUP);
    let told = supervisor.hears().await;
    let [reloading, at] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(reloading, "RELOADING=1");
    assert!(at.strip_prefix("MONOTONIC_USEC=").unwrap().parse::<u64>().is_ok(), "{at}");
    assert_eq!(supervisor.hears().await, ["READY=1"]);

    process.upgrade().await;
    // Both processes speak.
    let mut told = [supervisor.hears().await, supervisor.hears().await];
    told.sort();
    let main = format!("MAINPID={}", process.id());
    assert_eq!(told, [vec![main, "READY=1".to_owned()], vec!["READY=1".to_owned()]]);
    assert_eq!(process.ended().await, Some(0));

    process.signal(libc::SIGTERM);
    assert_eq!(supervisor.hears().await, ["STOPPING=1"]);
    process::gone(process.id()).await;
}

//! A gateway as a process of its own, for signals, memory and what it prints.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::gateway::Builder;
use crate::soon;

/// A running `tidegate`; a drop kills it, and all that it has started.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// The process that serves: the child, or one that has taken its place.
    serving: libc::pid_t,
    /// Until nobody wants it.
    log: Option<Lines<BufReader<ChildStderr>>>,
    address: SocketAddr,
    admin: SocketAddr,
    folder: tempfile::TempDir,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The exit code; absent after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs `program` to its end.
///
/// # Panics
/// It cannot be started, or does not end.
pub async fn run(program: &str, arguments: &[&str], folder: &Path) -> Ended {
    let output =
        Command::new(program).args(arguments).current_dir(folder).kill_on_drop(true).output();
    let output = soon(output).await.expect("the program should start");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Builder {
    /// Starts `program`, which is `tidegate`, with this configuration and a log in JSON.
    ///
    /// # Panics
    /// It does not start to listen.
    pub async fn spawn(self, program: &str) -> Process {
        self.spawn_with(program, &[]).await
    }

    /// Starts `program` with these options as well.
    ///
    /// # Panics
    /// It does not start to listen.
    pub async fn spawn_with(self, program: &str, options: &[&str]) -> Process {
        self.spawn_in(program, options, &[]).await
    }

    /// Starts `program` with these options and environment variables as well.
    ///
    /// # Panics
    /// It does not start to listen.
    pub async fn spawn_in(
        self,
        program: &str,
        options: &[&str],
        variables: &[(&str, &Path)],
    ) -> Process {
        self.spawn_from(program, options, variables, Stdio::null()).await
    }

    /// Starts `program` with this socket as its standard input.
    ///
    /// # Panics
    /// It does not start to listen.
    pub async fn spawn_on(self, program: &str, socket: std::net::TcpListener) -> Process {
        self.spawn_from(program, &[], &[], OwnedFd::from(socket).into()).await
    }

    async fn spawn_from(
        self,
        program: &str,
        options: &[&str],
        variables: &[(&str, &Path)],
        input: Stdio,
    ) -> Process {
        let (folder, file) = self.write();
        let mut child = Command::new(program)
            .args(["run", "--log-format", "json"])
            .args(options)
            .arg(&file)
            .current_dir(folder.path())
            .envs(variables.iter().copied())
            .process_group(0)
            .stdin(input)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program should start");
        let stderr = child.stderr.take().expect("it is piped");
        let mut log = BufReader::new(stderr).lines();
        let mut address = None;
        let mut admin = None;
        while address.is_none() || admin.is_none() {
            let line = soon(log.next_line()).await.expect("readable").expect("it should listen");
            let Ok(event) = serde_json::from_str::<Value>(&line) else {
                // What is traced begins with `configure`.
                assert!(options.contains(&"--trace-plugin"), "{line}");
                continue;
            };
            let message = text(&event, "message");
            let heard = || text(&event, "address").parse().expect("an address");
            match message.as_str() {
                "listening" => address = Some(heard()),
                "admin listening" => admin = Some(heard()),
                _ => {}
            }
        }
        let (Some(address), Some(admin)) = (address, admin) else { unreachable!("both are set") };
        let serving = pid(&child);
        Process { child, serving, log: Some(log), address, admin, folder }
    }
}

fn pid(child: &Child) -> libc::pid_t {
    child.id().and_then(|id| i32::try_from(id).ok()).expect("it runs")
}

/// Sends a signal to a process, or to a group of them if `to` is negative; false if there is none.
#[expect(unsafe_code, reason = "there is no safe way to send a signal in the standard library")]
fn kill(to: libc::pid_t, signal: libc::c_int) -> bool {
    // SAFETY: `kill` touches no memory of this process.
    unsafe { libc::kill(to, signal) == 0 }
}

/// Waits until no process of this id runs any more.
pub async fn gone(id: u32) {
    crate::until(async || {
        let status = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // One that has ended may wait for somebody to ask for its exit code.
        let state = status.rsplit(") ").next().and_then(|rest| rest.chars().next());
        matches!(state, None | Some('Z' | 'X')).then_some(())
    })
    .await;
}

impl Drop for Process {
    fn drop(&mut self) {
        // All that is left of its group, of which it may be the last.
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            kill(-id, libc::SIGKILL);
        } else {
            kill(self.serving, libc::SIGKILL);
        }
    }
}

/// A field of an event, wherever the format puts it.
fn text(event: &Value, field: &str) -> String {
    let value = event.get(field).or_else(|| event.get("fields")?.get(field));
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

impl Process {
    /// Where its listener is.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its admin listener is.
    #[must_use]
    pub const fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Its working directory, with gateway.toml.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process that serves.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn id(&self) -> u32 {
        u32::try_from(self.serving).expect("a positive number")
    }

    /// Sends a signal to the process that serves.
    ///
    /// # Panics
    /// The process has ended.
    pub fn signal(&self, signal: libc::c_int) {
        assert!(kill(self.serving, signal), "the process should take a signal");
    }

    /// Has a new process take over, and waits until it serves; gives the id of the one before.
    ///
    /// # Panics
    /// It does not.
    pub async fn upgrade(&mut self) -> u32 {
        self.signal(libc::SIGUSR2);
        let event = self.logs("handed over").await;
        let before = self.id();
        let serving = event["pid"].as_i64().expect("a number");
        self.serving = serving.try_into().expect("an id");
        before
    }

    /// The next event with this message; what comes before it is forgotten.
    ///
    /// # Panics
    /// The log ends before.
    pub async fn logs(&mut self, message: &str) -> Value {
        loop {
            let log = self.log.as_mut().expect("the log is not ignored");
            let line = soon(log.next_line()).await.expect("readable").expect("a further event");
            if let Ok(event) = serde_json::from_str::<Value>(&line)
                && text(&event, "message") == message
            {
                return event;
            }
        }
    }

    /// The next lines that are no events, up to one that holds `last`.
    ///
    /// # Panics
    /// The log ends before.
    pub async fn traces(&mut self, last: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let log = self.log.as_mut().expect("the log is not ignored");
            let line = soon(log.next_line()).await.expect("readable").expect("a further line");
            if serde_json::from_str::<Value>(&line).is_err() {
                lines.push(line);
            }
            if lines.last().is_some_and(|line| line.contains(last)) {
                return lines;
            }
        }
    }

    /// Forgets what the process logs from now on, so that it never waits for a reader.
    pub fn ignore_log(&mut self) {
        if let Some(mut log) = self.log.take() {
            tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        }
    }

    /// The resident memory in KiB.
    ///
    /// # Panics
    /// There is no `/proc`.
    #[must_use]
    pub fn resident_kib(&self) -> u64 {
        let id = self.id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("a file");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Waits until the process that was started ends; the exit code, absent after a signal.
    ///
    /// # Panics
    /// It does not end.
    pub async fn ended(&mut self) -> Option<i32> {
        soon(self.child.wait()).await.expect("a child").code()
    }
}

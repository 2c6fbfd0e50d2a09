//! A program whose output is a secret.

use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use super::SECRET_BYTES_MAX;
use crate::clock;

/// How long a program may take. A vault answers within a second; who waits for a start waits for
/// this too.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// Bytes of what a program says of its failure.
const STDERR_BYTES_MAX: usize = 1024;

/// Between two looks at whether a program has ended.
const LOOK_PERIOD: Duration = Duration::from_millis(5);

/// A program with its arguments.
pub(super) struct Command {
    words: Vec<String>,
    /// What relative paths, and the program itself, see as the working directory.
    folder: PathBuf,
}

impl Command {
    pub(super) const fn new(words: Vec<String>, folder: PathBuf) -> Self {
        Self { words, folder }
    }

    /// What the program writes to its standard output; waits for it at most this long.
    ///
    /// # Errors
    ///
    /// Why there is nothing, with what the program wrote to its standard error. What it wrote to
    /// its standard output is never part of it.
    pub(super) fn run(&self, limit: Duration) -> Result<Vec<u8>, String> {
        let deadline = clock::now() + limit;
        let mut child = self.spawn()?;
        let output = read(child.stdout.take(), SECRET_BYTES_MAX + 1);
        let said = read(child.stderr.take(), STDERR_BYTES_MAX);
        let status = match wait(&mut child, limit, deadline) {
            Ok(status) => status,
            Err(why) => {
                // It may have ended by itself meanwhile, and nobody else waits for it.
                let _ended = child.kill();
                let _status = child.wait();
                return Err(why);
            }
        };
        if !status.success() {
            // One that wrote too much may have ended because nobody read on.
            if let Some(bytes) = within(&output, deadline)
                && bytes.len() > SECRET_BYTES_MAX
            {
                return Ok(bytes);
            }
            let said = within(&said, deadline).unwrap_or_default();
            return Err(format!("its command ended with {status}{}", shown(&said)));
        }
        within(&output, deadline)
            .ok_or_else(|| "a program that its command started holds its output open".to_owned())
    }

    fn spawn(&self) -> Result<Child, String> {
        let (name, arguments) = self.words.split_first().ok_or("its command is empty")?;
        let folder = std::path::absolute(&self.folder)
            .map_err(|error| format!("the folder of its command is not known: {error}"))?;
        let program = if name.contains('/') { folder.join(name) } else { Path::new(name).into() };
        let mut command = std::process::Command::new(program);
        command.args(arguments).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A signal from the terminal is for the gateway, which then decides itself.
        command.process_group(0);
        command.spawn().map_err(|error| format!("its command `{name}` does not start: {error}"))
    }
}

/// Waits for the end of a program, which std can do without limit only.
#[expect(
    clippy::disallowed_methods,
    reason = "configuration is read on a thread that may block, and is not the exchanges'"
)]
fn wait(child: &mut Child, limit: Duration, deadline: Instant) -> Result<ExitStatus, String> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if clock::now() < deadline => thread::sleep(LOOK_PERIOD),
            Ok(None) => {
                return Err(format!("its command took over {limit:?}"));
            }
            Err(error) => return Err(format!("its command cannot be waited for: {error}")),
        }
    }
}

/// Reads in a thread of its own, because a program that fills one pipe would never end while the
/// other is read. Closes the pipe when `bytes_max` are there.
fn read(
    pipe: Option<impl Read + Send + 'static>,
    bytes_max: usize,
) -> Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        let outcome = pipe.map_or(Ok(0), |pipe| pipe.take(limit).read_to_end(&mut bytes));
        // Nobody listens any more after the limit.
        let _gone = sender.send(outcome.map(|_length| bytes));
    });
    receiver
}

fn within(reader: &Receiver<io::Result<Vec<u8>>>, deadline: Instant) -> Option<Vec<u8>> {
    let left = deadline.saturating_duration_since(clock::now());
    reader.recv_timeout(left.max(LOOK_PERIOD)).ok()?.ok()
}

/// What a program said, on one line and without effect on a terminal.
fn shown(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.trim().chars().filter(|c| !c.is_control()).collect::<String>())
        .filter(|line| !line.is_empty())
        .collect();
    if lines.is_empty() { String::new() } else { format!(": {}", lines.join(" / ")) }
}

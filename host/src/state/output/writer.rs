//! The thread that writes an output's lines.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::queue::{Batch, Queue, Task};
use crate::clock;

/// Between two reports of the same output's failure.
const REPORT_PERIOD: Duration = Duration::from_mins(1);

/// Where lines end up.
#[derive(Debug)]
pub(super) enum Target {
    File {
        path: PathBuf,
        file: File,
    },
    Stdout,
    Stderr,
    /// Lines of the output of this name, kept in memory.
    Page(Box<str>, super::Page),
    #[cfg(test)]
    Scripted(super::tests::Script),
}

impl Target {
    /// Opens a file to append to; makes it, and the folders it is in, if it is not there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::File { path: path.to_owned(), file: open(path)? })
    }

    fn reopen(&mut self) -> io::Result<()> {
        match self {
            Self::File { path, file } => {
                *file = open(path)?;
                Ok(())
            }
            Self::Stdout | Self::Stderr | Self::Page(..) => Ok(()),
            #[cfg(test)]
            Self::Scripted(_) => Ok(()),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File { file, .. } => file.write(bytes),
            // Standard output keeps what follows the last line feed; nothing does.
            Self::Stdout => io::stdout().lock().write_all(bytes).map(|()| bytes.len()),
            Self::Stderr => io::stderr().lock().write(bytes),
            Self::Page(name, page) => {
                let mut page = page.lock().unwrap_or_else(PoisonError::into_inner);
                let text = String::from_utf8_lossy(bytes);
                page.extend(text.lines().map(|line| (name.clone(), line.to_owned())));
                Ok(bytes.len())
            }
            #[cfg(test)]
            Self::Scripted(script) => script.write(bytes),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().append(true).create(true).open(path)
}

/// Starts the thread; it ends when the queue is closed and empty.
pub(super) fn spawn(name: &str, target: Target, queue: Arc<Queue>) -> io::Result<()> {
    let mut writer = Writer { name: name.to_owned(), target, is_torn: false, reported: None };
    // Detached: `Outputs::close` waits for the queue's end instead.
    thread::Builder::new().name(format!("output {name}")).spawn(move || writer.run(&queue))?;
    Ok(())
}

#[derive(Debug)]
struct Writer {
    name: String,
    target: Target,
    /// The last write ended within a line.
    is_torn: bool,
    reported: Option<Instant>,
}

impl Writer {
    fn run(&mut self, queue: &Queue) {
        let mut batch = Batch::default();
        loop {
            match queue.next(&mut batch) {
                Task::Write => {
                    let (written, outcome) = self.write(&batch.bytes);
                    if let Err(error) = outcome {
                        let lost = batch.ends.iter().filter(|end| **end > written).count();
                        queue.count_dropped(u64::try_from(lost).unwrap_or(u64::MAX));
                        self.report(&error, queue.dropped());
                    }
                    batch.clear();
                }
                Task::Reopen => {
                    if let Err(error) = self.target.reopen() {
                        tracing::error!(
                            output = %self.name, %error,
                            "output not opened again; the old file is written on"
                        );
                    } else {
                        self.is_torn = false;
                    }
                }
                Task::End => return,
            }
        }
    }

    /// How many bytes were written, and what stopped it.
    fn write(&mut self, bytes: &[u8]) -> (usize, io::Result<()>) {
        if self.is_torn {
            // What is left of the cut line must not run into the next.
            match self.write_some(b"\n") {
                Ok(_one) => self.is_torn = false,
                Err(error) => return (0, Err(error)),
            }
        }
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match self.write_some(rest) {
                Ok(some) => written += some,
                Err(error) => {
                    let whole = written == 0 || bytes.get(written - 1) == Some(&b'\n');
                    self.is_torn = !whole;
                    return (written, Err(error));
                }
            }
        }
        (written, Ok(()))
    }

    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.target.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(some) => return Ok(some),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn report(&mut self, error: &io::Error, dropped: u64) {
        let now = clock::now();
        if self.reported.is_none_or(|last| now.duration_since(last) >= REPORT_PERIOD) {
            self.reported = Some(now);
            tracing::error!(output = %self.name, %error, dropped, "output not written");
        }
    }
}

//! Named destinations for the lines that plugins write.
//!
//! Each output has a bounded queue and a thread of its own that writes it out, many lines at
//! once. Writing copies the line under a short lock and never waits for a file; what finds no
//! room is dropped and counted.
//!
//! An output lives as long as someone holds it: a reload hands unchanged ones on, and the last
//! drop lets the thread write what is queued and end.

mod queue;
mod writer;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::config::model;
use queue::Queue;
use writer::Target;

/// Bytes of one line, without its line feed.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// Lines that may wait for standard output and standard error.
const STANDARD_QUEUE: usize = 8192;

/// Why a line was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputError {
    /// There is no output of this name.
    Unknown,
    /// The queue is full; the line is dropped and counted.
    Overflow,
    /// A line over [`LINE_BYTES_MAX`].
    TooLarge,
}

/// Lines kept in memory, each with its output's name.
pub type Page = Arc<Mutex<Vec<(Box<str>, String)>>>;

/// All outputs of a configuration, `stdout` and `stderr` among them.
#[derive(Debug)]
pub struct Outputs {
    by_name: BTreeMap<Box<str>, Arc<Output>>,
}

impl Outputs {
    /// Opens the files, but keeps those that `previous` has open with the same settings.
    ///
    /// # Errors
    /// The index of the output whose file or thread could not be had, and why.
    pub fn open(
        outputs: &[model::Output],
        previous: Option<&Self>,
    ) -> Result<Self, (usize, io::Error)> {
        let mut by_name = BTreeMap::new();
        for (name, target) in [("stdout", Target::Stdout), ("stderr", Target::Stderr)] {
            let output = match previous.and_then(|previous| previous.get(name)) {
                Some(output) => Arc::clone(output),
                None => Output::start(name, target, STANDARD_QUEUE, None)
                    .map_err(|error| (outputs.len(), error))?,
            };
            by_name.insert(name.into(), output);
        }
        for (index, settings) in outputs.iter().enumerate() {
            let name = settings.name.as_str();
            let kept = previous
                .and_then(|previous| previous.get(name))
                .filter(|output| output.is_for(&settings.file, settings.queue));
            let output = match kept {
                Some(output) => Arc::clone(output),
                None => Output::for_file(settings).map_err(|error| (index, error))?,
            };
            by_name.insert(name.into(), output);
        }
        Ok(Self { by_name })
    }

    /// Outputs of these names, and `stdout` and `stderr`, whose lines go into `page`: the output's
    /// name, and the line without its line feed.
    ///
    /// # Errors
    /// A thread could not be had.
    pub fn onto<'a>(
        names: impl IntoIterator<Item = &'a str>,
        page: &Page,
    ) -> Result<Self, io::Error> {
        let mut by_name = BTreeMap::new();
        for name in names.into_iter().chain(["stdout", "stderr"]) {
            let target = Target::Page(name.into(), Page::clone(page));
            by_name.insert(name.into(), Output::start(name, target, STANDARD_QUEUE, None)?);
        }
        Ok(Self { by_name })
    }

    /// The output of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Output>> {
        self.by_name.get(name)
    }

    /// All outputs, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Output>> {
        self.by_name.values()
    }

    /// The names of all outputs, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(AsRef::as_ref)
    }

    /// Queues one line; the line feed is added.
    ///
    /// # Errors
    /// There is no such output, the line is too large, or it was dropped.
    pub fn write(&self, name: &str, line: &[u8]) -> Result<(), OutputError> {
        self.get(name).ok_or(OutputError::Unknown)?.write(line)
    }

    /// Has every file opened again under its name, once what is queued has been written.
    pub fn reopen(&self) {
        for output in self.iter() {
            output.reopen();
        }
    }

    /// Takes no more lines and waits until all queued ones are written, or the time is over;
    /// returns how many lines were left behind.
    pub fn close(&self, deadline: Instant) -> usize {
        for output in self.iter() {
            output.queue.close();
        }
        self.iter().map(|output| output.queue.wait_until_ended(deadline)).sum()
    }
}

/// One destination for lines.
#[derive(Debug)]
pub struct Output {
    name: Box<str>,
    /// Absent for standard output and standard error.
    file: Option<PathBuf>,
    queue: Arc<Queue>,
}

impl Output {
    fn for_file(settings: &model::Output) -> io::Result<Arc<Self>> {
        let target = Target::open(&settings.file)?;
        Self::start(&settings.name, target, settings.queue, Some(settings.file.clone()))
    }

    fn start(
        name: &str,
        target: Target,
        lines_max: usize,
        file: Option<PathBuf>,
    ) -> io::Result<Arc<Self>> {
        let queue = Arc::new(Queue::new(lines_max));
        writer::spawn(name, target, Arc::clone(&queue))?;
        Ok(Arc::new(Self { name: name.into(), file, queue }))
    }

    /// As in gateway.toml, or `stdout` or `stderr`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Queues one line; the line feed is added. Never waits for the file.
    ///
    /// # Errors
    /// The line is too large, or it was dropped for want of room.
    pub fn write(&self, line: &[u8]) -> Result<(), OutputError> {
        if line.len() > LINE_BYTES_MAX {
            return Err(OutputError::TooLarge);
        }
        if self.queue.push(line) { Ok(()) } else { Err(OutputError::Overflow) }
    }

    /// Lines dropped since the output was opened, for want of room or because the file could not
    /// be written.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.queue.dropped()
    }

    /// Has the file opened again under its name, once what is queued has been written; it is
    /// made if it is not there. If that fails, the old file is written on.
    pub fn reopen(&self) {
        self.queue.reopen();
    }

    /// Waits until all that was queued before, lines and re-openings, is done. Blocks.
    pub fn flush(&self) {
        self.queue.flush();
    }

    fn is_for(&self, file: &Path, lines_max: usize) -> bool {
        self.file.as_deref() == Some(file) && self.queue.lines_max() == lines_max
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.queue.close();
    }
}

#[cfg(test)]
mod tests;

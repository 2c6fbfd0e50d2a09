//! An access log that nobody waits for: lines are collected, and written by a thread of their own.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, UNIX_EPOCH};

/// Collected at most; then they are handed over.
const BATCH_BYTES: usize = 64 * 1024;
/// Batches that wait for a slow disk. More are dropped.
const QUEUE: usize = 64;

/// One exchange. The client is always on loopback.
pub struct Line<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub status: u16,
    pub bytes: u64,
    pub duration: Duration,
    pub user_agent: &'a str,
    pub subject: &'a str,
}

pub struct AccessLog {
    lines: Mutex<Vec<u8>>,
    writer: SyncSender<Vec<u8>>,
}

impl AccessLog {
    /// How long lines stay collected at most; whoever owns the log flushes it that often.
    pub const FLUSH: Duration = Duration::from_secs(1);

    pub(crate) fn open(path: String) -> Self {
        let (writer, batches) = sync_channel::<Vec<u8>>(QUEUE);
        std::thread::spawn(move || {
            let mut file =
                OpenOptions::new().create(true).append(true).open(path).expect("the access log");
            for batch in batches {
                let _ = file.write_all(&batch);
            }
        });
        Self { lines: Mutex::new(empty_batch()), writer }
    }

    pub fn write(&self, line: &Line<'_>) {
        let now = UNIX_EPOCH.elapsed().unwrap_or_default();
        let mut lines = self.lines.lock().expect("nobody panics with the lines");
        let _ = writeln!(
            lines,
            "127.0.0.1 {}.{:03} \"{} {}\" {} {} {}us \"{}\" {}",
            now.as_secs(),
            now.subsec_millis(),
            line.method,
            line.path,
            line.status,
            line.bytes,
            line.duration.as_micros(),
            line.user_agent,
            line.subject,
        );
        if lines.len() >= BATCH_BYTES {
            self.hand_over(&mut lines);
        }
    }

    pub fn flush(&self) {
        let mut lines = self.lines.lock().expect("nobody panics with the lines");
        if !lines.is_empty() {
            self.hand_over(&mut lines);
        }
    }

    fn hand_over(&self, lines: &mut Vec<u8>) {
        let _ = self.writer.try_send(std::mem::replace(lines, empty_batch()));
    }
}

/// With room for the line that makes it full.
fn empty_batch() -> Vec<u8> {
    Vec::with_capacity(BATCH_BYTES + 4 * 1024)
}

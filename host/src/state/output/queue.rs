//! Lines that wait for their writer.

use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;

/// Bytes of lines that may wait for one output, however many lines they are.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// How long the writer rests after a batch.
///
/// A line that comes meanwhile waits that long and wakes nobody: waking a thread costs more than
/// anything else about a line. A line that finds the writer asleep is written at once.
const REST: Duration = Duration::from_millis(20);

/// Bytes that end a rest early; so do half as many lines as may wait.
const BATCH_BYTES: usize = 256 * 1024;

/// Lines one behind the other.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Each with its line feed.
    pub(super) bytes: Vec<u8>,
    /// Where in `bytes` each line ends.
    pub(super) ends: Vec<usize>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Keeps the memory, unless it has grown out of the ordinary.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.bytes.shrink_to(4 * BATCH_BYTES);
        self.ends.shrink_to(BATCH_BYTES / 64);
    }

    fn push(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.bytes.push(b'\n');
        self.ends.push(self.bytes.len());
    }
}

/// What the writer is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// The batch has lines.
    Write,
    /// All lines before have been handed over; open the file again.
    Reopen,
    /// There is nothing left, and nothing will come.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// Has a task in hand.
    Busy,
    /// Looks again when its rest is over.
    Resting,
    /// Looks again when it is woken.
    Asleep,
    /// Is no more.
    Ended,
}

#[derive(Debug)]
struct Waiting {
    lines_max: usize,
    lines: Batch,
    writer: Writer,
    /// Lines of the batch in hand.
    in_hand: usize,
    must_reopen: bool,
    is_closed: bool,
    /// How many wait for everything to be done, which ends rests.
    flushing: usize,
}

/// Lines that wait for their writer.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    /// For the writer.
    wake: Condvar,
    /// For those who wait until the writer has done everything or has ended.
    done: Condvar,
    dropped: AtomicU64,
}

impl Queue {
    pub(super) fn new(lines_max: usize) -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                lines_max,
                lines: Batch::default(),
                writer: Writer::Busy,
                in_hand: 0,
                must_reopen: false,
                is_closed: false,
                flushing: 0,
            }),
            wake: Condvar::new(),
            done: Condvar::new(),
            dropped: AtomicU64::new(0),
        }
    }

    pub(super) fn lines_max(&self) -> usize {
        self.lock().lines_max
    }

    /// Whether there was room; a line without is counted as dropped.
    pub(super) fn push(&self, line: &[u8]) -> bool {
        let must_wake = {
            let mut waiting = self.lock();
            if waiting.is_closed || !waiting.has_room(line) {
                drop(waiting);
                self.count_dropped(1);
                return false;
            }
            waiting.lines.push(line);
            match waiting.writer {
                Writer::Asleep => true,
                Writer::Resting => waiting.is_much(),
                Writer::Busy | Writer::Ended => false,
            }
        };
        if must_wake {
            self.wake.notify_one();
        }
        true
    }

    pub(super) fn reopen(&self) {
        self.lock().must_reopen = true;
        self.wake.notify_one();
    }

    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_one();
    }

    /// Waits until the writer has nothing to do.
    pub(super) fn flush(&self) {
        let mut waiting = self.lock();
        waiting.flushing += 1;
        self.wake.notify_one();
        while !waiting.is_idle() {
            waiting = self.done.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.flushing -= 1;
    }

    /// Waits until the writer has ended or the time is over; returns how many lines are left.
    pub(super) fn wait_until_ended(&self, deadline: Instant) -> usize {
        let mut waiting = self.lock();
        while waiting.writer != Writer::Ended {
            let rest = deadline.saturating_duration_since(clock::now());
            if rest.is_zero() {
                break;
            }
            let (guard, _timeout) =
                self.done.wait_timeout(waiting, rest).unwrap_or_else(PoisonError::into_inner);
            waiting = guard;
        }
        waiting.lines.ends.len() + waiting.in_hand
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn count_dropped(&self, lines: u64) {
        self.dropped.fetch_add(lines, Ordering::Relaxed);
    }

    /// The writer has done its task and asks for the next; blocks until there is one.
    ///
    /// `batch` is given empty and comes back with the lines of a [`Task::Write`].
    pub(super) fn next(&self, batch: &mut Batch) -> Task {
        let mut waiting = self.lock();
        waiting.in_hand = 0;
        let mut is_rested = false;
        loop {
            if let Some(task) = waiting.take_task(is_rested, batch) {
                if task == Task::End {
                    waiting.writer = Writer::Ended;
                    self.done.notify_all();
                }
                return task;
            }
            if waiting.lines.is_empty() && is_rested {
                waiting.writer = Writer::Asleep;
                self.done.notify_all();
                waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            } else {
                waiting.writer = Writer::Resting;
                self.done.notify_all();
                let (guard, outcome) =
                    self.wake.wait_timeout(waiting, REST).unwrap_or_else(PoisonError::into_inner);
                waiting = guard;
                is_rested = outcome.timed_out();
            }
            let was_asleep = waiting.writer == Writer::Asleep;
            waiting.writer = Writer::Busy;
            is_rested |= was_asleep;
        }
    }

    /// A panic elsewhere leaves whole lines behind.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn has_room(&self, line: &[u8]) -> bool {
        self.lines.ends.len() < self.lines_max && self.lines.bytes.len() + line.len() < BYTES_MAX
    }

    /// Enough to end a rest.
    fn is_much(&self) -> bool {
        self.lines.bytes.len() >= BATCH_BYTES || self.lines.ends.len() >= self.lines_max.div_ceil(2)
    }

    fn is_idle(&self) -> bool {
        self.writer == Writer::Ended
            || (self.writer != Writer::Busy && self.lines.is_empty() && !self.must_reopen)
    }

    /// What is to be done now. Lines that come while the writer rests wait for the rest's end,
    /// unless there are many of them or someone waits.
    fn take_task(&mut self, is_rested: bool, batch: &mut Batch) -> Option<Task> {
        let is_due =
            is_rested || self.must_reopen || self.is_closed || self.flushing > 0 || self.is_much();
        if !self.lines.is_empty() && is_due {
            mem::swap(&mut self.lines, batch);
            self.in_hand = batch.ends.len();
            return Some(Task::Write);
        }
        if mem::take(&mut self.must_reopen) {
            return Some(Task::Reopen);
        }
        (self.is_closed && self.lines.is_empty()).then_some(Task::End)
    }
}

//! When a change is over.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// After the last sign of a change: saving a file is often several operations.
const DEBOUNCE: Duration = Duration::from_millis(50);

/// A file without a write for so long counts as written, although its writer keeps it open.
const QUIET: Duration = Duration::from_secs(2);

/// A sign that a target may be another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sign {
    /// Somebody writes to this file, and has not closed it yet.
    Writing(PathBuf),
    /// The writer has closed this file.
    Written(PathBuf),
    /// This file has other permissions or another owner.
    Touched(PathBuf),
    /// Something has another name, is new, or is gone; what was written there no longer counts.
    Moved(Vec<PathBuf>),
}

/// Collects signs until nobody is writing any more.
#[derive(Debug, Default)]
pub(super) struct Settle {
    /// With the time of the last write.
    writing: BTreeMap<PathBuf, Instant>,
    /// When the last sign of a finished change came.
    changed: Option<Instant>,
}

impl Settle {
    pub(super) fn note(&mut self, sign: Sign, now: Instant) {
        match sign {
            Sign::Writing(file) => {
                self.writing.insert(file, now);
                return;
            }
            Sign::Written(file) => {
                self.writing.remove(&file);
            }
            Sign::Touched(_) => {}
            Sign::Moved(files) => {
                for file in files {
                    self.writing.remove(&file);
                }
            }
        }
        self.changed = Some(now);
    }

    /// When to ask [`Settle::take`] again; `None` if nothing is expected.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.writing.values().max() {
            Some(last) => Some(*last + QUIET),
            None => self.changed.map(|changed| changed + DEBOUNCE),
        }
    }

    /// Whether a change is over, once.
    ///
    /// One file that is still being written holds up all: what is read together was written
    /// together.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let before = self.writing.len();
        self.writing.retain(|_, last| *last + QUIET > now);
        if self.writing.len() < before {
            self.changed.get_or_insert(now.checked_sub(DEBOUNCE).unwrap_or(now));
        }
        let is_over = self.writing.is_empty()
            && self.changed.is_some_and(|changed| changed + DEBOUNCE <= now);
        if is_over {
            self.changed = None;
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn file(name: &str) -> PathBuf {
        PathBuf::from(name)
    }

    #[test]
    fn a_change_is_over_50_ms_after_its_last_sign() {
        let (mut settle, start) = (Settle::default(), clock::now());
        settle.note(Sign::Written(file("a")), start);
        settle.note(Sign::Moved(vec![file("b"), file("c")]), start + ms(40));
        assert_eq!(settle.deadline(), Some(start + ms(90)));
        assert!(!settle.take(start + ms(89)));
        assert!(settle.take(start + ms(90)));
        assert!(!settle.take(start + ms(91)), "once");
        assert_eq!(settle.deadline(), None);
    }

    #[test]
    fn a_file_that_is_being_written_holds_up_all_until_it_is_closed() {
        let (mut settle, start) = (Settle::default(), clock::now());
        settle.note(Sign::Writing(file("a.wasm")), start);
        settle.note(Sign::Written(file("gateway.toml")), start);
        settle.note(Sign::Writing(file("a.wasm")), start + ms(1500));
        assert!(!settle.take(start + ms(1600)));
        settle.note(Sign::Written(file("a.wasm")), start + ms(1700));
        assert!(settle.take(start + ms(1750)));
    }

    #[test]
    fn other_permissions_do_not_end_the_writing() {
        let (mut settle, start) = (Settle::default(), clock::now());
        settle.note(Sign::Writing(file("a")), start);
        settle.note(Sign::Touched(file("a")), start + ms(10));
        assert!(!settle.take(start + ms(100)));
        settle.note(Sign::Written(file("a")), start + ms(100));
        assert!(settle.take(start + ms(150)));
    }

    #[test]
    fn a_file_that_stays_open_counts_as_written_after_two_quiet_seconds() {
        let (mut settle, start) = (Settle::default(), clock::now());
        settle.note(Sign::Writing(file("a")), start);
        assert_eq!(settle.deadline(), Some(start + ms(2000)));
        assert!(!settle.take(start + ms(1999)));
        assert!(settle.take(start + ms(2000)));
    }

    #[test]
    fn a_file_that_is_renamed_while_it_is_open_is_no_longer_waited_for() {
        let (mut settle, start) = (Settle::default(), clock::now());
        settle.note(Sign::Writing(file("a")), start);
        settle.note(Sign::Moved(vec![file("a"), file("b")]), start + ms(10));
        assert!(settle.take(start + ms(60)));
    }
}

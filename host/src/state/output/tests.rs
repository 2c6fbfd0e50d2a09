use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::writer::Target;
use super::{LINE_BYTES_MAX, Output, OutputError, Outputs};
use crate::clock;
use crate::config::{Location, model};

/// A destination that does with each write what the test says.
#[derive(Debug)]
pub(super) struct Script {
    began: Sender<()>,
    steps: Receiver<Step>,
    written: Arc<Mutex<Vec<u8>>>,
}

#[derive(Debug)]
enum Step {
    Take(usize),
    TakeAll,
    Fail,
}

impl Script {
    /// Waits for the next step; without a test behind it, everything is taken.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.began.send(()).ok();
        let taken = match self.steps.recv().unwrap_or(Step::TakeAll) {
            Step::Take(some) => some,
            Step::TakeAll => bytes.len(),
            Step::Fail => return Err(ErrorKind::StorageFull.into()),
        };
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }
}

struct Rig {
    output: Arc<Output>,
    began: Receiver<()>,
    steps: Sender<Step>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Rig {
    fn new(lines_max: usize) -> Self {
        let (began_here, began) = channel();
        let (steps, steps_there) = channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let script =
            Script { began: began_here, steps: steps_there, written: Arc::clone(&written) };
        let output =
            Output::start("scripted", Target::Scripted(script), lines_max, None).expect("a thread");
        Self { output, began, steps, written }
    }

    /// Writes a line and waits until it is being written, which goes on when a step is given.
    fn occupy(&self) {
        self.output.write(b"first").expect("room");
        self.began.recv().expect("the writer");
    }

    fn step(&self, step: Step) {
        self.steps.send(step).expect("the writer");
    }

    /// Takes all from now on; returns what has been written when nothing is left to write.
    fn finish(self) -> String {
        drop(self.steps);
        self.output.flush();
        String::from_utf8(self.written.lock().expect("no panic").clone()).expect("texts")
    }
}

fn settings(name: &str, file: &Path) -> model::Output {
    let at = Location::default();
    model::Output { name: name.to_owned(), file: file.to_owned(), queue: 100, at }
}

fn open(outputs: &[model::Output]) -> Outputs {
    Outputs::open(outputs, None).expect("files")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a file")
}

fn soon() -> Instant {
    clock::now() + Duration::from_secs(60)
}

#[test]
fn lines_are_appended_in_order_each_with_a_line_feed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("made/for/this.log");
    let outputs = open(&[settings("access", &file)]);
    for line in ["one", "", "three"] {
        outputs.write("access", line.as_bytes()).expect("room");
    }
    outputs.get("access").expect("it").flush();
    assert_eq!(read(&file), "one\n\nthree\n");
    drop(outputs);

    let outputs = open(&[settings("access", &file)]);
    outputs.write("access", b"four").expect("room");
    assert_eq!(outputs.close(soon()), 0);
    assert_eq!(read(&file), "one\n\nthree\nfour\n");
}

#[test]
fn standard_output_and_error_always_exist() {
    let folder = tempfile::tempdir().expect("a folder");
    let outputs = open(&[settings("access", &folder.path().join("a.log"))]);
    assert_eq!(outputs.names().collect::<Vec<_>>(), ["access", "stderr", "stdout"]);
    assert_eq!(outputs.write("acces", b"line"), Err(OutputError::Unknown));
    assert_eq!(outputs.write("stderr", b""), Ok(()));
}

#[test]
fn a_line_has_its_bytes_and_not_one_more() {
    let rig = Rig::new(2);
    assert_eq!(rig.output.write(&[b'x'; LINE_BYTES_MAX]), Ok(()));
    assert_eq!(rig.output.write(&[b'x'; LINE_BYTES_MAX + 1]), Err(OutputError::TooLarge));
    assert_eq!(rig.finish().len(), LINE_BYTES_MAX + 1);
}

#[test]
fn a_full_queue_drops_counts_and_never_waits() {
    let rig = Rig::new(2);
    rig.occupy();
    assert_eq!(rig.output.write(b"second"), Ok(()));
    assert_eq!(rig.output.write(b"third"), Ok(()));
    assert_eq!(rig.output.write(b"dropped"), Err(OutputError::Overflow));
    assert_eq!(rig.output.dropped(), 1);
    assert_eq!(rig.finish(), "first\nsecond\nthird\n");
}

#[test]
fn waiting_lines_are_written_at_once() {
    let rig = Rig::new(1000);
    rig.occupy();
    for _ in 0..999 {
        rig.output.write(b"line").expect("room");
    }
    rig.step(Step::TakeAll);
    rig.began.recv().expect("the writer");
    rig.step(Step::TakeAll);
    rig.output.flush();
    assert!(rig.began.try_recv().is_err(), "two writes for a thousand lines");
    assert_eq!(rig.finish().lines().count(), 1000);
}

#[test]
fn a_failed_write_loses_its_lines_and_spares_the_next() {
    let rig = Rig::new(10);
    rig.occupy();
    rig.output.write(b"abcdef").expect("room");
    rig.output.write(b"ghi").expect("room");
    for step in [Step::TakeAll, Step::Take(3), Step::Fail] {
        rig.step(step);
    }
    for _ in 0..2 {
        rig.began.recv().expect("the writer");
    }
    rig.output.flush();
    assert_eq!(rig.output.dropped(), 2);
    rig.output.write(b"next").expect("room");
    assert_eq!(rig.finish(), "first\nabc\nnext\n");
}

#[test]
fn what_was_written_whole_before_a_failure_is_not_counted_as_dropped() {
    let rig = Rig::new(10);
    rig.occupy();
    rig.output.write(b"abcdef").expect("room");
    rig.output.write(b"ghi").expect("room");
    for step in [Step::TakeAll, Step::Take(7), Step::Fail] {
        rig.step(step);
    }
    for _ in 0..2 {
        rig.began.recv().expect("the writer");
    }
    rig.output.flush();
    assert_eq!(rig.output.dropped(), 1);
    rig.output.write(b"next").expect("room");
    assert_eq!(rig.finish(), "first\nabcdef\nnext\n");
}

#[test]
fn a_renamed_file_is_written_on_until_it_is_opened_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, rotated) = (folder.path().join("a.log"), folder.path().join("a.log.1"));
    let outputs = open(&[settings("access", &file)]);
    outputs.write("access", b"one").expect("room");
    outputs.get("access").expect("it").flush();
    fs::rename(&file, &rotated).expect("renamed");
    outputs.write("access", b"two").expect("room");
    outputs.reopen();
    outputs.get("access").expect("it").flush();
    outputs.write("access", b"three").expect("room");
    outputs.get("access").expect("it").flush();
    assert_eq!(read(&rotated), "one\ntwo\n");
    assert_eq!(read(&file), "three\n");
}

#[test]
fn a_file_that_cannot_be_opened_again_is_written_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, rotated) = (folder.path().join("a.log"), folder.path().join("a.log.1"));
    let outputs = open(&[settings("access", &file)]);
    fs::rename(&file, &rotated).expect("renamed");
    fs::create_dir(&file).expect("in the way");
    outputs.reopen();
    outputs.write("access", b"line").expect("room");
    outputs.get("access").expect("it").flush();
    assert_eq!(read(&rotated), "line\n");
}

#[test]
fn the_output_whose_file_cannot_be_opened_is_named_by_its_index() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = settings("good", &folder.path().join("a.log"));
    let bad = settings("bad", folder.path());
    let (index, error) = Outputs::open(&[good, bad], None).expect_err("a folder is no file");
    assert_eq!((index, error.kind()), (1, ErrorKind::IsADirectory));
}

#[test]
fn unchanged_outputs_survive_a_reload_and_removed_ones_are_written_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let [a, b, moved] = ["a", "b", "moved"].map(|name| folder.path().join(name));
    let before = open(&[settings("a", &a), settings("b", &b), settings("c", &b)]);
    before.write("c", b"of c").expect("room");
    let after = Outputs::open(&[settings("a", &a), settings("b", &moved)], Some(&before));
    let after = after.expect("files");
    let same = |name: &str| {
        let both = (before.get(name).expect("before"), after.get(name).expect("after"));
        Arc::ptr_eq(both.0, both.1)
    };
    assert!(same("a") && same("stdout") && same("stderr"));
    assert!(!same("b"));

    let removed = Arc::clone(&before.get("c").expect("it").queue);
    drop(before);
    assert_eq!(removed.wait_until_ended(soon()), 0);
    assert_eq!(read(&b), "of c\n");
}

#[test]
fn a_close_waits_no_longer_than_its_deadline() {
    let rig = Rig::new(10);
    rig.occupy();
    rig.output.write(b"second").expect("room");
    let outputs = Outputs { by_name: [("x".into(), Arc::clone(&rig.output))].into() };
    assert_eq!(outputs.close(clock::now()), 2);
    assert_eq!(rig.output.write(b"too late"), Err(OutputError::Overflow));
    drop(rig.steps);
    assert_eq!(outputs.close(soon()), 0);
}

#[test]
#[ignore = "a measurement: cargo test --release -- --ignored --nocapture a_line_costs"]
fn a_line_costs_so_many_nanoseconds() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = settings("access", &folder.path().join("a.log"));
    settings.queue = 1_000_000;
    let outputs = open(&[settings]);
    let output = outputs.get("access").expect("it");
    let line = [b'x'; 300];
    let start = clock::now();
    for _ in 0..200_000 {
        output.write(&line).expect("room");
    }
    println!("{} ns a line of 300 bytes", start.elapsed().as_nanos() / 200_000);
}

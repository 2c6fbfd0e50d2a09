use std::path::PathBuf;
use std::time::Duration;

use super::command::Command;
use super::{SECRET_BYTES_MAX, without_line_end};

fn run(script: &str, limit: Duration) -> Result<Vec<u8>, String> {
    let words = ["sh", "-c", script].map(str::to_owned);
    Command::new(words.to_vec(), PathBuf::from(".")).run(limit)
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_text_loses_its_last_line_end_and_a_binary_key_does_not() {
    assert_eq!(without_line_end(b"hunter2\n".to_vec()), b"hunter2");
    assert_eq!(without_line_end(b"hunter2\r\n".to_vec()), b"hunter2");
    assert_eq!(without_line_end(b"a\nb\n\n".to_vec()), b"a\nb\n");
    assert_eq!(without_line_end(b"\xff\x00\n".to_vec()), b"\xff\x00\n");
}

#[test]
fn a_command_gives_what_it_writes() {
    assert_eq!(run("printf 'hunter2\\n'", LONG), Ok(b"hunter2\n".to_vec()));
}

#[test]
fn a_command_that_fails_is_told_by_its_standard_error_alone() {
    let failed = run("echo hunter2; echo 'no such\nentry' >&2; exit 3", LONG);
    let expected = "its command ended with exit status: 3: no such / entry";
    assert_eq!(failed, Err(expected.to_owned()));
}

#[test]
fn a_command_that_does_not_end_is_ended() {
    let failed = run("exec sleep 600", Duration::from_millis(50));
    assert_eq!(failed, Err("its command took over 50ms".to_owned()));
}

#[test]
fn what_a_command_writes_has_a_bound() {
    let written = run("head -c 70000 /dev/zero", LONG);
    assert_eq!(written.map(|bytes| bytes.len()), Ok(SECRET_BYTES_MAX + 1));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let words = vec!["no-such-program".to_owned()];
    let failed = Command::new(words, PathBuf::from(".")).run(LONG).expect_err("no program");
    assert!(failed.starts_with("its command `no-such-program` does not start: "), "{failed}");
}

//! Outputs, kept for the test.

use std::collections::BTreeMap;

use super::{phase, state};
use crate::output::OutputError;

const LINE_BYTES_MAX: usize = 64 * 1024;

pub(super) struct Outputs {
    lines: BTreeMap<String, Vec<Vec<u8>>>,
    /// Lines that an output takes until the test has read them; no limit if absent.
    capacity: Option<usize>,
}

impl Default for Outputs {
    fn default() -> Self {
        let lines = ["stderr", "stdout"].map(|name| (name.to_owned(), Vec::new()));
        Self { lines: BTreeMap::from(lines), capacity: None }
    }
}

/// Adds an output beside `stdout` and `stderr`.
pub fn define(name: &str) {
    state::with(|state| {
        state.outputs.lines.entry(name.to_owned()).or_default();
    });
}

/// Lets every output hold no more lines than this, as when it cannot keep up.
pub fn set_capacity(lines: usize) {
    state::with(|state| state.outputs.capacity = Some(lines));
}

/// Takes the lines that were written to an output, as text; other bytes than UTF-8 are replaced.
#[must_use]
pub fn take(name: &str) -> Vec<String> {
    let lines = state::with(|state| state.outputs.lines.get_mut(name).map(std::mem::take));
    let text = |line: Vec<u8>| String::from_utf8_lossy(&line).into_owned();
    lines.unwrap_or_default().into_iter().map(text).collect()
}

pub(crate) fn names() -> Vec<String> {
    state::with(|state| state.outputs.lines.keys().cloned().collect())
}

pub(crate) fn write(output: &str, line: &[u8]) -> Result<(), OutputError> {
    phase::not_in_configure("output.write");
    state::with(|state| {
        let capacity = state.outputs.capacity;
        let lines = state.outputs.lines.get_mut(output).ok_or(OutputError::Unknown)?;
        if line.len() > LINE_BYTES_MAX {
            return Err(OutputError::TooLarge);
        }
        if capacity.is_some_and(|capacity| lines.len() >= capacity) {
            return Err(OutputError::Overflow);
        }
        lines.push(line.to_vec());
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use crate::fake::{output as recorded, reset};
    use crate::output::{OutputError, names, write};

    #[test]
    fn lines_go_to_the_output_of_that_name() {
        reset();
        recorded::define("access");
        assert_eq!(names(), ["access", "stderr", "stdout"]);
        write("access", "one").unwrap();
        write("access", "two").unwrap();
        assert_eq!(write("acess", "three"), Err(OutputError::Unknown));
        assert_eq!(recorded::take("access"), ["one", "two"]);
        assert_eq!(recorded::take("access"), Vec::<String>::new());
    }

    #[test]
    fn a_full_queue_and_a_long_line_are_refused() {
        reset();
        recorded::set_capacity(1);
        assert_eq!(write("stdout", vec![b'x'; 65_537]), Err(OutputError::TooLarge));
        write("stdout", vec![b'x'; 65_536]).unwrap();
        assert_eq!(write("stdout", "late"), Err(OutputError::Overflow));
        write("stderr", "other").unwrap();
    }
}

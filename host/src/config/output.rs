//! The tables `[outputs.<name>]`.

use std::path::PathBuf;

use super::Output;
use super::check::Check;
use super::value::{Entry, each};

/// Lines that may wait; at 200 bytes each, 1.6 MiB, and more than a second of a busy gateway.
const QUEUE: usize = 8192;

/// At the greatest line of 64 KiB a longer queue could not be held in memory.
const QUEUE_MAX: usize = 1_000_000;

/// Outputs that always exist.
const GIVEN: [&str; 2] = ["stdout", "stderr"];

pub(super) fn read(entries: &[Entry<'_>], check: &Check<'_>) -> Option<Vec<Output>> {
    let mut files: Vec<(PathBuf, &str)> = Vec::new();
    each(entries, |entry| {
        if GIVEN.contains(&entry.key) {
            let finding = check
                .sources
                .finding(entry.key_at, format!("the output `{}` exists already", entry.key));
            check.refuse(finding.label("give it another name"));
        }
        let mut table = entry.value.table()?;
        let place = table.need("file", "\"access.log\"");
        let queue = table.or("queue", QUEUE, |value| value.integer(1..=QUEUE_MAX));
        table.end();
        let place = place?;
        let file = check.path(&place)?;
        if let Some((_, other)) = files.iter().find(|(path, _)| *path == file) {
            let finding = place.finding("two outputs write to the same file");
            let hint = format!("let plugins share the output `{other}`");
            check.refuse(finding.label("the second").hint(hint));
        }
        files.push((file.clone(), entry.key));
        let at = entry.value.at().clone();
        Some(Output { name: entry.key.to_owned(), file, queue: queue?, at })
    })
}

//! The tables `[secrets.<name>]`.

mod command;

use std::path::PathBuf;
use std::thread;

use super::check::Check;
use super::value::{Entry, Value, each};
use super::{NamedSecret, Secret};
use command::{Command, LIMIT};

/// In bytes; a key or a password is far shorter, a bundle of certificates may come near.
const SECRET_BYTES_MAX: usize = 64 * 1024;

/// The same of a file, with its line end.
const FILE_BYTES_MAX: u64 = 64 * 1024 + 2;

/// Where a secret comes from.
enum Source {
    Value(Vec<u8>),
    File(PathBuf),
    Command(Command),
}

/// Reads all secrets; their commands run side by side.
pub(super) fn read(entries: &[Entry<'_>], check: &Check<'_>) -> Option<Vec<NamedSecret>> {
    let sources: Vec<_> = entries.iter().map(|entry| source(entry, check)).collect();
    let fetched: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = sources
            .iter()
            .map(|source| match source {
                Some((Source::Command(command), _)) => Some(scope.spawn(|| command.run(LIMIT))),
                _ => None,
            })
            .collect();
        let outputs = running.into_iter().map(|thread| thread.map(thread::ScopedJoinHandle::join));
        outputs.collect()
    });
    let mut all = Some(Vec::new());
    for ((entry, source), output) in entries.iter().zip(&sources).zip(fetched) {
        let secret = source.as_ref().and_then(|(source, place)| {
            let value = match source {
                Source::Value(value) => Ok(value.clone()),
                Source::File(file) => check.read_file(file, FILE_BYTES_MAX).map(without_line_end),
                Source::Command(_) => match output {
                    Some(Ok(output)) => output.map(without_line_end),
                    Some(Err(_)) | None => Err("it could not be started".to_owned()),
                },
            };
            finish(entry, place, value)
        });
        all = all.zip(secret).map(|(mut all, secret)| {
            all.push(secret);
            all
        });
    }
    all
}

/// Where the secret comes from, and the value that says so.
fn source<'a>(entry: &Entry<'a>, check: &Check<'_>) -> Option<(Source, Value<'a>)> {
    let mut table = entry.value.table()?;
    if let Some(at) = table.remove("value") {
        let message = format!("the secret `{}` stands in the file", entry.key);
        let hint = "files are copied and shown; write `env`, `file` or `command`, so that it is \
                    fetched from where it is kept";
        check.refuse(check.sources.finding(at, message).hint(hint).hidden());
    }
    let (key, value) = table.exactly_one(&["env", "file", "command"])?;
    let source = match key {
        "env" => Source::Value(variable(&value, check)?),
        "file" => Source::File(check.path(&value)?),
        _ => {
            let words =
                each(&value.some_items()?, |item| item.text().map(|text| text.value.into_owned()))?;
            Source::Command(Command::new(words, check.beside("")))
        }
    };
    Some((source, value))
}

fn variable(value: &Value<'_>, check: &Check<'_>) -> Option<Vec<u8>> {
    let name = value.text()?;
    match (check.environment)(&name.value) {
        Some(text) => Some(text.into_bytes()),
        None => {
            let quoted = name.quoted();
            let finding = value.finding(format!("the environment variable {quoted} is not set"));
            value.refuse(finding.hint("the value of `env` is the name of a variable"))
        }
    }
}

fn finish(
    entry: &Entry<'_>,
    place: &Value<'_>,
    value: Result<Vec<u8>, String>,
) -> Option<NamedSecret> {
    let name = entry.key;
    let why = match value {
        Ok(value) if value.is_empty() => "it is empty".to_owned(),
        Ok(value) if value.len() > SECRET_BYTES_MAX => {
            format!("it is longer than {SECRET_BYTES_MAX} bytes")
        }
        Ok(value) => return Some(NamedSecret { name: name.to_owned(), value: Secret::new(value) }),
        Err(why) => why,
    };
    place.refuse(place.finding(format!("the secret `{name}` cannot be had: {why}")))
}

/// Editors and most programs end a text with one. Bytes that are no text are a key, in which every
/// byte counts.
fn without_line_end(mut bytes: Vec<u8>) -> Vec<u8> {
    if std::str::from_utf8(&bytes).is_ok() {
        for end in [b'\n', b'\r'] {
            if bytes.last() == Some(&end) {
                bytes.pop();
            } else {
                break;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests;

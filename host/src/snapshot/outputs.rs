//! Opening outputs, or finding out whether they could be.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Purpose, Snapshot};
use crate::config::{Config, Finding, Output, Sources};
use crate::state::output::Outputs;

/// Where lines of a snapshot go that nobody will serve with.
const NOWHERE: &str = "/dev/null";

/// Opens all outputs, keeping what `previous` has open; every file that cannot be is a finding.
pub(super) fn open(
    config: &Config,
    sources: &Sources,
    previous: Option<&Snapshot>,
    purpose: Purpose,
    findings: &mut Vec<Finding>,
) -> Option<Arc<Outputs>> {
    let refusals = findings.len();
    for output in &config.outputs {
        if let Err(error) = probe(&output.file) {
            findings.push(refused(sources, output, &error));
        }
    }
    if findings.len() > refusals {
        return None;
    }
    let opened = match purpose {
        Purpose::Serve => {
            Outputs::open(&config.outputs, previous.map(|previous| &*previous.outputs))
        }
        Purpose::Check => {
            let elsewhere = |output: &Output| Output { file: NOWHERE.into(), ..output.clone() };
            Outputs::open(&config.outputs.iter().map(elsewhere).collect::<Vec<_>>(), None)
        }
    };
    match opened {
        Ok(outputs) => Some(Arc::new(outputs)),
        Err((index, error)) => {
            findings.push(match config.outputs.get(index) {
                Some(output) => refused(sources, output, &error),
                None => Finding::about("stdout", format!("cannot be written to: {error}")),
            });
            None
        }
    }
}

fn refused(sources: &Sources, output: &Output, error: &io::Error) -> Finding {
    let message = format!("the output `{}` cannot be opened: {error}", output.name);
    sources.finding(&output.at, message).label(output.file.display().to_string())
}

/// Whether a file could be opened to append to, or made; makes nothing.
fn probe(file: &Path) -> io::Result<()> {
    match OpenOptions::new().append(true).open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => probe_folder(&ancestor(file)?),
        outcome => outcome.map(drop),
    }
}

/// The nearest folder around `file` that is there; the others would be made.
fn ancestor(file: &Path) -> io::Result<PathBuf> {
    for folder in file.ancestors().skip(1) {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        match folder.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(found) if found.is_dir() => return Ok(folder.to_owned()),
            Ok(_) => return Err(io::ErrorKind::NotADirectory.into()),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// A file without a name leaves no trace; where the file system has none, opening will tell.
#[cfg(target_os = "linux")]
fn probe_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600).custom_flags(libc::O_TMPFILE);
    match options.open(folder) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EISDIR)) => {
            Ok(())
        }
        outcome => outcome.map(drop),
    }
}

#[cfg(not(target_os = "linux"))]
fn probe_folder(folder: &Path) -> io::Result<()> {
    if folder.metadata()?.permissions().readonly() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_could_be_made_is_fine_and_is_not_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("logs/access.log");
        assert!(probe(&file).is_ok());
        assert!(!folder.path().join("logs").exists());
    }

    #[test]
    fn a_file_below_a_file_or_in_place_of_a_folder_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("logs"), "").expect("written");
        let below = probe(&folder.path().join("logs/access.log"));
        assert_eq!(below.map_err(|error| error.kind()), Err(io::ErrorKind::NotADirectory));
        let instead = probe(folder.path());
        assert_eq!(instead.map_err(|error| error.kind()), Err(io::ErrorKind::IsADirectory));
    }
}

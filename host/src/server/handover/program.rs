//! What is started in the place of this process.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::inherited::{PREDECESSOR, PROTOCOL};

/// The program that this process runs, by the path that it was called by, and its arguments.
///
/// What stands at the path by the time of a start is another version, most likely; a symbolic link
/// may lead elsewhere by then.
#[derive(Debug, Clone)]
pub(in crate::server) struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

impl Program {
    /// To be asked early: a file that is replaced has no path any more.
    pub(in crate::server) fn of_this_process() -> io::Result<Self> {
        let mut arguments = env::args_os();
        let running = env::current_exe()?;
        let called = arguments.next().and_then(|name| found(&PathBuf::from(name), &running));
        Ok(Self { path: called.unwrap_or(running), arguments: arguments.collect() })
    }

    /// Starts it, with `channel` to this process as its standard input.
    ///
    /// Nothing else is inherited but standard output and error: every other descriptor of this
    /// process closes itself.
    pub(super) fn start(&self, channel: UnixStream) -> io::Result<Child> {
        Command::new(&self.path)
            .args(&self.arguments)
            .env(PREDECESSOR, format!("{PROTOCOL}:{}", std::process::id()))
            .env_remove("LISTEN_FDS")
            .env_remove("LISTEN_PID")
            .env_remove("LISTEN_FDNAMES")
            .stdin(Stdio::from(OwnedFd::from(channel)))
            .spawn()
    }
}

/// Where a shell found `name`, if that is the program that runs.
fn found(name: &Path, running: &Path) -> Option<PathBuf> {
    let is_it = |path: &PathBuf| {
        let real = |path: &Path| fs::canonicalize(path).ok();
        real(path).is_some_and(|path| real(running) == Some(path))
    };
    if name.components().count() > 1 {
        return std::path::absolute(name).ok().filter(is_it);
    }
    let folders = env::var_os("PATH")?;
    let mut paths = env::split_paths(&folders).map(|folder| folder.join(name));
    paths.find(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_the_one_that_was_called_also_if_it_is_a_link() {
        let folder = tempfile::tempdir().expect("a folder");
        let (program, link) = (folder.path().join("tidegate-2"), folder.path().join("tidegate"));
        fs::write(&program, "").expect("ours");
        std::os::unix::fs::symlink(&program, &link).expect("ours");
        assert_eq!(found(&link, &program), Some(link));
    }

    #[test]
    fn a_name_that_is_not_the_programs_is_not_believed() {
        let running = env::current_exe().expect("it runs");
        for name in ["/bin/sh", "no-such-program", "./no-such-program", ""] {
            assert_eq!(found(Path::new(name), &running), None, "{name}");
        }
        assert_eq!(found(&running, &running), Some(running.clone()));
    }
}

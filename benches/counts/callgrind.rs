//! This program once more, under callgrind, and what callgrind writes.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Matches the mangled or demangled name of [`lap`] and no other.
const LAP: &str = "*instruction_count_lap*";

/// How the profiles begin; then there is the number of the lap and that of the thread.
const PROFILE: &str = "callgrind.out";

/// Has memory copied and filled by plain instructions. Those that repeat themselves count once for
/// each byte, and from how many bytes on they are used depends on the processor.
const PLAIN_COPIES: &str =
    "glibc.cpu.x86_rep_movsb_threshold=0x7fffffff:glibc.cpu.x86_rep_stosb_threshold=0x7fffffff";

/// Ends a lap of this thread: callgrind writes what the thread has done since the last one.
///
/// A function's name is what callgrind can be told of without unsafe code. It is never inlined, so
/// that it stays a function.
#[inline(never)]
pub(super) fn instruction_count_lap() {
    std::hint::black_box(());
}

/// Instructions by the number of the thread.
pub(super) type Threads = BTreeMap<String, u64>;

/// One run, and the folder of its profiles.
pub(super) struct Callgrind {
    folder: PathBuf,
}

impl Callgrind {
    /// A run that leaves its profiles, and nothing else, in the folder.
    pub(super) fn new(folder: &Path) -> Result<Self, String> {
        let made = match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::create_dir_all(folder),
        };
        made.map_err(|error| format!("{} cannot be made anew: {error}", folder.display()))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// This program in that role.
    pub(super) fn command(&self, role: &str) -> Command {
        let own = env::current_exe().expect("a program knows its file");
        let mut command = Command::new("valgrind");
        command
            .arg("--tool=callgrind")
            .arg("--separate-threads=yes")
            // Nobody debugs this, and whoever asks all programs under valgrind for a dump would end
            // a lap.
            .arg("--vgdb=no")
            // So that each profile can be read without those before it.
            .arg("--compress-strings=no")
            .arg(format!("--dump-before={LAP}"))
            .arg(format!("--callgrind-out-file={}", self.folder.join(PROFILE).display()))
            .arg(format!("--log-file={}", self.log().display()))
            .arg(own)
            .env(super::ROLE, role)
            .env("GLIBC_TUNABLES", PLAIN_COPIES)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        command
    }

    /// What valgrind has to say.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("valgrind.log")
    }

    /// What the threads did in a lap, the first being 1; `None` is from the last to the end.
    pub(super) fn threads(&self, lap: Option<usize>) -> Result<Threads, String> {
        let prefix = match lap {
            Some(lap) => format!("{PROFILE}.{lap}-"),
            None => format!("{PROFILE}-"),
        };
        let unreadable = |error| format!("{} cannot be read: {error}", self.folder.display());
        let mut threads = Threads::new();
        for entry in fs::read_dir(&self.folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            let Some(thread) = name.to_str().and_then(|name| name.strip_prefix(&prefix)) else {
                continue;
            };
            let text = fs::read_to_string(entry.path()).map_err(unreadable)?;
            let total = total(&text)
                .ok_or_else(|| format!("{} is no profile with a total", entry.path().display()))?;
            threads.insert(thread.to_owned(), total);
        }
        if threads.is_empty() {
            let (folder, log) = (self.folder.display(), self.log());
            return Err(format!(
                "callgrind has left no {prefix}* in {folder}; it says in {}:\n{}",
                log.display(),
                fs::read_to_string(&log).unwrap_or_default()
            ));
        }
        Ok(threads)
    }
}

fn total(profile: &str) -> Option<u64> {
    profile.lines().rev().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

/// By how much the count of one thread is larger: that of the thread whose count differs most.
pub(super) fn growth(before: &Threads, after: &Threads) -> u64 {
    let growths = after.iter().map(|(thread, count)| {
        count.saturating_sub(before.get(thread).copied().unwrap_or_default())
    });
    growths.max().unwrap_or_default()
}

/// The version of valgrind.
pub(super) fn version() -> Result<String, String> {
    let output = Command::new("valgrind").arg("--version").output();
    let output = output.map_err(|error| format!("valgrind cannot be started: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.trim().trim_start_matches("valgrind-").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_ends_with_its_total() {
        let profile = "events: Ir\nsummary: 5007\n\nfn=(1) main\n1 5007\n\ntotals: 5007\n";
        assert_eq!(total(profile), Some(5007));
        assert_eq!(total("events: Ir\n"), None);
    }

    #[test]
    fn the_thread_that_differs_most_is_the_one_that_counts() {
        let threads = |counts: [(&str, u64); 3]| {
            counts.map(|(thread, count)| (thread.to_owned(), count)).into_iter().collect()
        };
        let before: Threads = threads([("01", 9_000), ("02", 100), ("03", 500)]);
        let after = threads([("01", 9_010), ("02", 300), ("03", 400)]);
        assert_eq!(growth(&before, &after), 200);
    }
}

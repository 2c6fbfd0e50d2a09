//! The versions of a component's file that have served.
//!
//! When a snapshot takes over, the files that its new plugins were made from are kept, so that one
//! command can put back what served before. There is one folder for each file,
//! `versions/<file name>-<of its path's digest>` in the cache folder, and in it `<digest>.wasm` for
//! each version, with `<digest>.minisig` if it had to be signed; when a version took over last is its time of change. What is kept is what was
//! loaded, not what stands in the file by then.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::cache::{make_private, write_whole};
use super::{Files, hex_digest};
use crate::clock;

/// Versions that are kept of one file: this one, the one before, and room for mistakes that are
/// found late. At 1 MiB each, a hundred plugins cost half a gigabyte.
const KEPT_MAX: usize = 5;

/// Digits of a path's digest that tell files of one name apart.
const PATH_DIGITS: usize = 8;

/// The kept versions of one component's file.
#[derive(Debug)]
pub struct Versions {
    folder: PathBuf,
}

/// One version of a component's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// SHA-256 of the file, in hexadecimal.
    pub digest: String,
    /// When a snapshot with it took over last.
    pub served: SystemTime,
    file: PathBuf,
}

impl Versions {
    /// Of the component's file at `component`, kept below `cache_dir`.
    #[must_use]
    pub fn of(cache_dir: &Path, component: &Path) -> Self {
        let absolute = absolute(component);
        let name =
            absolute.file_name().map_or_else(Default::default, |name| name.to_string_lossy());
        let mut digits = hex_digest(absolute.as_os_str().as_encoded_bytes());
        digits.truncate(PATH_DIGITS);
        Self { folder: cache_dir.join("versions").join(format!("{name}-{digits}")) }
    }

    /// Keeps a version that serves from now on; forgets the oldest if there are too many.
    ///
    /// # Errors
    ///
    /// The folder cannot be made or written.
    pub(crate) fn keep(&self, digest: &str, files: &Files) -> io::Result<()> {
        make_private(&self.folder)?;
        let file = self.file(digest);
        if let Some(signature) = &files.signature {
            write_whole(&signature_of(&file), signature.as_bytes())?;
        }
        if !file.exists() {
            write_whole(&file, &files.component)?;
        }
        let now = UNIX_EPOCH + Duration::from_millis(clock::unix_ms());
        File::options().append(true).open(&file)?.set_modified(now)?;
        for old in self.all()?.into_iter().filter(|kept| kept.digest != digest).skip(KEPT_MAX - 1) {
            if let Err(error) = fs::remove_file(signature_of(&old.file))
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error);
            }
            fs::remove_file(old.file)?;
        }
        Ok(())
    }

    /// All that are kept, the one that took over last first.
    ///
    /// # Errors
    ///
    /// The folder is there, but cannot be read.
    pub fn all(&self) -> io::Result<Vec<Version>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut all = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some(digest) = name.to_str().and_then(|name| name.strip_suffix(".wasm")) else {
                continue;
            };
            let served = entry.metadata()?.modified()?;
            all.push(Version { digest: digest.to_owned(), served, file: entry.path() });
        }
        all.sort_by(|one, other| (other.served, &one.digest).cmp(&(one.served, &other.digest)));
        Ok(all)
    }

    fn file(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}.wasm"))
    }
}

impl Version {
    /// What stood in the file.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is not what was kept.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let content = fs::read(&self.file)?;
        if hex_digest(&content) != self.digest {
            let message = format!("`{}` is damaged", self.file.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(content)
    }

    /// Its signature, if it had to be signed when it served.
    ///
    /// # Errors
    ///
    /// It is there, but cannot be read.
    pub fn signature(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(signature_of(&self.file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            signature => signature.map(Some),
        }
    }
}

fn signature_of(kept: &Path) -> PathBuf {
    kept.with_extension("minisig")
}

/// The same for every way to the file but links to the file itself, which may lead elsewhere
/// tomorrow.
fn absolute(component: &Path) -> PathBuf {
    let folder = component.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")));
    match (folder, component.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => component.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsigned(component: &str) -> Files {
        Files { component: component.as_bytes().to_vec().into(), signature: None }
    }

    fn digests(versions: &Versions) -> Vec<String> {
        let all = versions.all().expect("readable");
        all.into_iter().map(|version| version.digest).collect()
    }

    /// Sets when a version took over last.
    fn served(versions: &Versions, digest: &str, seconds: u64) {
        let file = File::options().append(true).open(versions.file(digest)).expect("kept");
        file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).expect("set");
    }

    #[test]
    fn the_five_that_served_last_are_kept_and_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let versions = Versions::of(folder.path(), Path::new("plugins/policy.wasm"));
        assert_eq!(digests(&versions), Vec::<String>::new());
        let contents = ["1", "2", "3", "4", "5", "6"];
        let digest = |content: &str| hex_digest(content.as_bytes());
        for (second, content) in (1..).zip(&contents[..5]) {
            versions.keep(&digest(content), &unsigned(content)).expect("kept");
            served(&versions, &digest(content), second);
        }
        // The oldest serves again, so the second one is the oldest now.
        versions.keep(&digest("1"), &unsigned("1")).expect("kept");
        served(&versions, &digest("1"), 6);
        versions.keep(&digest("6"), &unsigned("6")).expect("kept");
        assert_eq!(digests(&versions), ["6", "1", "5", "4", "3"].map(digest));
        let read: Vec<Vec<u8>> = versions
            .all()
            .expect("readable")
            .iter()
            .map(|kept| kept.read().expect("whole"))
            .collect();
        assert_eq!(read, [b"6", b"1", b"5", b"4", b"3"]);
    }

    #[test]
    fn files_of_one_name_in_two_folders_are_two_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let of = |path: &str| Versions::of(folder.path(), Path::new(path));
        of("/a/policy.wasm").keep(&hex_digest(b"1"), &unsigned("1")).expect("kept");
        assert_eq!(digests(&of("/b/policy.wasm")), Vec::<String>::new());
        assert_eq!(digests(&of("/a/policy.wasm")), [hex_digest(b"1")]);
    }

    #[test]
    fn a_damaged_version_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let versions = Versions::of(folder.path(), Path::new("/a/policy.wasm"));
        versions.keep(&hex_digest(b"1"), &unsigned("1")).expect("kept");
        fs::write(versions.file(&hex_digest(b"1")), "2").expect("written");
        let error = versions.all().expect("readable")[0].read().expect_err("damaged");
        assert!(error.to_string().ends_with("is damaged"), "{error}");
    }
}

//! Files on disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::{Findings, Loaded, load};
use super::{environment, same};

/// A folder of its own, removed in the end.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// With these files, by their path in it.
    pub(super) fn with(files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tidegate-config-{}-{number}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        for (path, text) in files {
            folder.write(path, text.trim_start_matches('\n').as_bytes());
        }
        folder
    }

    pub(super) fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(super) fn load(&self) -> Result<Loaded, Findings> {
        load(&self.0.join("gateway.toml"), &environment)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The paths without the folder's own.
    pub(super) fn relative<'a>(&self, paths: impl Iterator<Item = &'a Path>) -> Vec<String> {
        paths.map(|path| path.strip_prefix(&self.0).unwrap().display().to_string()).collect()
    }

    #[track_caller]
    pub(super) fn check(&self, expected: &str) {
        let shown = match self.load() {
            Ok(_) => "ok".to_owned(),
            Err(findings) => findings.to_string(),
        };
        same(&shown.replace(&format!("{}/", self.0.display()), ""), expected);
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

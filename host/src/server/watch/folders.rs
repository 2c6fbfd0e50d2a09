//! Which folders tell of changes to the targets.
//!
//! Folders are watched, not files: a file that is replaced by a rename is another one. Every
//! symbolic link on the way to a target is part of it, because any of them may be exchanged, as
//! Kubernetes does with `..data`.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use super::targets::Targets;

/// As the kernel follows (`ELOOP` after it).
const LINKS_MAX: usize = 40;

/// Which folders to watch, and what is being written where.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// By their path without symbolic links.
    pub(super) folders: BTreeMap<PathBuf, Folder>,
    /// Where the targets' bytes are, by paths without symbolic links.
    files: Vec<PathBuf>,
    /// Their fixed part without symbolic links.
    patterns: Vec<glob::Pattern>,
}

/// A folder to watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Folder {
    /// Whether the folders in it, too.
    pub(super) recursive: bool,
    /// Another one at the same path is another folder.
    identity: (u64, u64),
}

impl Plan {
    pub(super) fn of(targets: &Targets) -> Self {
        let mut plan = Self::default();
        for file in &targets.files {
            let real = plan.follow(file);
            plan.files.push(real);
        }
        for pattern in &targets.patterns {
            let (base, rest) = split(pattern);
            // The folder itself must be watched, so a file in it is followed.
            let real = plan.follow(&base.join("file"));
            let Some(real) = real.parent() else { continue };
            if let Some(folder) = plan.folders.get_mut(real) {
                folder.recursive |= rest.contains('/');
            }
            let real = glob::Pattern::escape(&real.display().to_string());
            plan.patterns.extend(glob::Pattern::new(&format!("{real}/{rest}")));
        }
        plan.files.sort();
        plan
    }

    /// Whether writing to this file, as the watch names it, changes a target.
    pub(super) fn has(&self, file: &Path) -> bool {
        let options =
            glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
        self.files.binary_search_by(|known| known.as_path().cmp(file)).is_ok()
            || self.patterns.iter().any(|pattern| pattern.matches_path_with(file, options))
    }

    /// Notes the folders that lead to `file`; gives its path without symbolic links, as far as it
    /// exists.
    fn follow(&mut self, file: &Path) -> PathBuf {
        let mut real = std::env::current_dir().unwrap_or_default();
        let mut rest: Vec<PathBuf> = parts(file);
        let mut links = 0;
        while let Some(part) = rest.pop() {
            let path = real.join(&part);
            match path.read_link() {
                Ok(target) if links < LINKS_MAX => {
                    links += 1;
                    self.note(&real);
                    rest.extend(parts(&target));
                }
                _ if part.as_os_str() == ".." => {
                    real.pop();
                }
                _ => {
                    if rest.is_empty() || !path.exists() {
                        self.note(&real);
                    }
                    real = path;
                }
            }
        }
        real
    }

    fn note(&mut self, folder: &Path) {
        if let Ok(found) = folder.metadata()
            && found.is_dir()
        {
            let identity = (found.dev(), found.ino());
            self.folders.entry(folder.to_owned()).or_insert(Folder { recursive: false, identity });
        }
    }
}

/// The parts of a path, the last one first; a `.` is none.
fn parts(path: &Path) -> Vec<PathBuf> {
    let parts = path.components().filter(|part| *part != Component::CurDir);
    let mut parts: Vec<PathBuf> = parts.map(|part| PathBuf::from(part.as_os_str())).collect();
    parts.reverse();
    parts
}

/// The folders before the first one with a wildcard, and the rest.
fn split(pattern: &str) -> (PathBuf, &str) {
    let wild = pattern.find(['*', '?', '[']).unwrap_or(pattern.len());
    let (base, _) = pattern.split_at(wild);
    match base.rfind('/') {
        Some(0) => (PathBuf::from("/"), pattern.trim_start_matches('/')),
        Some(slash) => {
            let (base, rest) = pattern.split_at(slash);
            (PathBuf::from(base), rest.trim_start_matches('/'))
        }
        None => (PathBuf::from("."), pattern),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn plan(files: &[PathBuf], patterns: &[String]) -> Plan {
        Plan::of(&Targets { files: files.to_vec(), patterns: patterns.to_vec() })
    }

    #[test]
    fn every_link_on_the_way_to_a_file_is_watched_where_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("there");
        fs::create_dir_all(root.join("config/..1")).expect("made");
        fs::write(root.join("config/..1/gateway.toml"), "").expect("written");
        symlink("..1", root.join("config/..data")).expect("linked");
        symlink("..data/gateway.toml", root.join("config/gateway.toml")).expect("linked");
        symlink("config", root.join("current")).expect("linked");

        let plan = plan(&[root.join("current/gateway.toml")], &[]);
        let folders: Vec<_> = plan.folders.keys().cloned().collect();
        assert_eq!(folders, [root.clone(), root.join("config"), root.join("config/..1")]);
        assert!(plan.has(&root.join("config/..1/gateway.toml")));
        assert!(!plan.has(&root.join("config/..1/access.log")));
    }

    #[test]
    fn of_what_is_missing_the_nearest_folder_is_watched() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("there");
        let plan = plan(&[root.join("plugins/new/jwt.wasm")], &[]);
        assert_eq!(plan.folders.keys().collect::<Vec<_>>(), [&root]);
        assert!(plan.has(&root.join("plugins/new/jwt.wasm")));
    }

    #[test]
    fn a_file_that_may_match_a_pattern_is_known_before_it_exists() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("there");
        fs::create_dir_all(root.join("conf.d")).expect("made");
        let plan = plan(&[], &[root.join("conf.d/*.toml").display().to_string()]);
        assert_eq!(plan.folders.keys().collect::<Vec<_>>(), [&root.join("conf.d")]);
        assert!(plan.has(&root.join("conf.d/a.toml")));
        assert!(!plan.has(&root.join("conf.d/a.toml~")));
        assert!(!plan.has(&root.join("conf.d/b/a.toml")));
    }

    #[test]
    fn a_pattern_for_several_folders_watches_below() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("there");
        let plan = plan(&[], &[root.join("teams/*/routes.toml").display().to_string()]);
        assert_eq!(plan.folders.keys().collect::<Vec<_>>(), [&root]);
        fs::create_dir_all(root.join("teams/a")).expect("made");
        let plan = self::plan(&[], &[root.join("teams/*/routes.toml").display().to_string()]);
        assert!(plan.folders.get(&root.join("teams")).is_some_and(|folder| folder.recursive));
        assert!(plan.has(&root.join("teams/a/routes.toml")));
    }
}

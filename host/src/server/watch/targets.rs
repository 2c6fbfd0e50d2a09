//! The files that a configuration is made of, and how to see that one is another.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::config::{Component, Config, Watched};

/// What a change of would change the snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Targets {
    /// They need not exist.
    pub(super) files: Vec<PathBuf>,
    /// New files may match.
    pub(super) patterns: Vec<String>,
}

impl Targets {
    /// gateway.toml and its includes, the components in use with their signatures, and all files of
    /// TLS: certificates with their keys, and those of trusted authorities.
    ///
    /// A component that is found by name has its place in the plugins directory, whether it is there
    /// or not: a file that appears there takes the place of an embedded component.
    pub(crate) fn of(config: &Config, watched: &Watched) -> Self {
        let folder = &config.gateway.plugins_dir;
        let canaries =
            config.plugins.iter().filter_map(|plugin| Some(&plugin.canary.as_ref()?.plugin));
        let components = config.plugins.iter().chain(canaries).flat_map(|plugin| {
            let file = match &plugin.component {
                Component::Named(name) => folder.join(format!("{name}.wasm")),
                Component::File(file) => file.clone(),
            };
            let signature = plugin.pin.signature_of(&file);
            std::iter::once(file).chain(signature)
        });
        let tls = config.listeners.iter().filter_map(|listener| listener.tls.as_ref());
        let tls = tls.flat_map(|tls| tls.files().cloned());
        let trust = config.upstreams.iter().filter_map(|upstream| upstream.tls.as_ref());
        let trust = trust.flat_map(|tls| tls.files().cloned());
        let mut targets = Self::of_files(watched);
        targets.files.extend(components.chain(tls).chain(trust));
        targets.tidy()
    }

    /// Those of a configuration that could not be read.
    pub(crate) fn of_files(watched: &Watched) -> Self {
        let Watched { files, patterns } = watched.clone();
        Self { files, patterns }.tidy()
    }

    /// These and the others.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.files.extend_from_slice(&other.files);
        both.patterns.extend_from_slice(&other.patterns);
        both.tidy()
    }

    fn tidy(mut self) -> Self {
        self.files.sort();
        self.files.dedup();
        self.patterns.sort();
        self.patterns.dedup();
        self
    }
}

/// How files looked at a moment, by their path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scene(BTreeMap<PathBuf, Option<Stamp>>);

/// What differs between two files, or two states of one. Symbolic links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    /// Seconds and nanoseconds; also set by a change of owner or permissions.
    changed: (i64, i64),
}

impl Scene {
    /// Looks at the files now.
    pub(crate) fn of(targets: &Targets) -> Self {
        let matching = targets.patterns.iter().filter_map(|pattern| glob::glob(pattern).ok());
        let matching = matching.flatten().filter_map(Result::ok);
        let files = targets.files.iter().cloned().chain(matching);
        Self(
            files
                .map(|file| {
                    let stamp = Stamp::of(&file);
                    (file, stamp)
                })
                .collect(),
        )
    }

    /// The same files, as `earlier` saw them where it did.
    pub(crate) fn seen_as_in(mut self, earlier: &Self) -> Self {
        for (file, stamp) in &mut self.0 {
            if let Some(earlier) = earlier.0.get(file) {
                *stamp = *earlier;
            }
        }
        self
    }

    /// Files that differ, or are in one of them only.
    pub(crate) fn changed<'a>(&'a self, now: &'a Self) -> impl Iterator<Item = &'a Path> {
        let gone = self.0.keys().filter(|file| !now.0.contains_key(*file));
        let other = now.0.iter().filter(|(file, stamp)| self.0.get(*file) != Some(stamp));
        gone.chain(other.map(|(file, _)| file)).map(PathBuf::as_path)
    }
}

impl Stamp {
    fn of(file: &Path) -> Option<Self> {
        let found = fs::metadata(file).ok()?;
        Some(Self {
            device: found.dev(),
            inode: found.ino(),
            length: found.len(),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

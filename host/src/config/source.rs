//! The files a configuration came from.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::Finding;

/// Which file and which bytes of it. Cheap to clone.
///
/// The default is the very beginning of the first file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// Index into [`Sources`].
    pub(super) file: usize,
    /// In bytes.
    pub(super) span: Range<usize>,
}

/// What a change of would change the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// gateway.toml, the included files as far as they were found, and those that `${file:…}` names.
    pub files: Vec<PathBuf>,
    /// The patterns of `include`, joined with the folder of gateway.toml: a new file may match.
    pub patterns: Vec<String>,
}

/// The texts of all files, kept to show findings in them. `Debug` hides the texts.
#[derive(Clone, Default)]
pub struct Sources {
    texts: Vec<String>,
    watched: Watched,
}

impl Sources {
    /// Remembers a file; returns its index.
    pub(super) fn add(&mut self, path: PathBuf, text: String) -> usize {
        self.watched.files.push(path);
        self.texts.push(text);
        self.texts.len() - 1
    }

    pub(super) fn watch_pattern(&mut self, pattern: String) {
        self.watched.patterns.push(pattern);
    }

    /// Remembers files whose texts were put into values; findings never point into them.
    pub(super) fn watch_files(&mut self, files: impl IntoIterator<Item = PathBuf>) {
        self.watched.files.extend(files);
    }

    pub(super) fn text(&self, file: usize) -> &str {
        self.texts.get(file).map_or("", String::as_str)
    }

    /// The file's path as the user would write it.
    pub(super) fn name(&self, file: usize) -> String {
        self.watched.files.get(file).map_or_else(String::new, |path| path.display().to_string())
    }

    /// For example `conf.d/a.toml:3`.
    pub(super) fn line_of(&self, at: &Location) -> String {
        let before = self.text(at.file).get(..at.span.start).unwrap_or_default();
        format!("{}:{}", self.name(at.file), before.matches('\n').count() + 1)
    }

    /// A finding at this place.
    #[must_use]
    pub fn finding(&self, at: &Location, message: impl Into<String>) -> Finding {
        Finding::at(self.name(at.file), self.text(at.file), at, message.into())
    }

    /// gateway.toml first, then the included files in the order they were read, then those that
    /// `${file:…}` names.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.watched.files.iter().map(PathBuf::as_path)
    }

    /// What a file watch has to look at.
    #[must_use]
    pub const fn watched(&self) -> &Watched {
        &self.watched
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("watched", &self.watched).finish_non_exhaustive()
    }
}

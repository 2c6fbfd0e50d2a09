//! gateway.toml and its includes, read but not yet understood.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::check::Check;
use super::tree::{self, Kind, Member, Node};
use super::value::Value;
use super::{Finding, Location, Sources};

/// All files, and what was wrong with reading them.
pub(super) struct Document {
    pub(super) sources: Sources,
    /// The root tables: gateway.toml first, if it could be read; then the included ones.
    pub(super) roots: Vec<Node>,
    /// What relative paths are relative to.
    pub(super) folder: PathBuf,
    pub(super) findings: Vec<Finding>,
    /// Every file that should be there was read, so that a missing name is really missing.
    pub(super) complete: bool,
}

impl Document {
    fn new(folder: PathBuf) -> Self {
        Self {
            sources: Sources::default(),
            roots: Vec::new(),
            folder,
            findings: Vec::new(),
            complete: true,
        }
    }

    /// A text of no file.
    pub(super) fn of_text(name: &str, text: &str) -> Self {
        let mut document = Self::new(PathBuf::from("."));
        document.add(PathBuf::from(name), text.to_owned());
        if let Some(include) = document.include() {
            let message = "`include` works only in a file on disk";
            let finding = document.sources.finding(&include.key_at, message);
            document.findings.push(finding);
        }
        document
    }

    /// A file that includes no others.
    pub(super) fn of_file(path: &Path) -> Self {
        let mut document = Self::new(path.parent().map(Path::to_path_buf).unwrap_or_default());
        document.open(path);
        document
    }

    /// A file and those that it includes.
    pub(super) fn read(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let mut document = Self::new(folder);
        document.open(path);
        for included in document.included(path, environment) {
            document.open(&included);
        }
        document
    }

    pub(super) fn into_sources(self) -> Sources {
        self.sources
    }

    fn open(&mut self, path: &Path) {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let file = self.sources.add(path.to_path_buf(), String::new());
                let name = self.sources.name(file);
                return self.give_up(Finding::about(name, format!("cannot be read: {error}")));
            }
        };
        match String::from_utf8(bytes) {
            Ok(text) => self.add(path.to_path_buf(), text),
            Err(error) => {
                let start = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let file = self.sources.add(path.to_path_buf(), text);
                let at = Location { file, span: start..start + 1 };
                let finding = self.sources.finding(&at, "the file is not in UTF-8");
                self.give_up(finding.label("the first byte that is not"));
            }
        }
    }

    pub(super) fn add(&mut self, path: PathBuf, text: String) {
        let file = self.sources.add(path, text);
        match tree::parse(file, self.sources.text(file)) {
            Ok(root) => self.roots.push(root),
            Err(error) => {
                let at = Location { file, span: error.span().unwrap_or_default() };
                let finding = self.sources.finding(&at, error.message());
                let twice = error.message() == "duplicate key";
                self.give_up(finding.label(if twice { "defined above" } else { "not TOML" }));
            }
        }
    }

    fn give_up(&mut self, finding: Finding) {
        self.complete = false;
        self.findings.push(finding);
    }

    /// The key `include` of gateway.toml.
    fn include(&self) -> Option<&Member> {
        match &self.roots.first()?.kind {
            Kind::Table(members) => members.iter().find(|member| member.key == "include"),
            _ => None,
        }
    }

    /// The files that `include` names: in the order of its patterns, and sorted within each.
    fn included(
        &mut self,
        main: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Vec<PathBuf> {
        let Some(include) = self.include() else { return Vec::new() };
        let check = Check::new(self, environment);
        let include = Value { check: &check, name: "include".to_owned(), node: &include.node };
        let mut patterns = Vec::new();
        let mut paths = Vec::new();
        for item in include.items().unwrap_or_default() {
            if let Some(pattern) = pattern(&item, &self.folder) {
                paths.extend(matches(&item, &pattern, main));
                patterns.push(pattern);
            }
        }
        let (findings, _, _) = check.into_findings();
        self.complete &= findings.is_empty();
        self.findings.extend(findings);
        for pattern in patterns {
            self.sources.watch_pattern(pattern);
        }
        let mut seen = BTreeSet::new();
        paths.retain(|path| seen.insert(path.clone()));
        paths
    }
}

/// The pattern, relative to the folder of gateway.toml.
fn pattern(item: &Value<'_>, folder: &Path) -> Option<String> {
    let text = item.text()?;
    if let Err(error) = glob::Pattern::new(&text.value) {
        return item.refuse(item.finding(format!("not a pattern for files: {}", error.msg)));
    }
    if Path::new(text.value.as_ref()).is_absolute() || folder.as_os_str().is_empty() {
        return Some(text.value.into_owned());
    }
    let folder = glob::Pattern::escape(&folder.display().to_string());
    Some(Path::new(&folder).join(text.value.as_ref()).display().to_string())
}

/// The files that match, sorted; never gateway.toml itself, folders or hidden files.
fn matches(item: &Value<'_>, pattern: &str, main: &Path) -> Vec<PathBuf> {
    let options = glob::MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let main = main.canonicalize().ok();
    let paths: Vec<PathBuf> = glob::glob_with(pattern, options)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter(|path| path.is_file() && path.canonicalize().ok() != main)
        .collect();
    if paths.is_empty() && !pattern.contains(['*', '?', '[']) {
        item.check.refuse(item.finding("the included file does not exist").label("not found"));
    }
    paths
}

//! `tidegate plugin test`: fixtures tried on a component in the real runtime.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::judge::{judge, observed};
use super::trial::{self, Trial};
use super::{AuthorError, Subject, fixture};
use crate::config::fixture::{Case, Fixture, Given, updated};
use crate::config::{Component, Finding, Location};

/// What to try.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only cases whose names hold this.
    pub filter: Option<String>,
    /// Writes what came into the fixtures, in place of what was expected.
    pub update: bool,
}

/// What came of one fixture.
#[derive(Debug)]
pub struct Report {
    /// The fixture.
    pub file: PathBuf,
    /// The plugin.
    pub plugin: String,
    /// In the order of the file, without those that the filter leaves out.
    pub cases: Vec<Judged>,
    /// How many values of the file were replaced.
    pub updates: usize,
}

/// What came of one case.
#[derive(Debug)]
pub struct Judged {
    /// Its name.
    pub name: String,
    /// What is not as expected; empty if all is.
    pub findings: Vec<Finding>,
}

/// The fixtures that are meant: those given, else those in the crate's folder `fixtures`, sorted.
///
/// # Errors
///
/// There is none.
pub fn fixtures(subject: Option<&Subject>, given: &[PathBuf]) -> Result<Vec<PathBuf>, AuthorError> {
    if !given.is_empty() {
        return Ok(given.to_vec());
    }
    let Some(Subject::Crate(own)) = subject else {
        return Err(AuthorError::Usage("say which fixtures to try, such as `a.toml`".to_owned()));
    };
    let folder = own.folder.join("fixtures");
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(AuthorError::Usage(format!("there are no fixtures in `{}`", folder.display())));
    }
    Ok(files)
}

/// Tries one fixture; blocks. `update` is the only thing that writes to it.
///
/// # Errors
///
/// The fixture cannot be used, the component cannot be loaded, or a file cannot be written.
pub fn run(
    subject: Option<&Subject>,
    file: PathBuf,
    options: &Options,
) -> Result<Report, AuthorError> {
    let fixture = read(subject, &file)?;
    let trial = Trial::build(&fixture)?;
    trial::reset_clock();
    let mut report =
        Report { file, plugin: trial.name().to_owned(), cases: Vec::new(), updates: 0 };
    let mut edits = Edits::default();
    for case in &fixture.cases {
        trial::set_clock(case);
        let judged = try_case(&trial, &fixture, case, options, &mut edits);
        if options.filter.as_ref().is_none_or(|part| case.name.contains(part.as_str())) {
            report.cases.push(judged);
        }
    }
    trial::reset_clock();
    report.updates = edits.replaced.len() + edits.added.len();
    if report.updates > 0 {
        let text = updated(&fixture.loaded.sources, &edits.replaced, &edits.added);
        let what = format!("`{}` cannot be written", report.file.display());
        fs::write(&report.file, text).map_err(AuthorError::system(what))?;
    }
    Ok(report)
}

/// Reads a fixture and finds its component.
fn read(subject: Option<&Subject>, file: &Path) -> Result<Fixture, AuthorError> {
    let stem = file.file_stem().and_then(std::ffi::OsStr::to_str).unwrap_or("plugin");
    let name = subject.map_or(stem, Subject::name);
    let component: Option<Component> = subject.map(Subject::component).transpose()?;
    let is_crate = matches!(subject, Some(Subject::Crate(_)));
    let (default_component, component) =
        if is_crate { (component, None) } else { (None, component) };
    let given = Given {
        name,
        component: component.as_ref(),
        default_component: default_component.as_ref(),
        ..Given::default()
    };
    fixture(Some(file), &given)
}

/// What is to be written into a fixture.
#[derive(Default)]
struct Edits {
    replaced: Vec<(Location, String)>,
    added: Vec<(Location, String)>,
}

/// Tries a case as often as it says, and tells of the first time that is not as expected. The
/// requests after that are made too, as are cases that a filter leaves out, because those behind
/// them may count on it.
fn try_case(
    trial: &Trial,
    fixture: &Fixture,
    case: &Case,
    options: &Options,
    edits: &mut Edits,
) -> Judged {
    let sources = &fixture.loaded.sources;
    let mut judged = Judged { name: case.name.clone(), findings: Vec::new() };
    for turn in 1..=case.repeat {
        let outcome = trial.run(case);
        let mut mismatches = judge(case, &outcome);
        if options.update {
            if case.expect.is_none() {
                edits.added.push((case.name_at.clone(), observed(&outcome)));
                return judged;
            }
            mismatches.retain(|mismatch| match &mismatch.update {
                Some(update) => {
                    edits.replaced.push((mismatch.at.clone(), update.clone()));
                    false
                }
                None => true,
            });
        }
        if !mismatches.is_empty() && judged.findings.is_empty() {
            judged.findings =
                mismatches.iter().map(|mismatch| mismatch.finding(sources, case)).collect();
            if case.repeat > 1 {
                judged.name.push_str(&format!(" (at request {turn} of {})", case.repeat));
            }
        }
    }
    judged
}

impl Report {
    /// How many cases are not as expected.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.findings.is_empty()).count()
    }

    /// For people: the file, and a line for each case; what went wrong follows its line.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{} ({})\n", self.file.display(), self.plugin);
        for case in &self.cases {
            let verdict = if case.findings.is_empty() { "ok    " } else { "FAILED" };
            text.push_str(&format!("  {verdict} {}\n", case.name));
            for finding in &case.findings {
                text.push_str(&format!("\n{finding}\n\n"));
            }
        }
        if self.updates > 0 {
            text.push_str(&format!("  {} values were written into the file\n", self.updates));
        }
        text
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let case = |case: &Judged| {
            json!({
                "name": case.name,
                "passed": case.findings.is_empty(),
                "findings": case.findings,
            })
        };
        json!({
            "file": self.file.display().to_string(),
            "plugin": self.plugin,
            "cases": self.cases.iter().map(case).collect::<Vec<_>>(),
            "updates": self.updates,
        })
    }
}

#[cfg(test)]
mod tests;

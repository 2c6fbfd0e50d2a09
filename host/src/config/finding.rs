//! What is wrong in the user's file, shown where it is.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{Location, Watched};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The configuration cannot be used.
    Error,
    /// It works, but is hardly meant.
    Warning,
}

/// One finding: what is wrong, where, and what to do.
///
/// It quotes the file as written, before `${NAME}` is replaced, so a value that came from the
/// environment is never part of it. Its serialised form leaves out the line of the file as well,
/// because others than its author may read that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    level: Level,
    message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    file: String,
    #[serde(flatten)]
    place: Option<Place>,
}

/// Where in the file.
#[derive(Clone, PartialEq, Eq, Serialize)]
struct Place {
    /// 1-based.
    line: usize,
    /// 1-based, in characters.
    column: usize,
    /// Absent if it holds what should not be shown.
    #[serde(skip)]
    source_line: Option<String>,
    /// In characters, at least 1.
    #[serde(skip)]
    width: usize,
    /// Index of the file and offset in it, in bytes.
    #[serde(skip)]
    order: (usize, usize),
}

impl Finding {
    /// About a file as a whole, such as one that cannot be read.
    #[must_use]
    pub fn about(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            level: Level::Error,
            message: message.into(),
            label: String::new(),
            hint: None,
            file: file.into(),
            place: None,
        }
    }

    pub(super) fn at(file: String, text: &str, at: &Location, message: String) -> Self {
        let start = text.floor_char_boundary(at.span.start);
        let end = text.ceil_char_boundary(at.span.end);
        let before = text.get(..start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let column = before.get(line_start..).map_or(0, |part| part.chars().count()) + 1;
        let rest = line.chars().count().saturating_sub(column - 1);
        let width = text.get(start..end).map_or(1, |part| part.chars().count());
        let place = Place {
            line: before.matches('\n').count() + 1,
            column,
            source_line: Some(line.chars().map(printable).collect()),
            width: width.min(rest).max(1),
            order: (at.file, at.span.start),
        };
        Self { place: Some(place), ..Self::about(file, message) }
    }

    /// A few words behind the carets.
    #[must_use]
    pub fn label(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }

    /// The way out.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same, if there is one.
    pub(super) fn maybe_hint(self, hint: Option<String>) -> Self {
        Self { hint: hint.or(self.hint), ..self }
    }

    /// Without the line of the file, which holds a credential in all likelihood.
    pub(super) fn hidden(mut self) -> Self {
        if let Some(place) = &mut self.place {
            place.source_line = None;
        }
        self
    }

    /// The same finding as a warning.
    #[must_use]
    pub fn warning(self) -> Self {
        Self { level: Level::Warning, ..self }
    }

    /// How bad it is.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// What is wrong, in one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// `file:line:column`, or the file alone.
    #[must_use]
    pub fn position(&self) -> String {
        self.place.as_ref().map_or_else(
            || self.file.clone(),
            |place| format!("{}:{}:{}", self.file, place.line, place.column),
        )
    }

    pub(super) fn order(&self) -> (usize, usize) {
        self.place.as_ref().map_or((0, 0), |place| place.order)
    }
}

/// One character wide, and without effect on a terminal.
fn printable(character: char) -> char {
    match character {
        '\t' => ' ',
        other if other.is_control() => char::REPLACEMENT_CHARACTER,
        other => other,
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        writeln!(f, "{level}: {}", self.message)?;
        let gutter = self.place.as_ref().map_or(1, |place| place.line.to_string().len());
        write!(f, "{:gutter$}--> {}", "", self.position())?;
        if let Some(place) = &self.place
            && let Place { line, column, source_line: Some(source_line), width, .. } = place
        {
            write!(f, "\n{:gutter$} |\n{line} | {source_line}\n", "")?;
            write!(f, "{:gutter$} | {:pad$}{}", "", "", "^".repeat(*width), pad = column - 1)?;
            if !self.label.is_empty() {
                write!(f, " {}", self.label)?;
            }
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n{:gutter$} = hint: {hint}", "")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why a configuration was refused. Never empty; sorted by file and place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    list: Vec<Finding>,
    watched: Watched,
}

impl Findings {
    /// Sorts the list; `None` if it is empty.
    #[must_use]
    pub fn new(mut list: Vec<Finding>, watched: Watched) -> Option<Self> {
        list.sort_by_key(Finding::order);
        (!list.is_empty()).then_some(Self { list, watched })
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.list.iter()
    }

    /// Files and patterns where a repair may happen.
    #[must_use]
    pub const fn watched(&self) -> &Watched {
        &self.watched
    }
}

impl From<Finding> for Findings {
    fn from(finding: Finding) -> Self {
        Self { list: vec![finding], watched: Watched::default() }
    }
}

impl IntoIterator for Findings {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

impl<'a> IntoIterator for &'a Findings {
    type Item = &'a Finding;
    type IntoIter = std::slice::Iter<'a, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Serialize for Findings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.list.serialize(serializer)
    }
}

impl std::error::Error for Findings {}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut files: Vec<&str> = Vec::new();
        for finding in &self.list {
            write!(f, "{finding}\n\n")?;
            if !files.contains(&finding.file.as_str()) {
                files.push(&finding.file);
            }
        }
        match self.list.len() {
            1 => f.write_str("1 error in ")?,
            count => write!(f, "{count} errors in ")?,
        }
        match files.as_slice() {
            [one] => f.write_str(one),
            [one, two] => write!(f, "{one} and {two}"),
            many => write!(f, "{} files", many.len()),
        }
    }
}

//! Paths that are made of parts of others.

use std::fmt;

use regex::Regex;

use super::Pattern;

/// A path with places for what a route's path has captured: `/u/{id}`.
#[derive(Debug, Clone)]
pub struct Template {
    written: String,
    parts: Vec<Part>,
    captures: Captures,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// This text.
    Literal(String),
    /// What was captured: the parameter of this index, or the group of this number.
    Value(usize),
}

/// What captures.
#[derive(Debug, Clone)]
pub enum Captures {
    /// Its parameters.
    Pattern(Pattern),
    /// Its groups.
    Regex(Regex),
}

impl Template {
    /// `written` is how the file has it; values are those of `captures`.
    #[must_use]
    pub const fn new(written: String, parts: Vec<Part>, captures: Captures) -> Self {
        Self { written, parts, captures }
    }

    /// The path for one that the route has taken. A group that took no part is empty.
    #[must_use]
    pub fn fill(&self, path: &str) -> String {
        match &self.captures {
            Captures::Pattern(pattern) => {
                let values = pattern.values(path);
                self.write(|index| values.get(index).copied())
            }
            Captures::Regex(regex) => {
                let found = regex.captures(path);
                self.write(|group| Some(found.as_ref()?.get(group)?.as_str()))
            }
        }
    }

    fn write<'v>(&self, value: impl Fn(usize) -> Option<&'v str>) -> String {
        let mut text = String::new();
        for part in &self.parts {
            text.push_str(match part {
                Part::Literal(literal) => literal,
                Part::Value(index) => value(*index).unwrap_or_default(),
            });
        }
        text
    }
}

impl fmt::Display for Template {
    /// As in the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Regexes are the same if they are written the same.
impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        let same_captures = match (&self.captures, &other.captures) {
            (Captures::Pattern(one), Captures::Pattern(other)) => one == other,
            (Captures::Regex(one), Captures::Regex(other)) => one.as_str() == other.as_str(),
            _ => false,
        };
        same_captures && self.parts == other.parts
    }
}

impl Eq for Template {}

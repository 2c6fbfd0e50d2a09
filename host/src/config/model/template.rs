//! Texts that are made of parts of what was asked for.

use std::borrow::Cow;
use std::fmt;

use regex::Regex;

use super::Pattern;

/// A text with places for what a route's path and host have captured: `/u/{id}`.
#[derive(Debug, Clone)]
pub struct Template {
    written: String,
    parts: Vec<Part>,
    captures: Captures,
    /// What stands behind the star of the route's hosts: `.example.com`.
    suffixes: Vec<String>,
}

/// What a template is filled from.
#[derive(Debug, Clone)]
pub struct Captured<'a> {
    /// The canonical path that the route has taken.
    pub path: Cow<'a, str>,
    /// Lower-case, without a port.
    pub host: &'a str,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// This text.
    Literal(String),
    /// What was captured: the parameter of this index, or the group of this number.
    Value(usize),
    /// What the star of the host stands for.
    Star,
}

/// What captures.
#[derive(Debug, Clone)]
pub enum Captures {
    /// The path has no parts.
    Nothing,
    /// Its parameters.
    Pattern(Pattern),
    /// Its groups.
    Regex(Regex),
}

impl Template {
    /// `written` is how the file has it; values are those of `captures`.
    #[must_use]
    pub const fn new(written: String, parts: Vec<Part>, captures: Captures) -> Self {
        Self { written, parts, captures, suffixes: Vec::new() }
    }

    /// The same with the star of hosts that end so.
    #[must_use]
    pub fn below(self, suffixes: Vec<String>) -> Self {
        Self { suffixes, ..self }
    }

    /// The path for one that the route has taken. A group that took no part is empty.
    #[must_use]
    pub fn fill(&self, path: &str) -> String {
        self.fill_from(&Captured { path: Cow::Borrowed(path), host: "" })
    }

    /// The text for a request that the route has taken.
    #[must_use]
    pub fn fill_from(&self, captured: &Captured<'_>) -> String {
        let host = captured.host;
        match &self.captures {
            Captures::Nothing => self.write(|_index| None, host),
            Captures::Pattern(pattern) => {
                let values = pattern.values(&captured.path);
                self.write(|index| values.get(index).copied(), host)
            }
            Captures::Regex(regex) => {
                let found = regex.captures(&captured.path);
                self.write(|group| Some(found.as_ref()?.get(group)?.as_str()), host)
            }
        }
    }

    /// The text with something that a name of a host may hold in each place.
    #[must_use]
    pub fn sample(&self) -> String {
        let part = |part: &Part| match part {
            Part::Literal(literal) => literal.clone(),
            Part::Value(_) | Part::Star => "x".to_owned(),
        };
        self.parts.iter().map(part).collect()
    }

    fn write<'v>(&self, value: impl Fn(usize) -> Option<&'v str>, host: &str) -> String {
        let mut text = String::new();
        for part in &self.parts {
            text.push_str(match part {
                Part::Literal(literal) => literal,
                Part::Value(index) => value(*index).unwrap_or_default(),
                Part::Star => self.star(host),
            });
        }
        text
    }

    /// As the most specific of the hosts has it.
    fn star<'h>(&self, host: &'h str) -> &'h str {
        let before = self.suffixes.iter().filter_map(|suffix| host.strip_suffix(suffix.as_str()));
        before.min_by_key(|before| before.len()).unwrap_or_default()
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
            (Captures::Nothing, Captures::Nothing) => true,
            (Captures::Pattern(one), Captures::Pattern(other)) => one == other,
            (Captures::Regex(one), Captures::Regex(other)) => one.as_str() == other.as_str(),
            _ => false,
        };
        same_captures && self.parts == other.parts && self.suffixes == other.suffixes
    }
}

impl Eq for Template {}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{Captured, Captures, Part, Template};

    #[test]
    fn the_star_is_that_of_the_most_specific_host() {
        let parts = vec![Part::Literal("<".to_owned()), Part::Star, Part::Literal(">".to_owned())];
        let suffixes = [".example.com", ".eu.example.com"].map(str::to_owned);
        let template =
            Template::new("<{*}>".to_owned(), parts, Captures::Nothing).below(suffixes.to_vec());
        let fill = |host| template.fill_from(&Captured { path: Cow::Borrowed("/"), host });
        assert_eq!(fill("a.example.com"), "<a>");
        assert_eq!(fill("a.b.example.com"), "<a.b>");
        assert_eq!(fill("a.eu.example.com"), "<a>");
        assert_eq!(fill("eu.example.com"), "<eu>");
        assert_eq!(fill("example.org"), "<>");
    }
}

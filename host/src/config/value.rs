//! One value of a file, and how it is read.

use std::borrow::Cow;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::check::Check;
use super::environment::Fault;
use super::suggest;
use super::table::Table;
use super::tree::{Kind, Member, Node};
use super::units;
use super::{Finding, Location};

/// Longer texts are cut when a message quotes them, in characters.
///
/// A name or address is whole in it, a pasted file is not.
const QUOTE_CHARACTERS_MAX: usize = 80;

/// A value and where it is. Every reader returns `None` after it has left a finding.
#[derive(Clone)]
pub(super) struct Value<'a> {
    pub(super) check: &'a Check<'a>,
    /// What messages call it, such as `routes` or `endpoints[2]`.
    pub(super) name: String,
    pub(super) node: &'a Node,
}

/// A named value of a table whose keys the user chooses.
pub(super) struct Entry<'a> {
    pub(super) key: &'a str,
    pub(super) key_at: &'a Location,
    pub(super) value: Value<'a>,
}

/// A string with its references replaced.
pub(super) struct Text<'a> {
    /// May come from the environment, so no message quotes it.
    pub(super) value: Cow<'a, str>,
    written: &'a str,
}

impl Text<'_> {
    /// As written in the file, in backticks.
    pub(super) fn quoted(&self) -> String {
        quoted(self.written)
    }

    /// What the file says, if the environment has no part in it.
    pub(super) fn literal(&self) -> Option<&str> {
        (self.value == self.written).then_some(self.written)
    }
}

/// In backticks, without effect on a terminal, and not too long.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", harmless(text))
}

/// Without effect on a terminal, and not too long.
fn harmless(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(QUOTE_CHARACTERS_MAX)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    if text.chars().count() > QUOTE_CHARACTERS_MAX {
        shown.push('…');
    }
    shown
}

/// Reads every item, so that each leaves its findings; `None` if one of them could not be read.
pub(super) fn each<T, U>(items: &[T], read: impl FnMut(&T) -> Option<U>) -> Option<Vec<U>> {
    let all: Vec<Option<U>> = items.iter().map(read).collect();
    all.into_iter().collect()
}

impl<'a> Value<'a> {
    pub(super) const fn at(&self) -> &'a Location {
        &self.node.at
    }

    /// A finding at this value.
    pub(super) fn finding(&self, message: impl Into<String>) -> Finding {
        self.check.sources.finding(self.at(), message)
    }

    /// Reports the finding in place of a result.
    pub(super) fn refuse<T>(&self, finding: Finding) -> Option<T> {
        self.check.refuse(finding);
        None
    }

    /// Reports that the value is of another type.
    pub(super) fn wrong<T>(&self, expected: &str) -> Option<T> {
        self.refuse(self.wrong_type(expected))
    }

    pub(super) fn wrong_type(&self, expected: &str) -> Finding {
        let found = match self.node.kind {
            Kind::Text(_) => "a string",
            Kind::Integer(_) => "an integer",
            Kind::Float(_) => "a float",
            Kind::Boolean(true) => "`true`",
            Kind::Boolean(false) => "`false`",
            Kind::Datetime(_) => "a date-time",
            Kind::Array(_) => "an array",
            Kind::Table(_) => "a table",
        };
        self.finding(format!("`{}` must be {expected}, but is {found}", self.name))
    }

    /// A string, with references to the environment and to files replaced.
    pub(super) fn text(&self) -> Option<Text<'a>> {
        let Kind::Text(written) = &self.node.kind else {
            return self.wrong("a string");
        };
        let finding = match self.check.substitute(written) {
            Ok(value) => return Some(Text { value, written }),
            Err(Fault::Unset(name)) => self
                .finding(format!("the environment variable `{name}` is not set"))
                .hint(format!("set it, or give a default: `${{{name}:-…}}`")),
            Err(Fault::File { path, why }) => self
                .finding(format!("the file `{path}` cannot be put in: {why}"))
                .hint("paths are relative to the folder of gateway.toml"),
            Err(Fault::Unclosed) => self
                .finding("`${` begins a reference to the environment, but no `}` ends it")
                .hint("write `$${` for a literal `${`"),
            Err(Fault::NotAName) => self
                .finding("`${…}` must hold the name of an environment variable")
                .label("letters, digits and `_`, not beginning with a digit")
                .hint("write `$${` for a literal `${`"),
        };
        self.refuse(finding)
    }

    /// One of a few words.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text()?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(*value);
        }
        let finding = self.finding(format!("`{}` cannot be {}", self.name, text.quoted()));
        let words = words.iter().map(|(word, _)| *word);
        self.refuse(finding.maybe_hint(suggest::hint(&text.value, words, "it can be")))
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        match &self.node.kind {
            Kind::Boolean(value) => Some(*value),
            _ => self.wrong("`true` or `false`"),
        }
    }

    /// An integer in the range.
    pub(super) fn integer<T>(&self, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<i64> + PartialOrd + Display,
    {
        let Kind::Integer(written) = &self.node.kind else {
            return self.wrong("an integer");
        };
        match written.and_then(|value| T::try_from(value).ok()) {
            Some(value) if range.contains(&value) => Some(value),
            _ => self.out_of_range(range.start(), range.end()),
        }
    }

    /// A duration in the range.
    pub(super) fn duration(&self, range: &RangeInclusive<Duration>) -> Option<Duration> {
        if let Kind::Integer(written) = &self.node.kind {
            let number = written.map_or_else(|| "5".to_owned(), |number| number.to_string());
            return self.refuse(self.without_unit(&number));
        }
        let text = self.text()?;
        match units::duration(&text.value) {
            Ok(value) if range.contains(&value) => Some(value),
            Ok(_) => self.out_of_range(
                humantime::format_duration(*range.start()),
                humantime::format_duration(*range.end()),
            ),
            Err(units::Fault::NoUnit) => {
                self.refuse(self.without_unit(text.literal().unwrap_or("5")))
            }
            Err(units::Fault::Malformed) => self.refuse(
                self.finding(format!("`{}` is not a duration", self.name))
                    .hint("write a number and a unit, such as `500ms`, `2s` or `1m 30s`"),
            ),
        }
    }

    fn without_unit(&self, number: &str) -> Finding {
        self.finding(format!("`{}` needs a unit", self.name))
            .hint(format!("write `{number}s` for seconds or `{number}ms` for milliseconds"))
    }

    /// A number of bytes in the range.
    pub(super) fn size<T: TryFrom<u64>>(&self, range: &RangeInclusive<u64>) -> Option<T> {
        let value = match &self.node.kind {
            Kind::Integer(written) => written.and_then(|number| u64::try_from(number).ok()),
            Kind::Text(_) => match units::size(&self.text()?.value) {
                Ok(value) => Some(value),
                Err(_) => {
                    return self.refuse(
                        self.finding(format!("`{}` is not a size", self.name))
                            .hint("write a whole number and a unit, such as `512B` or `16MiB`"),
                    );
                }
            },
            _ => return self.wrong("a size such as \"16MiB\""),
        };
        match value.filter(|value| range.contains(value)).map(T::try_from) {
            Some(Ok(value)) => Some(value),
            _ => {
                self.out_of_range(units::show_size(*range.start()), units::show_size(*range.end()))
            }
        }
    }

    fn out_of_range<T>(&self, start: impl Display, end: impl Display) -> Option<T> {
        self.refuse(self.finding(format!("`{}` must be from {start} to {end}", self.name)))
    }

    /// The items of an array.
    pub(super) fn items(&self) -> Option<Vec<Self>> {
        let Kind::Array(items) = &self.node.kind else {
            return self.wrong("an array");
        };
        let item = |(index, node)| Value {
            check: self.check,
            name: format!("{}[{index}]", self.name),
            node,
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// One string or an array of at least one.
    pub(super) fn one_or_more(&self) -> Option<Vec<Self>> {
        match &self.node.kind {
            Kind::Text(_) => Some(vec![self.clone()]),
            Kind::Array(_) => self.some_items(),
            _ => self.wrong("a string or an array of strings"),
        }
    }

    /// The items of an array that is not empty.
    pub(super) fn some_items(&self) -> Option<Vec<Self>> {
        let items = self.items()?;
        if items.is_empty() {
            let finding = self.finding(format!("`{}` is empty", self.name));
            return self.refuse(finding.label("list at least one"));
        }
        Some(items)
    }

    /// The items of an array of tables.
    pub(super) fn tables(&self) -> Option<Vec<Self>> {
        match self.node.kind {
            Kind::Array(_) => {
                let mut tables = self.items()?;
                tables.iter_mut().for_each(|table| table.name.clone_from(&self.name));
                Some(tables)
            }
            _ => {
                let finding = self.wrong_type("an array of tables");
                self.refuse(finding.hint(format!("write `[[{}]]`", self.name)))
            }
        }
    }

    /// The string as written, in backticks, if it is one.
    pub(super) fn quoted(&self) -> Option<String> {
        match &self.node.kind {
            Kind::Text(text) => Some(quoted(text)),
            _ => None,
        }
    }

    /// A table whose keys are ours.
    pub(super) fn table(&self) -> Option<Table<'a>> {
        match &self.node.kind {
            Kind::Table(members) => {
                let place = format!("in `{}`", self.name);
                Some(Table::new(self.check, place, members, self.at()))
            }
            _ => self.wrong("a table"),
        }
    }

    /// A table whose keys are the user's, in the order of the file.
    pub(super) fn entries(&self) -> Option<Vec<Entry<'a>>> {
        let Kind::Table(members) = &self.node.kind else {
            return self.wrong("a table");
        };
        let entry = |member: &'a Member| Entry {
            key: &member.key,
            key_at: &member.key_at,
            value: Value {
                check: self.check,
                name: format!("{}.{}", self.name, harmless(&member.key)),
                node: &member.node,
            },
        };
        Some(members.iter().map(entry).collect())
    }
}

//! A table whose keys are ours: what is not asked for is not allowed.

use super::check::Check;
use super::suggest::{self, list};
use super::tree::Member;
use super::value::{Value, quoted};
use super::{Finding, Location};

/// Remembers which keys were asked for, so that [`Table::end`] can refuse the others.
pub(super) struct Table<'a> {
    check: &'a Check<'a>,
    /// How messages end, such as "in `routes`".
    place: String,
    /// Empty if the file does not have the table, so that all defaults hold.
    members: &'a [Member],
    /// Of its header or braces.
    pub(super) at: &'a Location,
    asked: Vec<&'static str>,
    removed: Vec<&'static str>,
}

impl<'a> Table<'a> {
    pub(super) fn new(
        check: &'a Check<'a>,
        place: String,
        members: &'a [Member],
        at: &'a Location,
    ) -> Self {
        Self { check, place, members, at, asked: Vec::new(), removed: Vec::new() }
    }

    /// The value of a key that may be absent.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.asked.push(key);
        let member = self.members.iter().find(|member| member.key == key)?;
        Some(Value { check: self.check, name: key.to_owned(), node: &member.node })
    }

    /// Where a key is that is not allowed here, and for which the caller has a text of its own.
    pub(super) fn remove(&mut self, key: &'static str) -> Option<&'a Location> {
        self.removed.push(key);
        self.members.iter().find(|member| member.key == key).map(|member| &member.key_at)
    }

    /// The value of a key that must be there; `example` is how it would be written.
    pub(super) fn need(&mut self, key: &'static str, example: &str) -> Option<Value<'a>> {
        let value = self.take(key);
        if value.is_none() {
            let finding = self.finding(format!("the key `{key}` is missing {}", self.place));
            self.check.refuse(finding.hint(format!("add `{key} = {example}`")));
        }
        value
    }

    /// What `read` makes of the value, or the default if the key is absent.
    pub(super) fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> Option<T> {
        match self.take(key) {
            None => Some(default),
            Some(value) => read(&value),
        }
    }

    /// A table within; as if it were empty if it is absent.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Self> {
        match self.take(key) {
            Some(value) => value.table(),
            None => Some(Self {
                check: self.check,
                place: format!("in `{key}`"),
                members: &[],
                at: self.at,
                asked: Vec::new(),
                removed: Vec::new(),
            }),
        }
    }

    /// The value of the one key that is there; two exclude each other, and none is not enough.
    /// No other key is allowed.
    pub(super) fn exactly_one(
        mut self,
        keys: &'static [&'static str],
    ) -> Option<(&'static str, Value<'a>)> {
        let mut given: Vec<(&'static str, Value<'a>)> =
            keys.iter().filter_map(|key| Some((*key, self.take(key)?))).collect();
        if given.is_empty() && self.members.is_empty() {
            let finding = self.finding(format!("there is nothing {}", self.place));
            return self.refuse(finding.hint(format!("add one of {}", list(keys.iter().copied()))));
        }
        self.end();
        if let [(first, _), (second, place), ..] = given.as_slice() {
            let finding = place.finding(format!("`{first}` and `{second}` exclude each other"));
            return place.refuse(finding);
        }
        given.pop()
    }

    /// A finding at the table's header or braces.
    pub(super) fn finding(&self, message: impl Into<String>) -> Finding {
        self.check.sources.finding(self.at, message)
    }

    /// Reports the finding in place of a result.
    pub(super) fn refuse<T>(&self, finding: Finding) -> Option<T> {
        self.check.refuse(finding);
        None
    }

    /// Refuses every key that nobody asked for.
    pub(super) fn end(self) {
        for member in self.members {
            let key = member.key.as_str();
            if self.asked.contains(&key) || self.removed.contains(&key) {
                continue;
            }
            let message = format!("unknown key {} {}", quoted(&member.key), self.place);
            let hint = suggest::hint(&member.key, self.asked.iter().copied(), "the keys here are");
            let finding = self.check.sources.finding(&member.key_at, message);
            self.check.refuse(finding.maybe_hint(hint));
        }
    }
}

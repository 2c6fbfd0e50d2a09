//! What a plugin has changed of an exchange.

use std::collections::BTreeMap;

use http::HeaderMap;

use super::{Checkpoint, Edit, Exchange};

/// What was changed, by names such as `request.x-user`, `request.path`, `response.status` and
/// `attribute.consumer`. Values are kept to be compared, and never shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes(BTreeMap<String, Change>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    /// To these bytes.
    Set(Vec<u8>),
    Removed,
}

impl Changes {
    /// Between the checkpoint and now.
    #[must_use]
    pub fn between(before: &Checkpoint, now: &Exchange) -> Self {
        let mut changes = Self::default();
        let Checkpoint { request, response, deferred, attributes } = before;
        changes.headers("request", &request.headers, &now.request.headers);
        changes.text("request.path", request.path(), now.request.path());
        let query =
            |query: Option<&str>| query.map(|query| format!("?{query}")).unwrap_or_default();
        changes.text("request.query", &query(request.query()), &query(now.request.query()));
        if let (Some(before), Some(now)) = (response, &now.response) {
            changes.headers("response", &before.headers, &now.headers);
            changes.text("response.status", before.status.as_str(), now.status.as_str());
        }
        for edit in now.deferred.iter().skip(deferred.len()) {
            changes.edit(edit);
        }
        for (name, value) in &now.attributes {
            let known = attributes.iter().find(|(known, _)| known == name);
            if known.is_none_or(|(_, known)| known != value) {
                changes.set(format!("attribute.{name}"), format!("{value:?}").into_bytes());
            }
        }
        changes
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of what was set, with spaces between them.
    #[must_use]
    pub fn set_names(&self) -> String {
        self.names(|change| matches!(change, Change::Set(_)))
    }

    /// The names of what was removed, with spaces between them.
    #[must_use]
    pub fn removed_names(&self) -> String {
        self.names(|change| matches!(change, Change::Removed))
    }

    /// The names of what the other has not changed, or not in the same way, with spaces between them.
    #[must_use]
    pub fn differing_names(&self, other: &Self) -> String {
        let mut names: Vec<&str> = self
            .0
            .keys()
            .chain(other.0.keys())
            .filter(|name| self.0.get(*name) != other.0.get(*name))
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        names.dedup();
        names.join(" ")
    }

    fn names(&self, is_meant: impl Fn(&Change) -> bool) -> String {
        let meant = self.0.iter().filter(|(_, change)| is_meant(change));
        meant.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ")
    }

    fn headers(&mut self, head: &str, before: &HeaderMap, now: &HeaderMap) {
        for name in now.keys() {
            if !now.get_all(name).iter().eq(before.get_all(name)) {
                let values: Vec<&[u8]> =
                    now.get_all(name).iter().map(http::HeaderValue::as_bytes).collect();
                self.set(format!("{head}.{name}"), values.join(&b'\n'));
            }
        }
        for name in before.keys().filter(|name| !now.contains_key(*name)) {
            self.0.insert(format!("{head}.{name}"), Change::Removed);
        }
    }

    fn text(&mut self, name: &str, before: &str, now: &str) {
        if before != now {
            self.set(name.to_owned(), now.as_bytes().to_vec());
        }
    }

    /// One that waits for the response.
    fn edit(&mut self, edit: &Edit) {
        match edit {
            Edit::Set(name, value) => {
                self.set(format!("response.{name}"), value.as_bytes().to_vec());
            }
            Edit::Append(name, value) => {
                let name = format!("response.{name}");
                let mut values = match self.0.remove(&name) {
                    Some(Change::Set(mut values)) => {
                        values.push(b'\n');
                        values
                    }
                    Some(Change::Removed) | None => Vec::new(),
                };
                values.extend_from_slice(value.as_bytes());
                self.set(name, values);
            }
            Edit::Default(name, value) => {
                let name = format!("response.{name}");
                if !matches!(self.0.get(&name), Some(Change::Set(_))) {
                    self.set(name, value.as_bytes().to_vec());
                }
            }
            Edit::Remove(name) => {
                self.0.insert(format!("response.{name}"), Change::Removed);
            }
        }
    }

    fn set(&mut self, name: String, value: Vec<u8>) {
        self.0.insert(name, Change::Set(value));
    }
}

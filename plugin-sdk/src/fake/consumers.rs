//! Consumers that the test defines.

use super::{phase, state};
use crate::consumers::{Consumer, Match};

#[derive(Default)]
pub(super) struct Consumers {
    known: Vec<Consumer>,
    credentials: Vec<Credential>,
}

struct Credential {
    kind: String,
    id: String,
    secret: Option<Vec<u8>>,
    /// The consumer's.
    name: String,
}

/// Adds a consumer of these groups.
pub fn define(name: &str, groups: &[&str]) {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    define_with(Consumer { name: name.to_owned(), groups, attributes: Vec::new() });
}

/// Adds a consumer, in place of another one of this name.
pub fn define_with(consumer: Consumer) {
    state::with(|state| {
        state.consumers.known.retain(|known| known.name != consumer.name);
        state.consumers.known.push(consumer);
    });
}

/// Gives a consumer a credential, with what belongs to it if there is anything.
///
/// # Panics
/// There is no consumer of this name, or another one has the credential.
pub fn define_credential(consumer: &str, kind: &str, id: &str, secret: Option<&str>) {
    state::with(|state| {
        let consumers = &mut state.consumers;
        let is_known = consumers.known.iter().any(|known| known.name == consumer);
        assert!(is_known, "there is no consumer `{consumer}`");
        let taken = consumers.credentials.iter().any(|other| other.kind == kind && other.id == id);
        assert!(!taken, "two credentials of kind `{kind}` have the same id");
        consumers.credentials.push(Credential {
            kind: kind.to_owned(),
            id: id.to_owned(),
            secret: secret.map(|secret| secret.as_bytes().to_vec()),
            name: consumer.to_owned(),
        });
    });
}

pub(crate) fn by_credential(kind: &str, id: &str) -> Option<Match> {
    phase::not_in_configure("consumers.by-credential");
    let found = state::with(|state| {
        let mut all = state.consumers.credentials.iter();
        all.find(|other| other.kind == kind && other.id == id)
            .map(|credential| (credential.name.clone(), credential.secret.clone()))
    });
    let (name, secret) = found?;
    Some(Match { consumer: by_name(&name)?, secret })
}

pub(crate) fn by_name(name: &str) -> Option<Consumer> {
    phase::not_in_configure("consumers.by-name");
    state::with(|state| state.consumers.known.iter().find(|known| known.name == name).cloned())
}

#[cfg(test)]
mod tests {
    use crate::consumers::{by_credential, by_name};
    use crate::fake::{consumers, reset};

    #[test]
    fn a_consumer_is_found_by_its_name_and_by_its_credentials() {
        reset();
        consumers::define("alice", &["staff", "admin"]);
        consumers::define_credential("alice", "key", "k-1", None);
        consumers::define_credential("alice", "basic", "k-1", Some("s3cret"));
        let found = by_credential("basic", "k-1").expect("a consumer");
        assert_eq!(found.consumer.groups, ["staff", "admin"]);
        assert_eq!(found.secret.as_deref(), Some(b"s3cret".as_slice()));
        assert_eq!(by_credential("key", "k-1").and_then(|found| found.secret), None);
        assert_eq!(by_credential("key", "k-2"), None);
        assert_eq!(by_name("alice"), Some(found.consumer));
        assert_eq!(by_name("bob"), None);
    }
}

//! Known callers, found by what they present.
//!
//! The directory is built whole from a configuration and replaced whole, so a look-up takes no lock.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{Consumer, Secret};

/// All consumers of a configuration.
///
/// The maps are keyed at random: neither can a caller choose ids that share a place, nor does the
/// time of a look-up tell how near an id comes to another one. Two ids are compared only if their
/// keyed hashes agree.
#[derive(Debug, Default)]
pub struct Consumers {
    names: HashMap<Box<str>, Arc<Consumer>>,
    /// By kind, of which there are few, and id.
    credentials: HashMap<Box<str>, HashMap<Id, Holder>>,
}

/// Who has a credential.
#[derive(Debug, Clone)]
pub struct Holder {
    /// Whose it is.
    pub consumer: Arc<Consumer>,
    /// What belongs to it.
    pub secret: Option<Secret>,
}

/// Hidden, as in the configuration.
#[derive(PartialEq, Eq, Hash)]
struct Id(Box<str>);

impl std::borrow::Borrow<str> for Id {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Id(..)")
    }
}

impl Consumers {
    /// The directory of these.
    #[must_use]
    pub fn new(consumers: &[Consumer]) -> Self {
        let mut directory = Self::default();
        for consumer in consumers {
            let shared = Arc::new(consumer.clone());
            for credential in &consumer.credentials {
                let holder =
                    Holder { consumer: Arc::clone(&shared), secret: credential.secret.clone() };
                let id = Id(credential.id.expose().into());
                let of_kind = directory.credentials.entry(credential.kind.as_str().into());
                of_kind.or_default().insert(id, holder);
            }
            directory.names.insert(consumer.name.as_str().into(), shared);
        }
        directory
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Who has the credential of this kind and id.
    #[must_use]
    pub fn by_credential(&self, kind: &str, id: &str) -> Option<&Holder> {
        self.credentials.get(kind)?.get(id)
    }

    /// The consumer of this name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Arc<Consumer>> {
        self.names.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::Consumers;
    use crate::config::{self, Consumer, Credential, Secret};

    fn credential(kind: &str, id: &str, secret: Option<&str>) -> Credential {
        let secret = secret.map(|secret| Secret::new(secret.to_owned()));
        Credential { kind: kind.to_owned(), id: Secret::new(id.to_owned()), secret }
    }

    fn consumer(name: &str, credentials: Vec<Credential>) -> Consumer {
        let (groups, attributes) = (Vec::new(), Vec::new());
        Consumer { name: name.to_owned(), groups, credentials, attributes }
    }

    #[test]
    fn a_consumer_is_found_by_kind_and_id_together() {
        let consumers = Consumers::new(&[
            consumer("alice", vec![credential("key", "k-1", None)]),
            consumer("bob", vec![credential("basic", "k-1", Some("s3cret"))]),
        ]);
        let found = |kind, id| {
            let holder = consumers.by_credential(kind, id)?;
            let secret = holder.secret.as_ref().map(|secret| secret.expose().to_owned());
            Some((holder.consumer.name.clone(), secret))
        };
        assert_eq!(found("key", "k-1"), Some(("alice".to_owned(), None)));
        assert_eq!(found("basic", "k-1"), Some(("bob".to_owned(), Some("s3cret".to_owned()))));
        assert_eq!(found("key", "k-2"), None);
        assert_eq!(found("token", "k-1"), None);
        assert_eq!(consumers.by_name("bob").map(|bob| bob.credentials.len()), Some(1));
        assert!(consumers.by_name("eve").is_none());
    }

    #[test]
    fn ten_thousand_consumers_of_a_file_are_found_by_their_keys() {
        let mut text = String::from("[[listeners]]\naddress = \"127.0.0.1:8080\"\n");
        for number in 0..10_000 {
            let key = format!("credentials = [{{ kind = \"key\", id = \"key-{number}\" }}]");
            text.push_str(&format!(
                "[consumers.c{number}]\ngroups = [\"g{}\"]\n{key}\n",
                number % 10
            ));
        }
        let config = config::load_text("gateway.toml", &text, &|_| None).expect("valid").config;
        let consumers = Consumers::new(&config.consumers);
        assert_eq!(consumers.len(), 10_000);
        for number in 0..10_000 {
            let holder = consumers.by_credential("key", &format!("key-{number}"));
            let consumer = &holder.expect("a consumer").consumer;
            assert_eq!(consumer.name, format!("c{number}"));
            assert_eq!(consumer.groups, [format!("g{}", number % 10)]);
        }
        assert!(consumers.by_credential("key", "key-10000").is_none());
    }

    #[test]
    fn what_a_caller_presents_is_not_shown() {
        let consumers =
            Consumers::new(&[consumer("alice", vec![credential("key", "hunter2", Some("pw"))])]);
        let shown = format!("{consumers:?}");
        assert!(shown.contains("alice") && !shown.contains("hunter2") && !shown.contains("pw"));
    }
}

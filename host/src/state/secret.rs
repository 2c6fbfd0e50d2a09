//! Secrets by name, and how they are kept out of what a guest says.

use std::borrow::Cow;
use std::collections::BTreeMap;

use memchr::memmem;

use crate::config::{NamedSecret, Secret};

/// Shorter values are left where they are: they would be found everywhere.
const REDACTED_BYTES_MIN: usize = 4;

/// What stands in place of a value.
const REDACTED: &[u8] = b"[redacted]";

/// Earlier values of a secret that are still redacted: an instance that is used again may remember
/// what it was given before a change.
const FORMER_MAX: usize = 3;

/// All secrets of a configuration.
#[derive(Debug, Default)]
pub struct Secrets(BTreeMap<Box<str>, Stored>);

#[derive(Debug)]
struct Stored {
    value: Secret<Vec<u8>>,
    /// The latest first; at most [`FORMER_MAX`].
    former: Vec<Secret<Vec<u8>>>,
}

/// Whether a text was cut at its end, perhaps within a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is whole.
    Whole,
    /// It may have gone on.
    Cut,
}

impl Secrets {
    /// These, which take the place of `previous`.
    #[must_use]
    pub fn new(secrets: &[NamedSecret], previous: &Self) -> Self {
        let stored = secrets.iter().map(|secret| {
            let former = match previous.0.get(secret.name.as_str()) {
                Some(known) if known.value == secret.value => known.former.clone(),
                Some(known) => {
                    let earlier = std::iter::once(&known.value).chain(&known.former);
                    earlier.take(FORMER_MAX).cloned().collect()
                }
                None => Vec::new(),
            };
            (secret.name.as_str().into(), Stored { value: secret.value.clone(), former })
        });
        Self(stored.collect())
    }

    /// The secret of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(|stored| stored.value.expose())
    }

    /// The text without the values of the secrets of these names.
    #[must_use]
    pub fn redact<'t>(&self, names: &[String], text: &'t [u8], ending: Ending) -> Cow<'t, [u8]> {
        let stored = names.iter().filter_map(|name| self.0.get(name.as_str()));
        let values = stored.flat_map(|stored| std::iter::once(&stored.value).chain(&stored.former));
        let mut values: Vec<&[u8]> = values
            .map(Secret::<Vec<u8>>::expose)
            .filter(|v| v.len() >= REDACTED_BYTES_MIN)
            .collect();
        // One may be the beginning of another.
        values.sort_unstable_by_key(|value| std::cmp::Reverse(value.len()));
        let mut text = Cow::Borrowed(text);
        for value in &values {
            if let Some(without) = replace(&text, value) {
                text = Cow::Owned(without);
            }
        }
        if ending == Ending::Cut {
            let beginnings = values.iter().filter_map(|value| beginning_at_end(&text, value));
            if let Some(begun) = beginnings.max() {
                let kept = text.len() - begun;
                let text = text.to_mut();
                text.truncate(kept);
                text.extend_from_slice(REDACTED);
            }
        }
        text
    }
}

/// The text with each `value` replaced, if there is one.
fn replace(text: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    let finder = memmem::Finder::new(value);
    let mut without: Option<Vec<u8>> = None;
    let mut end = 0;
    for at in finder.find_iter(text) {
        let without = without.get_or_insert_default();
        without.extend_from_slice(text.get(end..at).unwrap_or_default());
        without.extend_from_slice(REDACTED);
        end = at + value.len();
    }
    let mut without = without?;
    without.extend_from_slice(text.get(end..).unwrap_or_default());
    Some(without)
}

/// With how many bytes of the beginning of `value` the text ends; fewer than the least to redact
/// are left.
fn beginning_at_end(text: &[u8], value: &[u8]) -> Option<usize> {
    let longest = (value.len() - 1).min(text.len());
    (REDACTED_BYTES_MIN..=longest)
        .rev()
        .find(|length| value.get(..*length).is_some_and(|beginning| text.ends_with(beginning)))
}

#[cfg(test)]
mod tests {
    use super::{Ending, NamedSecret, Secret, Secrets};

    fn named(name: &str, value: &str) -> NamedSecret {
        NamedSecret { name: name.to_owned(), value: Secret::new(value.into()) }
    }

    fn redacted(secrets: &Secrets, text: &str, ending: Ending) -> String {
        let names = ["a".to_owned(), "b".to_owned()];
        String::from_utf8(secrets.redact(&names, text.as_bytes(), ending).into_owned()).unwrap()
    }

    #[test]
    fn values_of_granted_secrets_are_replaced_wherever_they_stand() {
        let secrets = [named("a", "hunter"), named("b", "hunter2"), named("c", "other")];
        let secrets = Secrets::new(&secrets, &Secrets::default());
        let shown = redacted(&secrets, "hunter2, hunter and hunter other", Ending::Whole);
        assert_eq!(shown, "[redacted], [redacted] and [redacted] other");
    }

    #[test]
    fn a_short_value_is_left() {
        let secrets = Secrets::new(&[named("a", "abc")], &Secrets::default());
        assert_eq!(redacted(&secrets, "abcabc", Ending::Whole), "abcabc");
    }

    #[test]
    fn a_value_that_was_cut_is_replaced_as_well() {
        let secrets = Secrets::new(&[named("a", "hunter2")], &Secrets::default());
        assert_eq!(redacted(&secrets, "it is hunter", Ending::Cut), "it is [redacted]");
        assert_eq!(redacted(&secrets, "it is hunter", Ending::Whole), "it is hunter");
        assert_eq!(redacted(&secrets, "it is hun", Ending::Cut), "it is hun");
    }

    #[test]
    fn former_values_are_redacted_but_not_given() {
        let mut secrets = Secrets::default();
        for value in ["first", "second", "third", "fourth", "fourth", "fifth"] {
            secrets = Secrets::new(&[named("a", value)], &secrets);
        }
        assert_eq!(secrets.get("a"), Some(b"fifth".as_slice()));
        assert_eq!(secrets.get("b"), None);
        let shown = redacted(&secrets, "first second third fourth fifth", Ending::Whole);
        assert_eq!(shown, "first [redacted] [redacted] [redacted] [redacted]");
    }
}

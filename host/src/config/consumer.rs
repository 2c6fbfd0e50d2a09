//! The tables `[consumers.<name>]`.

use std::collections::HashMap;

use super::check::Check;
use super::names::{self, Unique};
use super::value::{Entry, Value, each};
use super::{Consumer, Credential, Location, Secret, grants};

/// In bytes; a token that is longer is no identifier but a document.
const ID_BYTES_MAX: usize = 1024;

/// Places of all credentials, by kind and id.
///
/// In a map with a random key, so that it stays one look-up each however the ids are chosen.
type Places = HashMap<(String, String), Location>;

pub(super) fn read(entries: &[Entry<'_>], check: &Check<'_>) -> Option<Vec<Consumer>> {
    let mut places = Places::new();
    each(entries, |entry| consumer(entry, check, &mut places))
}

fn consumer(entry: &Entry<'_>, check: &Check<'_>, places: &mut Places) -> Option<Consumer> {
    let mut table = entry.value.table()?;
    let groups = table.or("groups", Vec::new(), |value| groups(value, check));
    let credentials = table.or("credentials", Vec::new(), |value| {
        let mut items = value.items()?;
        items.iter_mut().for_each(|item| "credentials".clone_into(&mut item.name));
        each(&items, |item| credential(item, places))
    });
    let attributes = table.or("attributes", Vec::new(), attributes);
    table.end();
    Some(Consumer {
        name: entry.key.to_owned(),
        groups: groups?,
        credentials: credentials?,
        attributes: attributes?,
    })
}

fn groups(value: &Value<'_>, check: &Check<'_>) -> Option<Vec<String>> {
    let mut unique = Unique::new("group");
    each(&value.items()?, |item| {
        let name = names::read(item, "a group")?;
        unique.add(check, item.at(), &name).then_some(name)
    })
}

fn credential(value: &Value<'_>, places: &mut Places) -> Option<Credential> {
    let mut table = value.table()?;
    let kind = table.need("kind", "\"key\"").and_then(|value| grants::kind(&value));
    let id_at = table.need("id", "\"${ALICES_KEY}\"");
    let id = id_at.as_ref().and_then(id);
    let secret = table.or("secret", None, |value| {
        value.text().map(|text| Some(Secret::new(text.value.into_owned())))
    });
    table.end();
    let (kind, id, id_at) = (kind?, id?, id_at?);
    let first = places.insert((kind.clone(), id.clone()), id_at.at().clone());
    if let Some(first) = first {
        // The id is not quoted: of a key it is all that opens.
        let finding = id_at.finding(format!("two credentials of kind `{kind}` have the same id"));
        let hint = format!("the first is at {}", value.check.sources.line_of(&first));
        return id_at.refuse(finding.hint(hint).hidden());
    }
    Some(Credential { kind, id: Secret::new(id), secret: secret? })
}

fn id(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    if (1..=ID_BYTES_MAX).contains(&text.value.len()) {
        return Some(text.value.into_owned());
    }
    value.refuse(value.finding(format!("`id` must have from 1 to {ID_BYTES_MAX} bytes")))
}

fn attributes(value: &Value<'_>) -> Option<Vec<(String, String)>> {
    let mut attributes = each(&value.entries()?, |entry| {
        if !names::is_name(entry.key) {
            names::refuse_key(value.check, entry, "an attribute");
            return None;
        }
        Some((entry.key.to_owned(), entry.value.text()?.value.into_owned()))
    })?;
    attributes.sort_unstable();
    Some(attributes)
}

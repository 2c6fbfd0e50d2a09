//! Names that the user gives, and references to them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::Location;
use super::check::Check;
use super::suggest;
use super::tree::Kind;
use super::value::{Entry, Value, quoted};

/// In bytes. A label on every metric and a field of every log line.
const NAME_BYTES_MAX: usize = 64;

/// Whether a text can be a name: `[a-z0-9][a-z0-9-_.]*`.
pub(super) fn is_name(text: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= NAME_BYTES_MAX
        && text.bytes().next().is_some_and(first)
        && text.bytes().all(|byte| first(byte) || matches!(byte, b'-' | b'_' | b'.'))
}

/// The name that the value holds; `what` is what is called so, such as "a route".
pub(super) fn read(value: &Value<'_>, what: &str) -> Option<String> {
    let text = value.text()?;
    if is_name(&text.value) {
        return Some(text.value.into_owned());
    }
    refuse(value.check, value.at(), &text.quoted(), what);
    None
}

/// Refuses a key that the user chose; `what` as in [`read`].
pub(super) fn refuse_key(check: &Check<'_>, entry: &Entry<'_>, what: &str) {
    refuse(check, entry.key_at, &quoted(entry.key), what);
}

fn refuse(check: &Check<'_>, at: &Location, quoted: &str, what: &str) {
    let finding = check.sources.finding(at, format!("{quoted} cannot be the name of {what}"));
    check.refuse(finding.hint(format!(
        "a name has at most {NAME_BYTES_MAX} of `a-z`, `0-9`, `-`, `_` and `.`, beginning with a \
         letter or digit"
    )));
}

/// The places of names that must differ.
pub(super) struct Unique {
    kind: &'static str,
    first: BTreeMap<String, Location>,
}

impl Unique {
    /// `kind` is singular, such as `route`.
    pub(super) const fn new(kind: &'static str) -> Self {
        Self { kind, first: BTreeMap::new() }
    }

    /// Whether it is the first of this name; reports it if not.
    pub(super) fn add(&mut self, check: &Check<'_>, at: &Location, name: &str) -> bool {
        let Some(first) = self.first.get(name) else {
            self.first.insert(name.to_owned(), at.clone());
            return true;
        };
        let message = format!("two {}s are called {}", self.kind, quoted(name));
        let finding = check.sources.finding(at, message).label("the second");
        let hint = format!("the first is at {}", check.sources.line_of(first));
        check.refuse(finding.hint(hint));
        false
    }
}

/// The tables below `[<kind>s.…]`.
fn named<'a>(table: &Value<'a>, kind: &str) -> Option<Vec<Entry<'a>>> {
    match table.node.kind {
        Kind::Table(_) => table.entries(),
        _ => {
            let finding = table.wrong_type("a table of tables");
            table.refuse(finding.hint(format!("write `[{kind}s.<name>]`")))
        }
    }
}

/// The tables of one kind, such as `upstreams`, over all files.
pub(super) struct Names<'a> {
    /// Such as `upstream`.
    kind: &'static str,
    /// In the order of files and places, which is that of the ids.
    pub(super) entries: Vec<Entry<'a>>,
    /// Places among the entries: ten thousand routes look up as many upstreams.
    by_name: BTreeMap<&'a str, usize>,
    used: RefCell<BTreeSet<usize>>,
}

impl<'a> Names<'a> {
    /// Collects the tables of all files.
    pub(super) fn collect(
        check: &Check<'_>,
        kind: &'static str,
        tables: impl IntoIterator<Item = Value<'a>>,
    ) -> Self {
        let mut unique = Unique::new(kind);
        let mut entries = Vec::new();
        for entry in tables.into_iter().filter_map(|table| named(&table, kind)).flatten() {
            if !is_name(entry.key) {
                let article = if kind.starts_with(['o', 'u']) { "an" } else { "a" };
                refuse(check, entry.key_at, &quoted(entry.key), &format!("{article} {kind}"));
            }
            if unique.add(check, entry.key_at, entry.key) {
                entries.push(entry);
            }
        }
        let by_name = entries.iter().enumerate().map(|(index, entry)| (entry.key, index)).collect();
        Self { kind, entries, by_name, used: RefCell::default() }
    }

    /// The index of the table that `reference` names. `sentence` is how the finding begins, such
    /// as "route `a` sends to".
    pub(super) fn find(&self, reference: &Value<'_>, sentence: &str) -> Option<usize> {
        let text = reference.text()?;
        if let Some(index) = self.by_name.get(&*text.value).copied() {
            self.used.borrow_mut().insert(index);
            return Some(index);
        }
        if !reference.check.complete {
            return None;
        }
        let kind = self.kind;
        let message = format!("{sentence} {kind} {}, which is not defined", text.quoted());
        let names = self.entries.iter().map(|entry| entry.key);
        let hint = suggest::hint(&text.value, names, "defined are").unwrap_or_else(|| {
            format!("define it with `[{kind}s.{}]`", text.literal().unwrap_or("<name>"))
        });
        let finding = reference.finding(message).label(format!("no {kind} has this name"));
        reference.refuse(finding.hint(hint))
    }

    /// Warns of the tables that nothing refers to.
    pub(super) fn warn_of_unused(&self, check: &Check<'_>) {
        let used = self.used.borrow();
        for (index, entry) in self.entries.iter().enumerate() {
            if !used.contains(&index) {
                let message = format!("{} `{}` is not used", self.kind, entry.key);
                let label = match self.kind {
                    "secret" => "no plugin is granted it",
                    _ => "no route refers to it",
                };
                let finding = check.sources.finding(entry.key_at, message).label(label);
                // Whether it has a timer is known when its component is loaded.
                let hint = "one that only has a timer needs no route";
                check.warn(if self.kind == "plugin" { finding.hint(hint) } else { finding });
            }
        }
    }
}

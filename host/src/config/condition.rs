//! The tables `when` and `unless`: for which exchanges a plugin runs.

use super::table::Table;
use super::tree::Kind;
use super::value::{Value, each};
use super::{Clause, Condition, gateway, matcher};

/// Reads both of a table that may have them.
pub(super) fn clauses(table: &mut Table<'_>) -> Option<Vec<Clause>> {
    let when = table.or("when", None, |value| read(value).map(Clause::When).map(Some));
    let unless = table.or("unless", None, |value| read(value).map(Clause::Unless).map(Some));
    Some(when?.into_iter().chain(unless?).collect())
}

fn read(value: &Value<'_>) -> Option<Condition> {
    let mut table = value.table()?;
    if matches!(&value.node.kind, Kind::Table(members) if members.is_empty()) {
        let finding = table.finding(format!("`{}` has no condition", value.name));
        return table.refuse(finding.hint("leave it out, or write such as `methods = [\"POST\"]`"));
    }
    // Canonical paths of routes that allow encoded slashes have them.
    let matcher = matcher::conditions(&mut table, true);
    let clients =
        table.or("client", Vec::new(), |value| each(&value.one_or_more()?, gateway::network));
    let groups = table.or("groups", Vec::new(), texts);
    let consumers = table.or("consumer", Vec::new(), texts);
    table.end();
    Some(Condition { matcher: matcher?, clients: clients?, groups: groups?, consumers: consumers? })
}

fn texts(value: &Value<'_>) -> Option<Vec<String>> {
    each(&value.one_or_more()?, |item| {
        let text = item.text()?.value;
        if text.trim().is_empty() || text.trim() != text {
            let finding = item.finding(format!("`{}` is empty or has spaces around it", item.name));
            return item.refuse(finding.label("it would never be met"));
        }
        Some(text.into_owned())
    })
}

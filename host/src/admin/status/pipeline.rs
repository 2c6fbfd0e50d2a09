//! Pipelines, and for which exchanges plugins run.

use serde_json::{Value, json};

use super::matching;
use crate::config::{Clause, Condition, Selection};
use crate::plugin::{Canary, Pipeline};

/// In the order of the request phase.
pub(super) fn of(pipeline: &Pipeline) -> Vec<Value> {
    let shown = pipeline.entries().iter().map(|entry| {
        json!({
            "plugin": entry.plugin().name(),
            "from": entry.owner().as_str(),
            "conditions": entry.clauses().iter().map(clause).collect::<Vec<_>>(),
            "shadow": entry.is_shadow(),
            "canary": entry.canary().map(canary),
        })
    });
    shown.collect()
}

fn canary(canary: &Canary) -> Value {
    let Selection { share, by, force_header } = canary.selection();
    json!({
        "percent": f64::from(share.0) / 100.0,
        "by": by.to_string(),
        "force_header": force_header.as_ref().map(http::HeaderName::as_str),
        "shadow": canary.is_shadow(),
    })
}

fn clause(clause: &Clause) -> Value {
    match clause {
        Clause::When(when) => json!({ "when": condition(when) }),
        Clause::Unless(unless) => json!({ "unless": condition(unless) }),
    }
}

fn condition(condition: &Condition) -> Value {
    let Condition { matcher, clients, groups, consumers } = condition;
    let mut shown = matching(matcher);
    if let Value::Object(members) = &mut shown {
        let clients: Vec<String> = clients.iter().map(ToString::to_string).collect();
        members.insert("client".to_owned(), json!(clients));
        members.insert("groups".to_owned(), json!(groups));
        members.insert("consumer".to_owned(), json!(consumers));
    }
    shown
}

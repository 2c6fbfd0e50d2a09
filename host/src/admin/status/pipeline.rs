//! Pipelines, and for which exchanges plugins run.

use serde_json::{Value, json};

use super::matching;
use crate::config::{Clause, Condition};
use crate::plugin::Pipeline;

/// In the order of the request phase.
pub(super) fn of(pipeline: &Pipeline) -> Vec<Value> {
    let shown = pipeline.entries().iter().map(|entry| {
        json!({
            "plugin": entry.plugin().name(),
            "from": entry.owner().as_str(),
            "conditions": entry.clauses().iter().map(clause).collect::<Vec<_>>(),
        })
    });
    shown.collect()
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

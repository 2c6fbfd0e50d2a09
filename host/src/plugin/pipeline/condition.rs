//! Whether the conditions of a plugin hold for an exchange, as it is at the plugin's turn.

use crate::config::{Clause, Condition};
use crate::facts::{Attribute, Exchange};
use crate::route::{self, Head};

/// The attribute with the caller's name.
const CONSUMER: &str = "consumer";
/// The attribute with the names of the caller's groups, separated by commas.
const GROUPS: &str = "consumer.groups";

/// Whether all clauses hold. Does not allocate, but for a regex condition on a query value with
/// escapes in it.
pub(super) fn all_hold(clauses: &[Clause], exchange: &Exchange) -> bool {
    clauses.iter().all(|clause| match clause {
        Clause::When(condition) => holds(condition, exchange),
        Clause::Unless(condition) => !holds(condition, exchange),
    })
}

fn holds(condition: &Condition, exchange: &Exchange) -> bool {
    let Condition { matcher, clients, groups, consumers } = condition;
    let request = &exchange.request;
    let head = Head {
        host: &request.host,
        path: request.path(),
        method: &request.method,
        headers: &request.headers,
        query: request.query(),
        client: Some(exchange.client.address),
        server_name: exchange.client.tls.as_ref().and_then(|tls| tls.server_name.as_deref()),
    };
    let client = exchange.client.address.to_canonical();
    (clients.is_empty() || clients.iter().any(|network| network.contains(&client)))
        && (consumers.is_empty()
            || text(exchange, CONSUMER).is_some_and(|name| consumers.iter().any(|c| c == name)))
        && (groups.is_empty() || text(exchange, GROUPS).is_some_and(|held| is_in(groups, held)))
        && route::condition::holds(matcher, &head)
}

/// Whether one of the groups is in a list with commas.
fn is_in(groups: &[String], held: &str) -> bool {
    held.split(',').any(|group| groups.iter().any(|wanted| wanted == group.trim()))
}

/// None if it is of another type: names are texts.
fn text<'e>(exchange: &'e Exchange, name: &str) -> Option<&'e str> {
    match exchange.attribute(name) {
        Some(Attribute::Text(text)) => Some(text),
        Some(Attribute::Integer(_) | Attribute::Decimal(_) | Attribute::Boolean(_)) | None => None,
    }
}

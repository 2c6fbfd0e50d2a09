//! The key `upgrade` of a route.

use std::time::Duration;

use super::limits::WAIT_RANGE;
use super::tree::Kind;
use super::value::{Value, each};
use super::{Destination, Upgrade};

/// What browsers speak, and what other gateways let through unasked.
const PROTOCOL: &str = "websocket";

/// Both ends of a WebSocket send pings every 20 to 60 s; whoever misses five of them is gone.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// What a route allows that says nothing.
pub(super) fn default() -> Upgrade {
    Upgrade { protocols: vec![PROTOCOL.to_owned()], idle_timeout: IDLE_TIMEOUT }
}

/// `destination` is where the route ends, if that is known.
pub(super) fn read(value: &Value<'_>, destination: Option<&Destination>) -> Option<Upgrade> {
    if let Kind::Boolean(false) = value.node.kind {
        return Some(Upgrade { protocols: Vec::new(), idle_timeout: IDLE_TIMEOUT });
    }
    if !matches!(value.node.kind, Kind::Table(_)) {
        return value.wrong("a table or `false`");
    }
    let mut table = value.table()?;
    let protocols = table
        .or("protocols", vec![PROTOCOL.to_owned()], |value| each(&value.some_items()?, protocol));
    let idle_timeout = table.or("idle_timeout", IDLE_TIMEOUT, |value| value.duration(&WAIT_RANGE));
    table.end();
    if !matches!(destination, None | Some(Destination::Upstream(_))) {
        let finding = value.finding("`upgrade` works only with `upstream`");
        return value.refuse(finding.label("nothing is forwarded here"));
    }
    Some(Upgrade { protocols: protocols?, idle_timeout: idle_timeout? })
}

/// A token, or two with a slash between them (RFC 9110 section 7.8), in lower case.
fn protocol(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let name = text.value.to_ascii_lowercase();
    if matches!(name.split('/').next(), Some("h2c" | "h2" | "http" | "tls")) {
        let message = format!("{} cannot be upgraded to", text.quoted());
        let finding = value.finding(message).label("its requests would pass by the routes");
        return value.refuse(finding.hint("HTTP/2 is spoken by prior knowledge and by ALPN"));
    }
    let token = |part: &str| {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        !part.is_empty() && part.bytes().all(is_token)
    };
    if name.len() <= 64 && name.split('/').count() <= 2 && name.split('/').all(token) {
        return Some(name);
    }
    let finding = value.finding(format!("{} is not a protocol", text.quoted()));
    value.refuse(finding.hint("write a name such as `websocket`"))
}

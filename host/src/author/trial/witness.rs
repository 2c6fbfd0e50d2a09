//! What is seen of an exchange from outside: its end, and what is logged meanwhile.

use std::fmt;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::Registry;

use super::{Fault, lock};
use crate::config::fixture::Scalar;
use crate::exchange::Observer;
use crate::facts::{Attribute, Exchange, Source};

/// What guests log has this target.
const GUEST: &str = "tidegate::guest";

/// Sees one exchange at a time.
#[derive(Default)]
pub(super) struct Witness(Arc<Mutex<Seen>>);

/// What was seen of one exchange.
#[derive(Default)]
pub(super) struct Seen {
    /// What the exchange begins with.
    given: Vec<(String, Scalar)>,
    pub(super) source: Option<Source>,
    pub(super) attributes: Vec<(Box<str>, Scalar)>,
    pub(super) logs: Vec<String>,
    pub(super) faults: Vec<Fault>,
}

impl Witness {
    /// Forgets what was seen; the next exchange has these attributes.
    pub(super) fn begin(&self, given: &[(String, Scalar)]) {
        *lock(&self.0) = Seen { given: given.to_vec(), ..Seen::default() };
    }

    /// What was seen since.
    pub(super) fn take(&self) -> Seen {
        std::mem::take(&mut *lock(&self.0))
    }

    /// Runs something and hears what it logs on this thread.
    pub(super) fn listen<T>(&self, run: impl FnOnce() -> T) -> T {
        let ear = Ear(Arc::clone(&self.0));
        tracing::subscriber::with_default(Registry::default().with(ear), run)
    }
}

impl Observer for Witness {
    fn begins(&self, exchange: &mut Exchange) {
        for (name, value) in &lock(&self.0).given {
            let value = match value {
                Scalar::Text(text) => Attribute::Text(text.clone()),
                Scalar::Integer(integer) => Attribute::Integer(*integer),
                Scalar::Decimal(decimal) => Attribute::Decimal(*decimal),
                Scalar::Boolean(boolean) => Attribute::Boolean(*boolean),
            };
            // One that is too long for an exchange is missing then, as it would be in a gateway.
            let _kept: bool = exchange.set_attribute(name, value);
        }
    }

    fn ends(&self, exchange: &Exchange) {
        let mut seen = lock(&self.0);
        seen.source = exchange.response.is_some().then_some(exchange.source);
        seen.attributes =
            exchange.attributes.iter().map(|(name, value)| (name.clone(), scalar(value))).collect();
    }
}

fn scalar(attribute: &Attribute) -> Scalar {
    match attribute {
        Attribute::Text(text) => Scalar::Text(text.clone()),
        Attribute::Integer(integer) => Scalar::Integer(*integer),
        Attribute::Decimal(decimal) => Scalar::Decimal(*decimal),
        Attribute::Boolean(boolean) => Scalar::Boolean(*boolean),
    }
}

/// Hears what is logged.
struct Ear(Arc<Mutex<Seen>>);

impl<S: Subscriber> Layer<S> for Ear {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut heard = Heard::default();
        event.record(&mut heard);
        if event.metadata().target() == GUEST {
            lock(&self.0).logs.push(heard.message);
        } else if !heard.fault.word.is_empty() {
            let mut fault = heard.fault;
            if fault.text.is_empty() {
                fault.text = heard.message;
            }
            lock(&self.0).faults.push(fault);
        }
    }
}

#[derive(Default)]
struct Heard {
    message: String,
    fault: Fault,
    has_place: bool,
}

impl Visit for Heard {
    fn record_str(&mut self, field: &Field, value: &str) {
        let text = &mut self.fault.text;
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            "fault" => value.clone_into(&mut self.fault.word),
            "phase" => value.clone_into(&mut self.fault.phase),
            "cause" => text.push_str(value),
            "place" => {
                self.has_place = true;
                text.push_str(&format!(" at {value}"));
            }
            "limit" => *text = format!("{value} is reached"),
            "printed" if !value.is_empty() => text.push_str(&format!("; it said: {value}")),
            // With a place the functions around it say little; the gateway's log has them.
            "backtrace" if !value.is_empty() && !self.has_place => {
                text.push_str(&format!("; in {value}"));
            }
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

//! `log`: messages for the operator.

use std::borrow::Cow;

use tidegate_macros::host_calls;
use wasmtime::Result;

use crate::plugin::contract::bindings::tidegate::plugin::log::{Host, Level};
use crate::plugin::guest::{Guest, MESSAGES_PER_CALL, Moment};
use crate::state::secret::Ending;
use crate::telemetry::metrics::Interface;

/// Bytes of one message; more is cut.
const MESSAGE_BYTES_MAX: usize = 4096;

#[host_calls(Interface::Log)]
impl Host for Guest {
    fn write(&mut self, level: Level, message: String) -> Result<()> {
        self.messages += 1;
        if self.messages > MESSAGES_PER_CALL {
            self.shared.metrics.log_dropped.inc();
            return Ok(());
        }
        let message = match self.redact(message.as_bytes(), Ending::Whole) {
            Cow::Borrowed(_whole) => message,
            Cow::Owned(redacted) => String::from_utf8_lossy(&redacted).into_owned(),
        };
        self.emit(level, &message);
        if self.moment == Moment::Loading && level == Level::Error {
            self.last_words = Some(message);
        }
        Ok(())
    }
}

impl Guest {
    /// Logs what the guest printed to standard output or error.
    pub(in crate::plugin) fn emit_printed(&mut self) {
        if let Some(printed) = self.take_printed() {
            self.emit(Level::Info, &printed);
        }
    }

    /// Logs with the plugin, the route and the request id as fields.
    pub(in crate::plugin) fn emit(&self, level: Level, message: &str) {
        let message =
            message.get(..message.floor_char_boundary(MESSAGE_BYTES_MAX)).unwrap_or_default();
        let plugin = &*self.shared.label;
        let (route, request_id) = match &self.exchange {
            Some(exchange) => (&*exchange.route, &*exchange.id),
            None => ("-", "-"),
        };
        macro_rules! emit {
            ($level:ident) => {
                tracing::$level!(target: "tidegate::guest", plugin, route, request_id, "{message}")
            };
        }
        match level {
            Level::Trace => emit!(trace),
            Level::Debug => emit!(debug),
            Level::Info => emit!(info),
            Level::Warn => emit!(warn),
            Level::Error => emit!(error),
        }
    }
}

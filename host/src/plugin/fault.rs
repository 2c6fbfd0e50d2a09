//! What goes wrong with a plugin while it serves.

mod backtrace;

use std::fmt;
use std::time::Duration;

use wasmtime::{Trap, WasmBacktrace};

use super::guest::Guest;
use crate::failure::Failure;

/// Why a call of a plugin has no result.
#[derive(Debug)]
pub(super) enum Fault {
    /// The guest was stopped by the engine.
    Trap {
        /// What the engine or the host says.
        cause: String,
        /// The guest's functions, innermost first; empty if there were none.
        backtrace: String,
        /// File and line in the plugin's own code, if it was built with lines.
        place: Option<String>,
        /// What the guest printed before, such as a panic's message.
        printed: Option<String>,
    },
    /// It computed for longer than its budget.
    CpuTime,
    /// It took longer than its budget from start to end.
    WallTime(Duration),
    /// No instance became free in time, or too many exchanges wait already.
    Saturated,
    /// It returned what the contract does not allow.
    Contract(String),
}

/// Raised in a guest whose running time is up.
#[derive(Debug)]
pub(super) struct OutOfTime;

impl fmt::Display for OutOfTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the running time is used up")
    }
}

impl std::error::Error for OutOfTime {}

impl Fault {
    /// Why a call ended with `error`.
    pub(super) fn of_call(error: &wasmtime::Error, guest: &mut Guest) -> Self {
        if error.is::<OutOfTime>() {
            return Self::CpuTime;
        }
        let printed = guest.take_words();
        let trace = error.downcast_ref::<WasmBacktrace>();
        let backtrace = trace.map(backtrace::describe).unwrap_or_default();
        let place = trace.and_then(backtrace::own_place);
        let cause = match error.downcast_ref::<Trap>() {
            _ if guest.take_memory_refused() => {
                format!("memory beyond the budget of {} bytes", guest.shared.memory_bytes)
            }
            Some(trap) => trap.to_string(),
            None => error.root_cause().to_string(),
        };
        Self::Trap { cause, backtrace, place, printed }
    }

    /// The word for it in spans.
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Trap { .. } => "trap",
            Self::CpuTime => "cpu-timeout",
            Self::WallTime(_) => "wall-timeout",
            Self::Saturated => "saturated",
            Self::Contract(_) => "contract",
        }
    }

    /// What the client is told.
    pub(super) const fn failure(&self) -> Failure {
        match self {
            Self::Trap { .. } | Self::Contract(_) => Failure::PluginTrap,
            Self::CpuTime | Self::WallTime(_) => Failure::PluginTimeout,
            Self::Saturated => {
                Failure::Overloaded("too many requests wait for a policy of this route")
            }
        }
    }

    /// The field `fault` of the log.
    pub(super) const fn token(&self) -> &'static str {
        match self {
            Self::Trap { .. } => "trap",
            Self::CpuTime => "cpu",
            Self::WallTime(_) => "wall",
            Self::Saturated => "saturated",
            Self::Contract(_) => "contract",
        }
    }

    /// Tells the operator.
    pub(super) fn report(&self, plugin: &str, route: &str, request_id: &str, phase: &str) {
        let fault = self.token();
        macro_rules! report {
            ($message:literal, $($field:tt)*) => {
                tracing::error!(plugin, route, request_id, phase, fault, $($field)*, $message)
            };
        }
        match self {
            Self::Trap { cause, backtrace, place, printed } => {
                let printed = printed.as_deref().unwrap_or_default();
                let place = place.as_deref();
                report!("plugin trapped", cause, place, backtrace, printed);
            }
            Self::CpuTime => report!("plugin ran for too long", limit = "limits.cpu"),
            Self::WallTime(wall) => report!("plugin took too long", limit = ?wall),
            Self::Saturated => report!("plugin has no free instance", limit = "limits.instances"),
            Self::Contract(why) => report!("plugin broke the contract", cause = why),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trap { cause, backtrace, place, printed } => {
                f.write_str(cause)?;
                if let Some(place) = place {
                    write!(f, " at {place}")?;
                }
                if let Some(printed) = printed {
                    write!(f, "; it said: {printed}")?;
                }
                if !backtrace.is_empty() {
                    write!(f, "; in {backtrace}")?;
                }
                Ok(())
            }
            Self::CpuTime => f.write_str("it ran for too long"),
            Self::WallTime(wall) => write!(f, "it took longer than {wall:?}"),
            Self::Saturated => f.write_str("no instance was free"),
            Self::Contract(why) => f.write_str(why),
        }
    }
}

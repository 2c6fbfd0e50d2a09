//! Which functions work when.

use super::exchange::Exchange;
use super::state;
use crate::answer::Header;

/// What the host is calling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing; the test itself is running.
    Idle,
    Configure,
    Request,
    Response,
    /// A body phase after `NeedBody`.
    RequestHeld,
    ResponseHeld,
    /// A body phase while the body streams.
    RequestStream,
    ResponseStream,
    Log,
    Tick,
    Handler,
}

impl Phase {
    const fn text(self) -> &'static str {
        match self {
            Self::Idle => "outside an exchange",
            Self::Configure => "in `configure`",
            Self::Request => "in the request phase",
            Self::Response => "in the response phase",
            Self::RequestHeld | Self::RequestStream => "in the body phase of requests",
            Self::ResponseHeld | Self::ResponseStream => "in the body phase of responses",
            Self::Log => "in the log phase",
            Self::Tick => "in a tick",
            Self::Handler => "in a handler",
        }
    }
}

/// Ends the phase when it is dropped, also by a panic.
pub(super) struct Entered;

impl Drop for Entered {
    fn drop(&mut self) {
        state::with(|state| state.phase = Phase::Idle);
    }
}

pub(super) fn enter(phase: Phase) -> Entered {
    state::with(|state| state.phase = phase);
    Entered
}

/// The phases of an exchange.
pub(super) const EVERY: &[Phase] = &[
    Phase::Request,
    Phase::RequestHeld,
    Phase::RequestStream,
    Phase::Response,
    Phase::ResponseHeld,
    Phase::ResponseStream,
    Phase::Log,
    Phase::Handler,
];

/// Where the request's head can be changed.
pub(super) const REQUEST_WRITABLE: &[Phase] = &[Phase::Request, Phase::RequestHeld];

/// Gives access to the exchange if `function` works in the current phase.
///
/// # Panics
/// As the host traps: if the function is called outside the phases that the contract names.
#[expect(clippy::panic, reason = "the host traps here")]
pub(super) fn exchange<R>(
    function: &str,
    phases: &[Phase],
    visit: impl FnOnce(&mut Exchange, Phase) -> R,
) -> R {
    let found = state::with(|state| {
        let phase = state.phase;
        match &mut state.exchange {
            Some(exchange) if phases.contains(&phase) => Ok(visit(exchange, phase)),
            Some(_) | None => Err(phase),
        }
    });
    found.unwrap_or_else(|phase| panic!("`{function}` does not work {}", phase.text()))
}

/// The trailers, once the last part of the body is there.
///
/// # Panics
/// As [`exchange`].
pub(super) fn trailers(function: &str, phases: &[Phase]) -> Vec<Header> {
    exchange(function, phases, |exchange, _| {
        if exchange.is_last_part { exchange.trailers.clone() } else { Vec::new() }
    })
}

/// Refuses a capability that `configure` may not use.
///
/// # Panics
/// As the host traps.
pub(super) fn not_in_configure(function: &str) {
    let phase = state::with(|state| state.phase);
    assert!(phase != Phase::Configure, "`{function}` does not work {}", phase.text());
}

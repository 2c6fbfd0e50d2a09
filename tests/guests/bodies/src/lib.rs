//! Asks for bodies in every way and does everything to them that the contract allows.

use std::cell::Cell;

use tidegate_plugin::schemars::{self, JsonSchema};
use tidegate_plugin::serde::Deserialize;
use tidegate_plugin::{
    Answer, BodyAction, ConfigError, Header, OnRequest, OnRequestBody, OnResponse, OnResponseBody,
    Plugin, RequestAction, ResponseAction, exchange, request, response,
};

/// What to ask for, and what to do with it.
#[derive(Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", deny_unknown_fields)]
struct Config {
    /// How requests' bodies are asked for.
    request: Option<Ask>,
    /// How responses' bodies are asked for.
    response: Option<Ask>,
    /// Bytes of a whole body.
    #[serde(default = "plenty")]
    max: u64,
    /// What is done to each part.
    #[serde(default)]
    act: Act,
}

const fn plenty() -> u64 {
    1 << 20
}

/// The actions of the head's phase.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", rename_all = "snake_case")]
enum Ask {
    Need,
    Observe,
    Transform,
}

/// The actions of the body's phase.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", rename_all = "snake_case")]
enum Act {
    #[default]
    Forward,
    /// Letters in upper case.
    Upper,
    Drop,
    /// This part in upper case, and nothing after it.
    End,
    /// An answer at the first part with an `x`.
    Refuse,
    /// A trap at the first part with an `x`.
    Trap,
}

struct Bodies {
    config: Config,
    parts: Cell<u32>,
    bytes: Cell<usize>,
}

impl Plugin for Bodies {
    type Config = Config;

    const SUMMARY: &'static str = "does everything to bodies";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        Ok(Self { config, parts: Cell::new(0), bytes: Cell::new(0) })
    }
}

impl OnRequest for Bodies {
    fn on_request(&self) -> RequestAction {
        match self.config.request {
            None => RequestAction::Forward,
            Some(Ask::Need) => RequestAction::NeedBody(self.config.max),
            Some(Ask::Observe) => RequestAction::ObserveBody,
            Some(Ask::Transform) => RequestAction::TransformBody,
        }
    }
}

impl OnRequestBody for Bodies {
    fn on_request_body(&self, bytes: Vec<u8>, last: bool) -> BodyAction {
        self.see("request", &bytes, last, &request::trailers);
        if let Some(Ask::Need) = self.config.request {
            request::set_header("x-body-bytes", bytes.len().to_string()).expect("a fit header");
        }
        self.act(&bytes)
    }
}

impl OnResponse for Bodies {
    fn on_response(&self) -> ResponseAction {
        if let Some(seen) = exchange::text_attribute("seen.request") {
            response::set_header("x-request-seen", seen).expect("a fit header");
        }
        match self.config.response {
            None => ResponseAction::Forward,
            Some(Ask::Need) => ResponseAction::NeedBody(self.config.max),
            Some(Ask::Observe) => ResponseAction::ObserveBody,
            Some(Ask::Transform) => ResponseAction::TransformBody,
        }
    }
}

impl OnResponseBody for Bodies {
    fn on_response_body(&self, bytes: Vec<u8>, last: bool) -> BodyAction {
        self.see("response", &bytes, last, &response::trailers);
        if let Some(Ask::Need) = self.config.response {
            response::set_header("x-body-bytes", bytes.len().to_string()).expect("a fit header");
        }
        self.act(&bytes)
    }
}

impl Bodies {
    /// Leaves what has come as an attribute: parts, bytes, trailers.
    fn see(&self, side: &str, bytes: &[u8], last: bool, trailers: &dyn Fn() -> Vec<Header>) {
        self.parts.set(self.parts.get() + 1);
        self.bytes.set(self.bytes.get() + bytes.len());
        if last {
            let names: Vec<String> = trailers().into_iter().map(|line| line.name).collect();
            let (parts, bytes) = (self.parts.take(), self.bytes.take());
            let seen = format!("{parts} parts, {bytes} bytes, trailers [{}]", names.join(" "));
            exchange::set_attribute(&format!("seen.{side}"), seen).expect("room");
        }
    }

    #[expect(clippy::panic, reason = "a trap is what is asked for")]
    fn act(&self, bytes: &[u8]) -> BodyAction {
        match self.config.act {
            Act::Upper => BodyAction::Replace(bytes.to_ascii_uppercase()),
            Act::Drop => BodyAction::Replace(Vec::new()),
            Act::End => BodyAction::End(bytes.to_ascii_uppercase()),
            Act::Refuse if bytes.contains(&b'x') => Answer::new(422).text("no x, please\n").into(),
            Act::Trap if bytes.contains(&b'x') => panic!("an x"),
            Act::Forward | Act::Refuse | Act::Trap => BodyAction::Forward,
        }
    }
}

tidegate_plugin::export!(Bodies: OnRequest, OnRequestBody, OnResponse, OnResponseBody);

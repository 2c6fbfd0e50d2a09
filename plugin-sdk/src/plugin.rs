//! What a plugin is.

use std::time::Duration;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{BodyAction, ConfigError, RequestAction, ResponseAction};

pub use crate::bindings::on_handle::exports::tidegate::plugin::handler::Handled;

pub use crate::bindings::on_log::exports::tidegate::plugin::log_phase::Summary;
pub use crate::bindings::plugin::tidegate::plugin::types::Source;

/// A plugin with one configuration.
///
/// The value is made once, and every exchange sees it as `configure` left it: by default each
/// exchange runs in an instance of its own, which starts from the memory that `configure` left
/// behind. What has to last from one exchange to the next belongs into [`counter`](crate::counter)
/// or [`kv`](crate::kv).
pub trait Plugin: Sized + 'static {
    /// The `config` table of `gateway.toml`; [`NoConfig`](crate::NoConfig) if there is nothing to
    /// configure. Derive `Deserialize` and `JsonSchema`, and refuse unknown keys with
    /// `#[serde(deny_unknown_fields)]`.
    type Config: DeserializeOwned + JsonSchema;

    /// One line for people who look for a plugin.
    const SUMMARY: &'static str;

    /// Checks the configuration and makes everything ready, so that the phases have little to do.
    ///
    /// Only [`log`](crate::log), [`clock`](crate::clock), [`crypto`](crate::crypto) and
    /// [`output::names`](crate::output::names) may be called from here.
    ///
    /// # Errors
    /// The first value that cannot be used. Types, unknown and missing keys have been checked by
    /// then.
    fn configure(config: Self::Config) -> Result<Self, ConfigError>;
}

/// Acts on a request before it goes to the upstream.
pub trait OnRequest: Plugin {
    /// Called when the request's head is in and routed, in the order of the pipeline.
    fn on_request(&self) -> RequestAction;
}

/// Reads or changes the bodies of requests.
///
/// Called on the instance whose `on_request` returned [`RequestAction::NeedBody`],
/// [`ObserveBody`](RequestAction::ObserveBody) or [`TransformBody`](RequestAction::TransformBody),
/// so what has to be remembered from one to the other, or from part to part, can be kept in a cell of the plugin.
pub trait OnRequestBody: OnRequest {
    /// Called once with the whole body after `NeedBody`, with each part as it comes otherwise;
    /// `last` is set with the last part, which may be empty.
    fn on_request_body(&self, bytes: Vec<u8>, last: bool) -> BodyAction;
}

/// Acts on a response before it goes to the client.
pub trait OnResponse: Plugin {
    /// Called when there is a response head, in the reverse order of the pipeline, whoever gave
    /// the response.
    fn on_response(&self) -> ResponseAction;
}

/// Reads or changes the bodies of responses.
///
/// Called on the instance whose `on_response` returned [`ResponseAction::NeedBody`],
/// [`ObserveBody`](ResponseAction::ObserveBody) or
/// [`TransformBody`](ResponseAction::TransformBody).
pub trait OnResponseBody: OnResponse {
    /// Called once with the whole body after `NeedBody`, with each part as it comes otherwise;
    /// `last` is set with the last part, which may be empty.
    fn on_response_body(&self, bytes: Vec<u8>, last: bool) -> BodyAction;
}

/// Has work to do without a request, such as fetching keys or flushing a batch.
///
/// It is called on one instance in the whole gateway, which keeps its memory from tick to tick; other
/// instances do not see that memory. Results go into [`kv`](crate::kv). There is no exchange.
pub trait OnTick: Plugin {
    /// How much time is between the starts of two ticks, from 100 ms to a day. Asked once, after
    /// `configure`; the host varies each interval by up to a tenth.
    fn period(&self) -> Duration;

    /// Called as soon as the configuration serves, and then at each interval.
    fn on_tick(&self);
}

/// Looks at an exchange when it is over.
pub trait OnLog: Plugin {
    /// Called once for every exchange of the route, after its last byte.
    fn on_complete(&self, summary: &Summary);
}

/// Answers requests itself: the end of a route, in place of an upstream.
pub trait Handler: Plugin {
    /// Called for each request of a route whose `handler` is this plugin, when its pipeline has let
    /// it pass. [`body`](crate::body) reads the request's body,
    /// [`answer_stream`](crate::answer_stream) sends an answer while it is made.
    fn handle(&self) -> Handled;
}

impl From<crate::Answer> for Handled {
    fn from(answer: crate::Answer) -> Self {
        Self::Respond(answer)
    }
}

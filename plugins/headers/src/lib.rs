//! Edits the headers of requests and responses.
//!
//! Names and values are checked in `configure` and kept as the host takes them, so that a request
//! costs one call of the host for each edit and allocates nothing. Edits of the response are left
//! with the host in the request phase: a response phase would cost a second instance.

mod config;
mod edit;
#[cfg(test)]
mod tests;

use tidegate_plugin::request::HeaderError;
use tidegate_plugin::{Answer, ConfigError, OnRequest, Plugin, RequestAction, log};

pub use config::{Config, Edits, Values};
use edit::Edit;

/// The plugin with its configuration.
pub struct Headers {
    /// In the order in which they are made, as are those of the response.
    request: Vec<Edit>,
    response: Vec<Edit>,
}

tidegate_plugin::export!(Headers: OnRequest);

impl Plugin for Headers {
    type Config = Config;

    const SUMMARY: &'static str = "edits the headers of requests and responses";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        let request = edit::check(config.request).map_err(|error| error.within("/request"))?;
        let response = edit::check(config.response).map_err(|error| error.within("/response"))?;
        if request.is_empty() && response.is_empty() {
            return Err(ConfigError::whole("there is nothing to edit"));
        }
        Ok(Self { request, response })
    }
}

impl OnRequest for Headers {
    fn on_request(&self) -> RequestAction {
        for edit in &self.request {
            if let Err(error) = edit.of_request() {
                // A client that fills the head must not keep a header of its own that way.
                return refuse(431, edit, error, "the request's headers are too large");
            }
        }
        for edit in &self.response {
            if let Err(error) = edit.of_response() {
                return refuse(500, edit, error, "the response's headers cannot be edited");
            }
        }
        RequestAction::Forward
    }
}

/// Answers a request whose headers are not as the operator wants them.
fn refuse(status: u16, edit: &Edit, error: HeaderError, message: &str) -> RequestAction {
    log::warn(format!("the header {} cannot be edited: {}", edit.name(), error.name()));
    Answer::json(status, &tidegate_plugin::serde_json::json!({ "message": message })).into()
}

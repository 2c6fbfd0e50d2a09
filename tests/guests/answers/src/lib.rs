//! Answers one path in place of the upstream, and signs whatever response comes by.

use tidegate_plugin::schemars::{self, JsonSchema};
use tidegate_plugin::serde::Deserialize;
use tidegate_plugin::{
    Answer, ConfigError, OnRequest, OnResponse, Plugin, RequestAction, ResponseAction, log,
    request, response,
};

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", deny_unknown_fields)]
struct Config {
    /// The path that is answered.
    path: String,
    /// The answer's status.
    #[serde(default = "default_status")]
    status: u16,
}

const fn default_status() -> u16 {
    403
}

struct Answers {
    path: String,
    status: u16,
}

impl Plugin for Answers {
    type Config = Config;

    const SUMMARY: &'static str = "answers one path";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        Ok(Self { path: config.path, status: config.status })
    }
}

impl OnRequest for Answers {
    fn on_request(&self) -> RequestAction {
        if request::path() != self.path {
            return RequestAction::Forward;
        }
        Answer::new(self.status).header("x-answered-by", "answers").text("answered\n").into()
    }
}

impl OnResponse for Answers {
    fn on_response(&self) -> ResponseAction {
        let trace = match response::header("x-trace") {
            Some(before) => format!("{before},answers"),
            None => "answers".to_owned(),
        };
        if let Err(error) = response::set_header("x-trace", trace) {
            log::error(error.name());
        }
        ResponseAction::Forward
    }
}

tidegate_plugin::export!(Answers: OnRequest, OnResponse);

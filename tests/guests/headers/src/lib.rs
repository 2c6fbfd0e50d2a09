//! Reads one header and writes two: what a usual policy does to a request.

use tidegate_plugin::{ConfigError, NoConfig, OnRequest, Plugin, RequestAction, request};

struct Headers;

impl Plugin for Headers {
    type Config = NoConfig;

    const SUMMARY: &'static str = "reads one header and writes two";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl OnRequest for Headers {
    fn on_request(&self) -> RequestAction {
        let agents = request::header_values("user-agent");
        let known = if agents.is_empty() { "no" } else { "yes" };
        let written = request::set_header("x-agent-known", known)
            .and_then(|()| request::append_header("x-policy", "headers"));
        match written {
            Ok(()) => RequestAction::Forward,
            Err(error) => tidegate_plugin::Answer::new(500).text(error.name()).into(),
        }
    }
}

tidegate_plugin::export!(Headers: OnRequest);

//! Copies header values that need not be UTF-8, in both directions.

use tidegate_plugin::{
    ConfigError, NoConfig, OnRequest, OnResponse, Plugin, RequestAction, ResponseAction, log,
    request, response,
};

struct Bytes;

impl Plugin for Bytes {
    type Config = NoConfig;

    const SUMMARY: &'static str = "copies `x-bytes` to `x-copied`";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl OnRequest for Bytes {
    fn on_request(&self) -> RequestAction {
        for value in request::header_values("x-bytes") {
            note(request::append_header("x-copied", value));
        }
        RequestAction::Forward
    }
}

impl OnResponse for Bytes {
    fn on_response(&self) -> ResponseAction {
        for value in response::header_values("x-bytes") {
            note(response::append_header("x-copied", value));
        }
        ResponseAction::Forward
    }
}

fn note(written: Result<(), response::HeaderError>) {
    if let Err(error) = written {
        log::error(error.name());
    }
}

tidegate_plugin::export!(Bytes: OnRequest, OnResponse);

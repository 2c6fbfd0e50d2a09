//! Adds a header to every request and blocks some paths.

use tidegate_plugin::schemars::{self, JsonSchema};
use tidegate_plugin::serde::Deserialize;
use tidegate_plugin::{Answer, ConfigError, OnRequest, Plugin, RequestAction, log, request};

/// The `config` table of `gateway.toml`.
#[derive(Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", deny_unknown_fields)]
struct Config {
    /// Name of the header.
    #[serde(default = "default_header")]
    header: String,
    /// Value of the header.
    value: String,
    /// Paths that are answered with 403, each with all that lies below it.
    #[serde(default)]
    block: Vec<String>,
}

fn default_header() -> String {
    "x-hello".to_owned()
}

/// The configuration, checked.
struct Hello {
    header: String,
    value: String,
    /// Without a slash at the end.
    block: Vec<String>,
}

impl Plugin for Hello {
    type Config = Config;

    const SUMMARY: &'static str = "adds a header to every request and blocks some paths";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        let Config { header, value, block } = config;
        if header.is_empty() {
            return Err(ConfigError::at("/header", "the header needs a name"));
        }
        if let Some(index) = block.iter().position(|path| !path.starts_with('/')) {
            return Err(ConfigError::at(format!("/block/{index}"), "a path begins with `/`"));
        }
        let block = block.iter().map(|path| path.trim_end_matches('/').to_owned()).collect();
        Ok(Self { header, value, block })
    }
}

impl OnRequest for Hello {
    fn on_request(&self) -> RequestAction {
        let path = request::path();
        if self.block.iter().any(|blocked| lies_below(&path, blocked)) {
            return Answer::new(403).text("this path is blocked\n").into();
        }
        if let Err(error) = request::set_header(&self.header, &self.value) {
            log::error(format!("header `{}` was refused: {}", self.header, error.name()));
        }
        RequestAction::Forward
    }
}

/// Whether `path` is `parent` or one of its children: `/admin/users` is below `/admin`, but
/// `/administrator` is not.
fn lies_below(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

tidegate_plugin::export!(Hello: OnRequest);

#[cfg(test)]
mod tests {
    use tidegate_plugin::fake;
    use tidegate_plugin::log::Level;

    use super::*;

    fn hello(config: &str) -> Hello {
        fake::configure(config).unwrap()
    }

    fn refusal(config: &str) -> String {
        fake::configure::<Hello>(config).err().unwrap().to_string()
    }

    #[test]
    fn every_request_gets_the_header() {
        let plugin = hello(r#"{"value": "world"}"#);
        let outcome = fake::run_request(&plugin, fake::Exchange::get("/orders?page=2"));
        assert_eq!(outcome.action, RequestAction::Forward);
        assert_eq!(outcome.request_header("x-hello").as_deref(), Some("world"));
    }

    #[test]
    fn what_the_client_sent_under_that_name_is_replaced() {
        let plugin = hello(r#"{"header": "X-Team", "value": "blue"}"#);
        let exchange = fake::Exchange::get("/").header("x-team", "red").header("x-team", "green");
        let outcome = fake::run_request(&plugin, exchange);
        assert_eq!(outcome.request_header_values("x-team"), [b"blue"]);
    }

    #[test]
    fn a_blocked_path_and_all_below_it_are_answered_with_403() {
        let plugin = hello(r#"{"value": "world", "block": ["/admin/"]}"#);
        let status = |path| {
            let outcome = fake::run_request(&plugin, fake::Exchange::get(path));
            outcome.answer().map(|answer| answer.status)
        };
        assert_eq!(status("/admin"), Some(403));
        assert_eq!(status("/admin/users"), Some(403));
        assert_eq!(status("/administrator"), None);
        assert_eq!(status("/"), None);
    }

    #[test]
    fn a_header_that_belongs_to_the_gateway_is_left_alone_and_logged() {
        let plugin = hello(r#"{"header": "host", "value": "evil.test"}"#);
        let outcome = fake::run_request(&plugin, fake::Exchange::get("/"));
        assert_eq!(outcome.action, RequestAction::Forward);
        assert_eq!(outcome.logged(Level::Error), ["header `host` was refused: forbidden"]);
    }

    #[test]
    fn a_mistake_in_the_configuration_is_shown_where_it_is() {
        assert_eq!(refusal("{}"), "missing field `value`");
        assert_eq!(
            refusal(r#"{"value": "world", "blocked": []}"#),
            "/blocked: unknown field `blocked`, expected one of `header`, `value`, `block`"
        );
        assert_eq!(
            refusal(r#"{"value": "world", "block": ["/a", "b"]}"#),
            "/block/1: a path begins with `/`"
        );
    }
}

//! Tells the secret that the header `x-secret` names: to the caller, or to whom the path says.

use tidegate_plugin::schemars::{self, JsonSchema};
use tidegate_plugin::serde::Deserialize;
use tidegate_plugin::{
    Answer, ConfigError, OnRequest, Plugin, RequestAction, log, output, request, secret,
};

#[derive(Default, Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", default, deny_unknown_fields)]
struct Config {
    /// Whether to ask for a secret while it is configured.
    early: bool,
}

struct Confides;

impl Plugin for Confides {
    type Config = Config;

    const SUMMARY: &'static str = "tells a secret";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        if config.early {
            drop(secret::get("any"));
        }
        Ok(Self)
    }
}

impl OnRequest for Confides {
    #[expect(clippy::panic, clippy::print_stdout, reason = "that is what is tested")]
    fn on_request(&self) -> RequestAction {
        let name = request::header("x-secret").unwrap_or_default();
        let Some(value) = secret::get(&name) else { return Answer::new(404).into() };
        let value = String::from_utf8_lossy(&value).into_owned();
        match request::path().as_str() {
            "/log" => log::info(format!("logged {value}.")),
            "/print" => println!("printed {value}."),
            "/panic" => panic!("panicked at {value}."),
            "/output" => {
                let taken = output::write("lines", format!("wrote {value} and {value}."));
                return Answer::new(if taken.is_ok() { 200 } else { 500 }).into();
            }
            _ => return Answer::new(200).text(value).into(),
        }
        Answer::new(200).into()
    }
}

tidegate_plugin::export!(Confides: OnRequest);

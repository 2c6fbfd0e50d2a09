//! Reads and writes the key that the path names: GET reads, PUT writes the header `x-value`, POST
//! does so if there is no value yet, DELETE removes.

use tidegate_plugin::kv::KvError;
use tidegate_plugin::{
    Answer, ConfigError, NoConfig, OnRequest, Plugin, RequestAction, kv, request,
};

struct Shares;

impl Plugin for Shares {
    type Config = NoConfig;

    const SUMMARY: &'static str = "reads and writes keys";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl OnRequest for Shares {
    fn on_request(&self) -> RequestAction {
        let path = request::path();
        let key = path.rsplit('/').next().unwrap_or_default();
        let value = request::header("x-value").unwrap_or_default();
        let text = match request::method().as_str() {
            "PUT" => word(kv::set(key, value, None)),
            "POST" => word(kv::compare_and_set(key, None, value, None)),
            "DELETE" => kv::delete(key).to_string(),
            _ => kv::get(key).map_or_else(
                || "nothing".to_owned(),
                |entry| String::from_utf8_lossy(&entry.value).into_owned(),
            ),
        };
        Answer::new(200).text(text).into()
    }
}

fn word(written: Result<u64, KvError>) -> String {
    written.map_or_else(|error| error.name(), |_version| "written").to_owned()
}

tidegate_plugin::export!(Shares: OnRequest);

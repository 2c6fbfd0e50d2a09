//! Fetches a document at each tick and answers requests with it; counts its ticks in the memory of
//! its instance, and instances in `kv`.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tidegate_plugin::http_client::{Request, upstream};
use tidegate_plugin::schemars::{self, JsonSchema};
use tidegate_plugin::serde::Deserialize;
use tidegate_plugin::serde_json::json;
use tidegate_plugin::{
    Answer, ConfigError, OnRequest, OnTick, Plugin, RequestAction, exchange, kv, log,
};

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", deny_unknown_fields)]
struct Config {
    period_ms: u64,
    /// Which tick of an instance shall fail, and how.
    #[serde(default)]
    trap_at: Option<u32>,
    #[serde(default)]
    ask_exchange_at: Option<u32>,
}

struct Ticks(Config);

static TICKS: AtomicU32 = AtomicU32::new(0);

impl Plugin for Ticks {
    type Config = Config;

    const SUMMARY: &'static str = "answers with a document that it fetches now and then";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        Ok(Self(config))
    }
}

impl OnTick for Ticks {
    fn period(&self) -> Duration {
        Duration::from_millis(self.0.period_ms)
    }

    fn on_tick(&self) {
        let tick = TICKS.fetch_add(1, Ordering::Relaxed) + 1;
        if tick == 1 {
            add("instances");
        }
        assert_ne!(Some(tick), self.0.trap_at, "this tick shall fail");
        if Some(tick) == self.0.ask_exchange_at {
            log::error(exchange::id());
        }
        match Request::get(upstream("origin"), "/document").send(4096) {
            Ok(document) => put("document", &document.body),
            Err(error) => log::error(error.to_string()),
        }
        put("ticks", tick.to_string().as_bytes());
    }
}

impl OnRequest for Ticks {
    fn on_request(&self) -> RequestAction {
        let number = |key| get(key).parse::<u32>().unwrap_or_default();
        let got = json!({
            "document": get("document"),
            "ticks": number("ticks"),
            "instances": number("instances"),
            "own": TICKS.load(Ordering::Relaxed),
        });
        Answer::json(200, &got).into()
    }
}

fn get(key: &str) -> String {
    let value = kv::get(key).map(|entry| entry.value).unwrap_or_default();
    String::from_utf8_lossy(&value).into_owned()
}

fn put(key: &str, value: &[u8]) {
    if let Err(error) = kv::set(key, value, None) {
        log::error(error.name());
    }
}

fn add(key: &str) {
    let count: u32 = get(key).parse().unwrap_or_default();
    put(key, (count + 1).to_string().as_bytes());
}

tidegate_plugin::export!(Ticks: OnTick, OnRequest);

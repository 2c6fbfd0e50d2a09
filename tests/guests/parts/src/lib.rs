//! Does one thing many times, for benches that ask what it costs.

use std::cell::Cell;
use std::hint::black_box;

use tidegate_plugin::counter::{self, Bucket, Claim, Rule};
use tidegate_plugin::crypto::{self, Hash};
use tidegate_plugin::schemars::{self, JsonSchema};
use tidegate_plugin::serde::Deserialize;
use tidegate_plugin::{
    ConfigError, OnRequest, Plugin, RequestAction, clock, exchange, kv, log, metrics, request,
    response,
};

/// Bytes that the processor maps at once.
const PAGE_BYTES: usize = 4096;

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", deny_unknown_fields, default)]
struct Config {
    /// What is called.
    call: Call,
    /// How often.
    times: u32,
    /// Pages of memory that each request writes to.
    touch: usize,
    /// From one of them to the next, in pages.
    apart: usize,
    /// Pages of memory that `configure` fills and no request looks at.
    keep: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { call: Call::Nothing, times: 0, touch: 0, apart: 1, keep: 0 }
    }
}

/// A function of the host, with arguments that are usual for it.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", rename_all = "kebab-case")]
enum Call {
    /// None: what the loop costs.
    Nothing,
    Clock,
    Method,
    Header,
    AbsentHeader,
    Headers,
    SetHeader,
    DefaultHeader,
    ResponseHeader,
    Attribute,
    SetAttribute,
    Counter,
    KvGet,
    KvSet,
    Metric,
    Log,
    Digest,
    Random,
}

impl Call {
    fn make(self) {
        match self {
            Self::Nothing => {
                black_box(());
            }
            Self::Clock => {
                black_box(clock::unix_ms());
            }
            Self::Method => {
                black_box(request::method());
            }
            Self::Header => {
                black_box(request::header_values("user-agent"));
            }
            Self::AbsentHeader => {
                black_box(request::header_values("x-absent"));
            }
            Self::Headers => {
                black_box(request::headers());
            }
            Self::SetHeader => good(request::set_header("x-part", "a value of some length")),
            Self::DefaultHeader => good(request::default_header("user-agent", "unknown")),
            Self::ResponseHeader => good(response::set_header("x-part", "a value of some length")),
            Self::Attribute => {
                black_box(exchange::attribute("part"));
            }
            Self::SetAttribute => good(exchange::set_attribute("part", "a value of some length")),
            Self::Counter => {
                // So many that none is refused, because a refusal is another thing.
                let most = 4_000_000_000;
                let rule = Rule::TokenBucket(Bucket { rate: most, period_ms: 1_000, burst: most });
                good(counter::take(&[Claim::new("part", rule, 1)]));
            }
            Self::KvGet => {
                black_box(kv::get("part"));
            }
            Self::KvSet => good(kv::set("part", "a value of some length", None)),
            Self::Metric => good(metrics::count("parts", &[("part", "one")])),
            Self::Log => log::trace("one of the messages that nobody has asked for"),
            Self::Digest => {
                black_box(crypto::digest(Hash::Sha256, b"a text of some length"));
            }
            Self::Random => {
                black_box(crypto::random(16));
            }
        }
    }
}

/// A call that is refused costs something else than one that is not.
fn good<T, E: std::fmt::Debug>(made: Result<T, E>) {
    black_box(made.expect("the host takes it"));
}

struct Parts {
    call: Call,
    times: u32,
    touched: Vec<Cell<u8>>,
    /// Bytes from one page that is written to, to the next.
    apart: usize,
    _kept: Vec<u8>,
}

impl Plugin for Parts {
    type Config = Config;

    const SUMMARY: &'static str = "does one thing many times";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        let apart = config.apart.max(1) * PAGE_BYTES;
        Ok(Self {
            call: config.call,
            times: config.times,
            touched: vec![Cell::new(0); config.touch * apart],
            apart,
            _kept: (1..=u8::MAX).cycle().take(config.keep * PAGE_BYTES).collect(),
        })
    }
}

impl OnRequest for Parts {
    fn on_request(&self) -> RequestAction {
        for _ in 0..self.times {
            self.call.make();
        }
        for page in self.touched.chunks(self.apart) {
            if let Some(byte) = page.first() {
                byte.set(byte.get().wrapping_add(1));
            }
        }
        RequestAction::Forward
    }
}

tidegate_plugin::export!(Parts: OnRequest);

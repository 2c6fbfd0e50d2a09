//! Write Tidegate plugins in Rust.
//!
//! A plugin is a type, a configuration, and the phases that it implements; one macro makes a
//! WebAssembly component of it. This is a whole one, with its test:
//!
//! ```
//! use tidegate_plugin::schemars::{self, JsonSchema};
//! use tidegate_plugin::serde::Deserialize;
//! use tidegate_plugin::{Answer, ConfigError, OnRequest, Plugin, RequestAction, request};
//!
//! /// The `config` table of `gateway.toml`.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(crate = "tidegate_plugin::serde", deny_unknown_fields)]
//! struct Config {
//!     /// What callers have to send as `x-api-key`.
//!     key: String,
//! }
//!
//! struct ApiKey {
//!     key: Vec<u8>,
//! }
//!
//! impl Plugin for ApiKey {
//!     type Config = Config;
//!
//!     const SUMMARY: &'static str = "lets callers in that know the key";
//!
//!     fn configure(config: Config) -> Result<Self, ConfigError> {
//!         if config.key.len() < 16 {
//!             return Err(ConfigError::at("/key", "a key has at least 16 bytes"));
//!         }
//!         Ok(Self { key: config.key.into_bytes() })
//!     }
//! }
//!
//! impl OnRequest for ApiKey {
//!     fn on_request(&self) -> RequestAction {
//!         match request::header_values("x-api-key").as_slice() {
//!             [key] if *key == self.key => RequestAction::Forward,
//!             _ => Answer::new(401).text("a valid `x-api-key` is needed\n").into(),
//!         }
//!     }
//! }
//!
//! tidegate_plugin::export!(ApiKey: OnRequest);
//!
//! # /*
//! #[test]
//! # */
//! fn only_the_right_key_opens() -> Result<(), ConfigError> {
//!     use tidegate_plugin::fake;
//!
//!     let plugin: ApiKey = fake::configure(r#"{"key": "0123456789abcdef"}"#)?;
//!     let get = || fake::Exchange::get("/users?page=2").client("192.0.2.7");
//!
//!     let outcome = fake::run_request(&plugin, get().header("x-api-key", "0123456789abcdef"));
//!     assert_eq!(outcome.action, RequestAction::Forward);
//!
//!     let outcome = fake::run_request(&plugin, get());
//!     assert_eq!(outcome.answer().map(|answer| answer.status), Some(401));
//!     Ok(())
//! }
//! # only_the_right_key_opens().unwrap();
//! ```
//!
//! `cargo build --release --target wasm32-wasip2` makes the component; the crate's `README.md` goes
//! through it step by step.
//!
//! # Bodies
//!
//! A phase of a head decides about the body: [`NeedBody`](RequestAction::NeedBody) holds the exchange until
//! it is whole, [`ObserveBody`](RequestAction::ObserveBody) and
//! [`TransformBody`](RequestAction::TransformBody) show each part on its way. The body's phase then
//! lets the bytes pass, puts others in their place, ends the body or answers.
//!
//! ```
//! use tidegate_plugin::{
//!     Answer, BodyAction, ConfigError, NoConfig, OnRequest, OnRequestBody, Plugin, RequestAction,
//!     request,
//! };
//!
//! /// Lets JSON pass that is whole.
//! struct OnlyJson;
//!
//! impl Plugin for OnlyJson {
//!     type Config = NoConfig;
//!
//!     const SUMMARY: &'static str = "refuses bodies that are not JSON";
//!
//!     fn configure(_config: NoConfig) -> Result<Self, ConfigError> {
//!         Ok(Self)
//!     }
//! }
//!
//! impl OnRequest for OnlyJson {
//!     fn on_request(&self) -> RequestAction {
//!         // Up to 64 KiB; the operator's `limits.body` holds as well.
//!         RequestAction::NeedBody(64 * 1024)
//!     }
//! }
//!
//! impl OnRequestBody for OnlyJson {
//!     fn on_request_body(&self, bytes: Vec<u8>, _last: bool) -> BodyAction {
//!         match tidegate_plugin::serde_json::from_slice::<tidegate_plugin::serde_json::Value>(&bytes) {
//!             Ok(_) => {
//!                 // The head waits until now, so it can still be changed.
//!                 let _refused = request::set_header("x-body", "json");
//!                 BodyAction::Forward
//!             }
//!             Err(why) => Answer::new(400).text(format!("not JSON: {why}\n")).into(),
//!         }
//!     }
//! }
//!
//! tidegate_plugin::export!(OnlyJson: OnRequest, OnRequestBody);
//!
//! # use tidegate_plugin::fake;
//! let plugin: OnlyJson = fake::configure("{}")?;
//! let post = || fake::Exchange::new("POST", "/orders");
//! let outcome = fake::run_request_body(&plugin, post(), fake::Part::whole("{}"));
//! assert_eq!(outcome.action, BodyAction::Forward);
//! let outcome = fake::run_request_body(&plugin, post(), fake::Part::whole("{"));
//! assert!(matches!(outcome.action, BodyAction::Respond(answer) if answer.status == 400));
//! # Ok::<(), ConfigError>(())
//! ```
//!
//! # The functions of the host
//! One module for each interface of the contract, with plain functions about *the* exchange:
//!
//! | module | | grant |
//! |---|---|---|
//! | [`request`], [`response`] | the two heads | |
//! | [`exchange`] | who asked, which route, attributes from plugin to plugin | |
//! | [`body`], [`answer_stream`] | for a [`Handler`]: the request's body, an answer that is sent while it is made | |
//! | [`clock`], [`log`] | the time; messages for the operator | |
//! | [`metrics`] | counters and histograms at `/metrics` | `metrics` |
//! | [`counter`] | exact rate limits, shared by all workers | `counter` |
//! | [`crypto`] | signatures, MACs, hashes, random bytes | `crypto` |
//! | [`http_client`] | requests of the plugin's own | `http-client` |
//! | [`kv`] | values that outlast an exchange | `kv` |
//! | [`output`] | lines for files and standard output | `output` |
//! | [`consumers`] | known callers, by what they present | `consumers` |
//! | [`cache`] | responses to be given again | `cache` |
//! | [`secret`] | keys and passwords that are not in `gateway.toml` | `secret` |
//!
//! A component imports only the modules that the plugin uses, and `gateway.toml` has to grant those
//! with a grant.
//!
//! # What to know
//! - By default each exchange runs in a new instance that starts from the memory that `configure`
//!   left behind: work done there costs nothing per request, and what a phase stores in a static is
//!   gone afterwards.
//! - A panic traps: that exchange is answered as the plugin's `on_error` says, and its message is in
//!   the gateway's log.
//! - A component built with this crate imports the contract and nothing of WASI, as long as it stays
//!   away from `std::time`, files and sockets, and from `HashMap` and `HashSet` with their own random
//!   state: take the time from [`clock`], random bytes from [`crypto`], and `BTreeMap`.
//! - There is no environment, and what is printed goes to the gateway's log.

pub mod answer;
pub mod answer_stream;
pub mod body;
pub mod cache;
pub mod clock;
pub mod config;
pub mod consumers;
pub mod counter;
pub mod crypto;
pub mod exchange;
pub mod http_client;
pub mod kv;
pub mod log;
pub mod metrics;
pub mod output;
pub mod plugin;
pub mod request;
pub mod response;
pub mod secret;

#[cfg(not(target_family = "wasm"))]
pub mod fake;

#[doc(hidden)]
pub mod bindings;
#[doc(hidden)]
pub mod guest;
#[cfg(target_family = "wasm")]
mod libc;

#[cfg(target_family = "wasm")]
use bindings::plugin::tidegate::plugin as host;
#[cfg(not(target_family = "wasm"))]
use fake as host;

pub use answer::{Answer, BodyAction, Header, RequestAction, ResponseAction};
pub use config::{ConfigError, NoConfig};
pub use plugin::{
    Handled, Handler, OnLog, OnRequest, OnRequestBody, OnResponse, OnResponseBody, OnTick, Plugin,
    Source, Summary,
};
pub use {schemars, serde, serde_json};

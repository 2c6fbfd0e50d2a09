//! A Proxy-Wasm filter with the policies, for Envoy. One VM with one root context serves all requests, so counters and
//! keys live in its memory.

mod limit;
mod token;

use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};
use serde::Deserialize;

use crate::limit::Limit;
use crate::token::{Algorithm, Claims, Verifier};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Warn);
    proxy_wasm::set_root_context(|_| -> Box<dyn RootContext> { Box::new(Root::default()) });
}}

/// The plugin's configuration.
#[derive(Deserialize)]
struct Config {
    /// A letter from `a` to `f`.
    policy: char,
    secret: String,
    /// Modulus and exponent in base64url.
    rs_n: String,
    rs_e: String,
    issuer: String,
    limit: u64,
}

struct Policies {
    policy: char,
    verifier: Verifier,
    limit: Limit,
}

#[derive(Default)]
struct Root {
    policies: Option<Rc<Policies>>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let text = self.get_plugin_configuration().unwrap_or_default();
        let config: Config = match serde_json::from_slice(&text) {
            Ok(config) => config,
            Err(error) => {
                log::error!("the configuration: {error}");
                return false;
            }
        };
        self.policies = Verifier::new(&config).map(|verifier| {
            Rc::new(Policies { policy: config.policy, verifier, limit: Limit::new(config.limit) })
        });
        self.policies.is_some()
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Exchange { policies: Rc::clone(self.policies.as_ref()?) }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Exchange {
    policies: Rc<Policies>,
}

impl Exchange {
    fn deny(&self, status: u32) -> Action {
        self.send_http_response(status, vec![], Some(b"denied\n"));
        Action::Pause
    }

    fn authenticate(&self, algorithm: Algorithm, now_s: u64) -> Option<Claims> {
        let authorization = self.get_http_request_header("authorization")?;
        self.policies.verifier.verify(&authorization, algorithm, now_s)
    }
}

impl Context for Exchange {}

impl HttpContext for Exchange {
    fn on_http_request_headers(&mut self, _fields: usize, _is_last: bool) -> Action {
        let policy = self.policies.policy;
        let algorithm = match policy {
            'c' | 'f' => Some(Algorithm::Hs256),
            'd' => Some(Algorithm::Rs256),
            _ => None,
        };
        let mut subject = None;
        if let Some(algorithm) = algorithm {
            let Some(claims) = self.authenticate(algorithm, seconds(self.get_current_time()))
            else {
                return self.deny(401);
            };
            self.set_http_request_header("x-sub", Some(&claims.sub));
            subject = Some(claims.sub);
        }
        if matches!(policy, 'e' | 'f') {
            let key = subject.or_else(|| self.get_http_request_header("x-api-key"));
            let now_s = seconds(self.get_current_time());
            if !self.policies.limit.take(key.as_deref().unwrap_or("-"), now_s) {
                return self.deny(429);
            }
        }
        if matches!(policy, 'b' | 'f') {
            self.set_http_request_header("x-gw", Some("bench"));
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _fields: usize, _is_last: bool) -> Action {
        if matches!(self.policies.policy, 'b' | 'f') {
            self.set_http_response_header("x-gw", Some("bench"));
        }
        Action::Continue
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

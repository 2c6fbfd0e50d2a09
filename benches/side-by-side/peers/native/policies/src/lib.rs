//! The policies in native code, shared by the proxies in Rust so that both do the same work.

mod access_log;
mod limit;
mod token;

use std::env;
use std::fs;

pub use access_log::{AccessLog, Line};
pub use token::Claims;

use limit::Limit;
use token::{Algorithm, Verifier};

/// What a proxy does with each request besides forwarding it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    Plain,
    Header,
    Hs256,
    Rs256,
    Rate,
    All,
    Tls,
}

impl Policy {
    /// By its letter, from `a` to `g`.
    pub fn named(letter: &str) -> Option<Self> {
        Some(match letter {
            "a" => Self::Plain,
            "b" => Self::Header,
            "c" => Self::Hs256,
            "d" => Self::Rs256,
            "e" => Self::Rate,
            "f" => Self::All,
            "g" => Self::Tls,
            _ => return None,
        })
    }

    fn algorithm(self) -> Option<Algorithm> {
        match self {
            Self::Hs256 | Self::All => Some(Algorithm::Hs256),
            Self::Rs256 => Some(Algorithm::Rs256),
            Self::Plain | Self::Header | Self::Rate | Self::Tls => None,
        }
    }

    fn limits(self) -> bool {
        matches!(self, Self::Rate | Self::All)
    }

    /// Whether `x-gw` is set in both directions.
    pub fn edits_headers(self) -> bool {
        matches!(self, Self::Header | Self::All)
    }

    pub fn logs(self) -> bool {
        self == Self::All
    }
}

/// Why a request goes no further, with the status that says so.
#[derive(Clone, Copy)]
pub enum Denied {
    Unauthorized = 401,
    TooMany = 429,
}

/// One policy, ready to be asked.
pub struct Policies {
    pub policy: Policy,
    pub log: AccessLog,
    verifier: Verifier,
    limit: Limit,
}

impl Policies {
    /// From HS_SECRET_FILE, RS_PUB_DER, JWT_ISS, LIMIT (of a key in 60 s) and ACCESS_LOG.
    pub fn from_env(policy: Policy) -> Self {
        let content = |name| fs::read(variable(name)).expect("a file that a variable names");
        Self {
            policy,
            log: AccessLog::open(variable("ACCESS_LOG")),
            verifier: Verifier::new(
                &content("HS_SECRET_FILE"),
                &content("RS_PUB_DER"),
                variable("JWT_ISS"),
            ),
            limit: Limit::new(variable("LIMIT").parse().expect("LIMIT is a number")),
        }
    }

    /// Whether a request with these headers goes on, and whose it is if the policy asks for that.
    pub fn admit(
        &self,
        authorization: Option<&[u8]>,
        api_key: Option<&[u8]>,
    ) -> Result<Option<Claims>, Denied> {
        let claims = match self.policy.algorithm() {
            Some(algorithm) => {
                Some(self.verifier.verify(authorization, algorithm).ok_or(Denied::Unauthorized)?)
            }
            None => None,
        };
        if self.policy.limits() {
            let key =
                claims.as_ref().map_or(api_key.unwrap_or(b"-"), |claims| claims.sub.as_bytes());
            if !self.limit.take(key) {
                return Err(Denied::TooMany);
            }
        }
        Ok(claims)
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("the variable {name} is not set"))
}

/// Seconds since 1970.
fn now_s() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed();
    since.expect("the clock is behind 1970").as_secs()
}

//! Limits how many requests a client, a consumer or all of them together may send over time.
//!
//! Everything that does not depend on a request is made in `configure`. A request then costs one
//! look at each property that it is counted by, one take from the counters, and the headers.

mod config;
mod key;
mod limit;
mod net;
mod period;
mod standing;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tidegate_plugin::counter::{self, Claim, CounterError};
use tidegate_plugin::request::HeaderError;
use tidegate_plugin::{Answer, ConfigError, OnRequest, Plugin, RequestAction};
use tidegate_plugin::{exchange, log, metrics};

pub use config::{
    Algorithm, By, Config, HeaderFamily, LimitConfig, MissingKey, OnUnavailable, Skip,
};
use key::{Built, Facts, Part};
use limit::Limit;
use net::Network;
use standing::{Said, Standing, tightest};

/// The plugin with its configuration.
pub struct RateLimit {
    /// Never empty, at most 16.
    limits: Vec<Limit>,
    standing: Standing,
    ipv4_prefix: u8,
    ipv6_prefix: u8,
    missing_key: MissingKey,
    on_unavailable: OnUnavailable,
    status: u16,
    /// The body of a refusal up to the request id.
    refusal: String,
    dry_run: bool,
    skip_networks: Vec<Network>,
    skip_consumers: Vec<String>,
}

/// What a request has to pass.
struct Applied<'a> {
    /// By index.
    limits: Vec<(usize, &'a Limit)>,
    /// One for each of them.
    claims: Vec<Claim>,
}

tidegate_plugin::export!(RateLimit: OnRequest);

impl Plugin for RateLimit {
    type Config = Config;

    const SUMMARY: &'static str = "limits requests per client, consumer, route and more";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        let limits = limit::check_all(&config)?;
        if config.ipv4_prefix > 32 {
            return Err(ConfigError::at("/ipv4_prefix", "an IPv4 address has 32 bits"));
        }
        if config.ipv6_prefix > 128 {
            return Err(ConfigError::at("/ipv6_prefix", "an IPv6 address has 128 bits"));
        }
        if !(400..=599).contains(&config.status) {
            let message = format!("{} is not an error; from 400 to 599", config.status);
            return Err(ConfigError::at("/status", message));
        }
        let network = |(index, text): (usize, &String)| {
            Network::parse(text)
                .map_err(|message| ConfigError::at(format!("/skip/ip/{index}"), message))
        };
        let skip_networks =
            config.skip.ip.iter().enumerate().map(network).collect::<Result<_, _>>()?;
        Ok(Self {
            standing: Standing::new(config.headers, &limits),
            limits,
            ipv4_prefix: config.ipv4_prefix,
            ipv6_prefix: config.ipv6_prefix,
            missing_key: config.missing_key,
            on_unavailable: config.on_unavailable,
            status: config.status,
            refusal: body_start(&config.message),
            dry_run: config.dry_run,
            skip_networks,
            skip_consumers: config.skip.consumer,
        })
    }
}

impl OnRequest for RateLimit {
    fn on_request(&self) -> RequestAction {
        let facts = Facts::new(self.ipv4_prefix, self.ipv6_prefix);
        if self.skips(&facts) {
            return RequestAction::Forward;
        }
        let Applied { limits, claims } = match self.applied(&facts) {
            Ok(applied) => applied,
            Err(part) => return self.unidentified(part),
        };
        if claims.is_empty() {
            return RequestAction::Forward;
        }
        match counter::take(&claims) {
            Ok(verdicts) => {
                let said = limits.into_iter().zip(verdicts);
                let said = said.map(|((index, limit), verdict)| Said { index, limit, verdict });
                self.settle(&said.collect::<Vec<_>>())
            }
            Err(error) => self.unavailable(error),
        }
    }
}

impl RateLimit {
    /// Whether the operator exempted who sent this.
    fn skips(&self, facts: &Facts) -> bool {
        let network = || {
            let client = facts.client()?;
            Some(self.skip_networks.iter().any(|network| network.contains(client)))
        };
        let consumer = || {
            let consumer = facts.consumer()?;
            Some(self.skip_consumers.iter().any(|name| name == consumer))
        };
        (!self.skip_networks.is_empty() && network() == Some(true))
            || (!self.skip_consumers.is_empty() && consumer() == Some(true))
    }

    /// The limits that apply, or a part that is missing.
    fn applied(&self, facts: &Facts) -> Result<Applied<'_>, &Part> {
        let mut limits = Vec::with_capacity(self.limits.len());
        let mut claims = Vec::with_capacity(self.limits.len());
        for (index, limit) in self.limits.iter().enumerate() {
            match limit.key.build(facts, self.missing_key) {
                Built::Key(key) => {
                    limits.push((index, limit));
                    claims.push(Claim::new(key, limit.rule, 1));
                }
                Built::Missing(_) if self.missing_key == MissingKey::Skip => {}
                Built::Missing(part) => return Err(part),
            }
        }
        Ok(Applied { limits, claims })
    }

    /// Acts on what the counters said.
    fn settle(&self, said: &[Said<'_>]) -> RequestAction {
        let refused = said.iter().any(|said| !said.verdict.admitted);
        if let Some(tightest) = tightest(said) {
            attribute("ratelimit.remaining", tightest.verdict.remaining);
            if refused {
                attribute("ratelimit.limit", tightest.limit.name.as_str());
            }
        }
        if self.dry_run {
            if refused {
                would_refuse(said);
            }
            return RequestAction::Forward;
        }
        self.tell(|standing| standing.write(said));
        if refused {
            attribute("ratelimit.refused", true);
            count_refusing("rate_limit_refused", said);
            return answer(self.status, self.refusal.clone()).into();
        }
        let wait = said.iter().map(|said| said.limit.excess.wait_ms(said.verdict.delay_ms)).max();
        match wait {
            None | Some(0) => RequestAction::Forward,
            Some(ms) => RequestAction::delay(Duration::from_millis(ms)),
        }
    }

    /// The request lacks what it is counted by.
    fn unidentified(&self, part: &Part) -> RequestAction {
        let name = part.to_string();
        if self.dry_run {
            attribute("ratelimit.dry_run_refused", true);
            count("rate_limit_dry_run_refused", "missing_key", &name);
            log::debug("dry run: the request would have been refused, its key is missing");
            return RequestAction::Forward;
        }
        attribute("ratelimit.refused", true);
        count("rate_limit_missing_key", "key", &name);
        let body = body_start(&part.missing_message());
        answer(part.missing_status(), body).into()
    }

    /// The counters have no verdict.
    fn unavailable(&self, error: CounterError) -> RequestAction {
        let reason = match error {
            CounterError::Exhausted => "exhausted",
            CounterError::Invalid => "invalid",
            CounterError::TooManyClaims => "too_many_claims",
        };
        count("rate_limit_unavailable", "reason", reason);
        log::warn(format!("the counters gave no verdict: {reason}"));
        if self.dry_run || self.on_unavailable == OnUnavailable::Admit {
            return RequestAction::Forward;
        }
        self.tell(|standing| standing.write_retry_after(1));
        answer(503, body_start("rate limit is not available")).into()
    }

    /// Writes headers; those that do not fit are left out, because the verdict matters more.
    fn tell(&self, write: impl FnOnce(&Standing) -> Result<(), HeaderError>) {
        if write(&self.standing).is_err() {
            log::debug("the rate limit's headers do not fit into the response");
        }
    }
}

/// A dry run shows the operator what would have been, and the client nothing.
fn would_refuse(said: &[Said<'_>]) {
    attribute("ratelimit.dry_run_refused", true);
    count_refusing("rate_limit_dry_run_refused", said);
    log::debug("dry run: the request would have been refused");
}

/// An answer with the request id.
fn answer(status: u16, mut body: String) -> Answer {
    // The id is visible ASCII, which may hold quotation marks.
    let id = serde_json::to_string(&exchange::id()).expect("a text has a JSON form");
    body.push_str(&id);
    body.push('}');
    Answer::new(status).header("content-type", "application/json; charset=utf-8").body(body)
}

/// The body of an answer up to the request id.
fn body_start(message: &str) -> String {
    let message = serde_json::to_string(message).expect("a text has a JSON form");
    format!("{{\"message\":{message},\"request_id\":")
}

/// Leaves a fact for logs. One that has no room is not worth a request.
fn attribute(name: &str, value: impl Into<exchange::Attribute>) {
    if exchange::set_attribute(name, value).is_err() {
        log::debug("an attribute of the rate limit has no room");
    }
}

/// Counts for every limit that refused.
fn count_refusing(metric: &str, said: &[Said<'_>]) {
    for said in said.iter().filter(|said| !said.verdict.admitted) {
        count(metric, "limit", &said.limit.name);
    }
}

/// Counts. A sample that is not recorded is not worth a request.
fn count(metric: &str, label: &str, value: &str) {
    if metrics::count(metric, &[(label, value)]).is_err() {
        log::debug("a sample of the rate limit was not recorded");
    }
}

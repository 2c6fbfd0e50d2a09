//! One limit, checked.

use tidegate_plugin::ConfigError;
use tidegate_plugin::counter::{Bucket, Rule, Window};

use crate::config::{Algorithm, Config, LimitConfig};
use crate::key::Key;
use crate::period::{self, Calendar};

/// As many claims as one take may hold.
const LIMITS_MAX: usize = 16;

/// As long as the gateway lets a request wait.
const WAIT_MS_MAX: u64 = 60_000;

/// Bytes of a name; it stands in two headers of each response.
const NAME_BYTES_MAX: usize = 64;

/// A number of requests, of whom, and in which time.
#[derive(Debug)]
pub(crate) struct Limit {
    /// Visible ASCII without `"` and `\`; unique.
    pub(crate) name: String,
    pub(crate) key: Key,
    pub(crate) rule: Rule,
    /// What an untouched limit admits at once.
    pub(crate) quota: u32,
    /// In which the quota is there again. Longer by less than a second than it is, so that a
    /// client that believes it is not refused.
    pub(crate) window_s: u64,
    /// The period that Kong's headers name; windows only, since a bucket does not say how many
    /// requests fit into a minute.
    pub(crate) calendar: Option<Calendar>,
    /// What becomes of a request in excess.
    pub(crate) excess: Excess,
}

/// What becomes of a request that is admitted, but in excess of the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    /// It goes on at once.
    Passes,
    /// It waits for its turn, less so many milliseconds.
    Waits { less_ms: u64 },
}

impl Excess {
    /// How long a request waits that would leak after `delay_ms`.
    pub(crate) const fn wait_ms(self, delay_ms: u64) -> u64 {
        match self {
            Self::Passes => 0,
            Self::Waits { less_ms } => delay_ms.saturating_sub(less_ms),
        }
    }
}

/// All limits of a configuration. Never empty.
pub(crate) fn check_all(config: &Config) -> Result<Vec<Limit>, ConfigError> {
    let only = LimitConfig {
        name: config.name.clone(),
        limit: config.limit,
        per: config.per.clone(),
        rate: config.rate.clone(),
        algorithm: config.algorithm,
        burst: config.burst,
        nodelay: config.nodelay,
        delay: config.delay,
        by: config.by.clone(),
    };
    let Some(several) = &config.limits else {
        return Ok(vec![named(String::new(), &only, &[])?]);
    };
    if only != LimitConfig::default() {
        return Err(ConfigError::at(
            "/limits",
            "`limits` and a limit written beside it exclude each other; move that one into `limits`",
        ));
    }
    if several.is_empty() || several.len() > LIMITS_MAX {
        let message = format!("there must be from 1 to {LIMITS_MAX} limits, not {}", several.len());
        return Err(ConfigError::at("/limits", message));
    }
    let mut limits = Vec::with_capacity(several.len());
    for (index, written) in several.iter().enumerate() {
        let limit = named(format!("/limits/{index}"), written, &limits)?;
        limits.push(limit);
    }
    Ok(limits)
}

/// Checks one limit and finds a name for it that those before it do not have.
fn named(at: String, written: &LimitConfig, before: &[Limit]) -> Result<Limit, ConfigError> {
    let place = Place(at);
    let mut limit = check(&place, written)?;
    if before.iter().any(|other| other.key == limit.key && other.rule == limit.rule) {
        return Err(
            place.refuse("", "an earlier limit is the same; a request would be counted twice")
        );
    }
    let taken = |name: &str| before.iter().any(|other| other.name == name);
    match &written.name {
        Some(name) if taken(name) => {
            return Err(place.refuse("/name", format!("an earlier limit is called `{name}`")));
        }
        Some(_) => {}
        None if taken(&limit.name) => {
            let base = format!("{}-{}", limit.name, limit.key.name());
            let numbered = (2..).map(|number| format!("{base}-{number}"));
            limit.name = std::iter::once(base.clone())
                .chain(numbered)
                .find(|name| !taken(name))
                .expect("there are more numbers than limits");
        }
        None => {}
    }
    Ok(limit)
}

/// Where a limit stands in the configuration, as a JSON Pointer.
pub(crate) struct Place(String);

impl Place {
    pub(crate) fn refuse(&self, below: &str, message: impl Into<String>) -> ConfigError {
        ConfigError::at(format!("{}{below}", self.0), message.into())
    }
}

fn check(place: &Place, written: &LimitConfig) -> Result<Limit, ConfigError> {
    let (rate, period_ms) = rate(place, written)?;
    let algorithm = algorithm(place, written)?;
    let key = Key::check(place, written.by.as_ref())?;
    let name = match &written.name {
        Some(name) => checked_name(place, name)?,
        None => default_name(written, period_ms),
    };
    let shape = shape(place, written, algorithm, rate, period_ms)?;
    Ok(Limit {
        name,
        key,
        rule: shape.rule,
        quota: shape.quota,
        window_s: shape.window_ms.div_ceil(1_000),
        calendar: shape.calendar,
        excess: shape.excess,
    })
}

/// What follows from the numbers of a limit.
struct Shape {
    rule: Rule,
    quota: u32,
    window_ms: u64,
    calendar: Option<Calendar>,
    excess: Excess,
}

fn shape(
    place: &Place,
    written: &LimitConfig,
    algorithm: Algorithm,
    rate: u32,
    period_ms: u64,
) -> Result<Shape, ConfigError> {
    let window = |rule: fn(Window) -> Rule| {
        no_key(place, "burst", written.burst.is_some(), "token` or `leaky")?;
        Ok(Shape {
            rule: rule(Window { limit: rate, window_ms: period_ms }),
            quota: rate,
            window_ms: period_ms,
            calendar: Calendar::of_ms(period_ms),
            excess: Excess::Passes,
        })
    };
    let bucket = |rule: fn(Bucket) -> Rule, burst: u32, quota: u32, excess: Excess| Shape {
        rule: rule(Bucket { rate, period_ms, burst }),
        quota,
        window_ms: time_ms(quota, rate, period_ms),
        calendar: None,
        excess,
    };
    if algorithm != Algorithm::Leaky {
        no_key(place, "nodelay", written.nodelay.is_some(), "leaky")?;
        no_key(place, "delay", written.delay.is_some(), "leaky")?;
    }
    match algorithm {
        Algorithm::Fixed => window(Rule::FixedWindow),
        Algorithm::Sliding => window(Rule::SlidingWindow),
        Algorithm::Token => {
            let burst = written.burst.unwrap_or(rate);
            if burst == 0 {
                let message = "a token bucket without a token admits nothing; at least 1";
                return Err(place.refuse("/burst", message));
            }
            Ok(bucket(Rule::TokenBucket, burst, burst, Excess::Passes))
        }
        Algorithm::Leaky => {
            let burst = written.burst.unwrap_or(0);
            let excess = excess(place, written, burst, rate, period_ms)?;
            Ok(bucket(Rule::LeakyBucket, burst, burst.saturating_add(1), excess))
        }
    }
}

/// How long a bucket needs for so many requests, rounded up.
fn time_ms(requests: u32, rate: u32, period_ms: u64) -> u64 {
    let time = (u128::from(requests) * u128::from(period_ms)).div_ceil(u128::from(rate));
    u64::try_from(time).unwrap_or(u64::MAX)
}

fn rate(place: &Place, written: &LimitConfig) -> Result<(u32, u64), ConfigError> {
    match (&written.rate, written.limit, &written.per) {
        (Some(rate), None, None) => {
            period::parse_rate(rate).map_err(|message| place.refuse("/rate", message))
        }
        (Some(_), _, _) => {
            Err(place.refuse("/rate", "`rate` stands in place of `limit` and `per`"))
        }
        (None, Some(0), _) => {
            let message =
                "a limit of 0 admits nothing; at least 1, or a route with a fixed response";
            Err(place.refuse("/limit", message))
        }
        (None, Some(limit), Some(per)) => {
            let period_ms = period::parse(per).map_err(|message| place.refuse("/per", message))?;
            Ok((limit, period_ms))
        }
        (None, Some(_), None) => {
            Err(place.refuse("", "`per` is missing, such as per = \"minute\""))
        }
        (None, None, Some(_)) => Err(place.refuse("", "`limit` is missing, such as limit = 100")),
        (None, None, None) => Err(place.refuse(
            "",
            "there is no limit; write limit = 100 and per = \"minute\", or rate = \"10r/s\"",
        )),
    }
}

fn algorithm(place: &Place, written: &LimitConfig) -> Result<Algorithm, ConfigError> {
    match (written.algorithm, &written.rate) {
        (Some(Algorithm::Leaky) | None, Some(_)) => Ok(Algorithm::Leaky),
        (Some(_), Some(_)) => {
            let message = "`rate` is nginx's and leaky; write `limit` and `per` for this algorithm";
            Err(place.refuse("/algorithm", message))
        }
        (Some(algorithm), None) => Ok(algorithm),
        (None, None) => Ok(Algorithm::Sliding),
    }
}

fn excess(
    place: &Place,
    written: &LimitConfig,
    burst: u32,
    rate: u32,
    period_ms: u64,
) -> Result<Excess, ConfigError> {
    let without_wait = match (written.nodelay, written.delay) {
        (Some(true), None) => return Ok(Excess::Passes),
        (Some(true), Some(_)) => {
            return Err(place.refuse("/delay", "`nodelay` and `delay` exclude each other"));
        }
        (_, Some(delay)) if delay > burst => {
            let message = format!("more than the burst of {burst}; nodelay = true says the same");
            return Err(place.refuse("/delay", message));
        }
        (_, delay) => delay.unwrap_or(0),
    };
    // The counter rounds the time of the whole excess up, so its share must be rounded up too.
    let less_ms = time_ms(without_wait, rate, period_ms);
    let longest_ms = time_ms(burst, rate, period_ms).saturating_sub(less_ms);
    if longest_ms > WAIT_MS_MAX {
        let message = format!(
            "the last of the burst would wait {} s, more than {} s; a smaller burst, \
             nodelay = true or delay",
            longest_ms.div_ceil(1_000),
            WAIT_MS_MAX / 1_000
        );
        return Err(place.refuse("/burst", message));
    }
    Ok(Excess::Waits { less_ms })
}

fn no_key(place: &Place, key: &str, there: bool, algorithms: &str) -> Result<(), ConfigError> {
    if there {
        let message = format!("`{key}` belongs to the algorithm `{algorithms}`");
        return Err(place.refuse(&format!("/{key}"), message));
    }
    Ok(())
}

fn checked_name(place: &Place, name: &str) -> Result<String, ConfigError> {
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(allowed) {
        let message = format!(
            "a name has from 1 to {NAME_BYTES_MAX} visible ASCII characters, without quotation \
             mark and backslash"
        );
        return Err(place.refuse("/name", message));
    }
    Ok(name.to_owned())
}

fn default_name(written: &LimitConfig, period_ms: u64) -> String {
    match (Calendar::of_ms(period_ms), &written.per) {
        (Some(calendar), _) => calendar.name().to_owned(),
        (None, Some(per)) => per.clone(),
        (None, None) => unreachable!("a rate is per second or per minute"),
    }
}

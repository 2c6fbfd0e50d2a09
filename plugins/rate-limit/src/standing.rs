//! Headers that tell the client where it stands.
//!
//! They are written as deferred edits of the response, also when the request is refused: edits
//! are applied in the order of the pipeline, so of several plugins the last one that spoke is the
//! one that Kong's single-valued fields show.

use std::fmt::Write as _;

use tidegate_plugin::counter::Verdict;
use tidegate_plugin::request::HeaderError;
use tidegate_plugin::response;

use crate::config::HeaderFamily;
use crate::limit::Limit;
use crate::period::Calendar;

/// Everything about the headers that does not depend on the request.
pub(crate) struct Standing {
    kong: Option<Kong>,
    ietf: Option<Ietf>,
    retry_after: bool,
}

/// Kong's single-valued fields.
struct Kong {
    /// For each period that a limit has.
    periods: Vec<Period>,
    /// For `RateLimit-Limit`, by the index of the limit.
    quotas: Vec<String>,
}

struct Period {
    calendar: Calendar,
    /// `x-ratelimit-limit-minute`.
    limit: String,
    /// `x-ratelimit-remaining-minute`.
    remaining: String,
}

/// The structured fields of draft-ietf-httpapi-ratelimit-headers-10.
struct Ietf {
    /// `"minute";q=100;w=60`, all limits.
    policy: String,
    /// `"minute";r=`, by the index of the limit.
    items: Vec<String>,
}

/// What a limit said.
pub(crate) struct Said<'a> {
    /// Index of the limit.
    pub(crate) index: usize,
    pub(crate) limit: &'a Limit,
    pub(crate) verdict: Verdict,
}

impl Said<'_> {
    /// Seconds until the whole quota is there again. A counter may keep a take for a millisecond
    /// more than the window; clients need not see 61 seconds of a minute.
    fn reset_s(&self) -> u64 {
        seconds(self.verdict.reset_after_ms).min(self.limit.window_s)
    }

    /// The fewer remain the tighter; of equal ones the longer to last, as in Kong.
    fn tightness(&self) -> (u32, std::cmp::Reverse<u64>) {
        (self.verdict.remaining, std::cmp::Reverse(self.limit.window_s))
    }
}

/// The limit that the client should mind: one that refused before those that did not.
pub(crate) fn tightest<'a>(said: &'a [Said<'a>]) -> Option<&'a Said<'a>> {
    said.iter().min_by_key(|said| (said.verdict.admitted, said.tightness()))
}

/// Whole seconds, so that whoever waits them has waited long enough.
const fn seconds(ms: u64) -> u64 {
    ms.div_ceil(1_000)
}

/// The seconds after which the whole request could be admitted.
pub(crate) fn retry_after_s(said: &[Said<'_>]) -> u64 {
    let refused = said.iter().filter(|said| !said.verdict.admitted);
    let longest_ms = refused.map(|said| said.verdict.retry_after_ms).max();
    // Zero would mean at once, which was refused.
    longest_ms.map_or(1, seconds).max(1)
}

impl Standing {
    pub(crate) fn new(family: HeaderFamily, limits: &[Limit]) -> Self {
        let kong = || Kong {
            periods: Calendar::ALL
                .into_iter()
                .filter(|calendar| limits.iter().any(|limit| limit.calendar == Some(*calendar)))
                .map(|calendar| Period {
                    calendar,
                    limit: format!("x-ratelimit-limit-{}", calendar.name()),
                    remaining: format!("x-ratelimit-remaining-{}", calendar.name()),
                })
                .collect(),
            quotas: limits.iter().map(|limit| limit.quota.to_string()).collect(),
        };
        let ietf = || Ietf {
            policy: limits
                .iter()
                .map(|limit| format!("\"{}\";q={};w={}", limit.name, limit.quota, limit.window_s))
                .collect::<Vec<_>>()
                .join(", "),
            items: limits.iter().map(|limit| format!("\"{}\";r=", limit.name)).collect(),
        };
        Self {
            kong: matches!(family, HeaderFamily::Kong | HeaderFamily::Both).then(kong),
            ietf: matches!(family, HeaderFamily::Ietf | HeaderFamily::Both).then(ietf),
            retry_after: family != HeaderFamily::None,
        }
    }

    /// Writes where the client stands to the response that will come.
    pub(crate) fn write(&self, said: &[Said<'_>]) -> Result<(), HeaderError> {
        let mut number = String::with_capacity(20);
        if let Some(kong) = &self.kong {
            kong.write(said, &mut number)?;
        }
        if let Some(ietf) = &self.ietf {
            ietf.write(said)?;
        }
        if self.retry_after && said.iter().any(|said| !said.verdict.admitted) {
            response::set_header("retry-after", decimal(&mut number, retry_after_s(said)))?;
        }
        Ok(())
    }

    /// Writes when a client may come back that no limit could speak about.
    pub(crate) fn write_retry_after(&self, seconds: u64) -> Result<(), HeaderError> {
        if self.retry_after {
            response::set_header("retry-after", seconds.to_string())?;
        }
        Ok(())
    }
}

impl Kong {
    fn write(&self, said: &[Said<'_>], number: &mut String) -> Result<(), HeaderError> {
        let quota = |said: &Said<'_>| self.quotas.get(said.index).map_or("", String::as_str);
        for period in &self.periods {
            let of_period = said.iter().filter(|s| s.limit.calendar == Some(period.calendar));
            let Some(said) = of_period.min_by_key(|said| said.tightness()) else { continue };
            response::set_header(&period.limit, quota(said))?;
            let remaining = decimal(number, said.verdict.remaining.into());
            response::set_header(&period.remaining, remaining)?;
        }
        let Some(said) = tightest(said) else { return Ok(()) };
        let remaining = said.verdict.remaining;
        response::set_header("ratelimit-limit", quota(said))?;
        response::set_header("ratelimit-remaining", decimal(number, remaining.into()))?;
        response::set_header("ratelimit-reset", decimal(number, said.reset_s()))
    }
}

impl Ietf {
    /// Both fields are lists, so those of the upstream and of other plugins stay beside ours.
    fn write(&self, said: &[Said<'_>]) -> Result<(), HeaderError> {
        response::append_header("ratelimit-policy", &self.policy)?;
        response::append_header("ratelimit", self.standings(said))
    }

    /// `"minute";r=99;t=60`, of each limit that applies.
    fn standings(&self, said: &[Said<'_>]) -> String {
        let mut items = String::with_capacity(48 * said.len());
        for said in said {
            let Some(item) = self.items.get(said.index) else { continue };
            let separator = if items.is_empty() { "" } else { ", " };
            let (remaining, reset_s) = (said.verdict.remaining, said.reset_s());
            write!(items, "{separator}{item}{remaining};t={reset_s}")
                .expect("a string takes every text");
        }
        items
    }
}

/// Writes a number into the reused text.
fn decimal(text: &mut String, number: u64) -> &str {
    text.clear();
    write!(text, "{number}").expect("a string takes every text");
    text
}

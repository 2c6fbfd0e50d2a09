//! `hsts` of a listener (RFC 6797).

use std::ops::RangeInclusive;
use std::time::Duration;

use http::HeaderValue;

use crate::config::tree::Kind;
use crate::config::value::Value;

/// Zero has browsers forget; ten years are more than any of them keeps.
const MAX_AGE_RANGE: RangeInclusive<Duration> =
    Duration::ZERO..=Duration::from_secs(10 * 31_557_600);

/// What the lists that are part of browsers ask for, `https://hstspreload.org`.
const PRELOAD_MAX_AGE: Duration = Duration::from_secs(31_536_000);

/// The value of `Strict-Transport-Security`.
pub(super) fn read(value: &Value<'_>) -> Option<HeaderValue> {
    let policy = match value.node.kind {
        Kind::Text(_) => {
            let max_age = value.duration(&MAX_AGE_RANGE)?;
            Policy { max_age, include_subdomains: false, preload: false }
        }
        Kind::Table(_) => policy(value)?,
        _ => return value.wrong("a duration or a table"),
    };
    Some(policy.value())
}

fn policy(value: &Value<'_>) -> Option<Policy> {
    let mut table = value.table()?;
    let max_age = table.need("max_age", "\"180d\"").and_then(|it| it.duration(&MAX_AGE_RANGE));
    let include_subdomains = table.or("include_subdomains", false, Value::boolean);
    let preload = table.or("preload", false, Value::boolean);
    table.end();
    let policy =
        Policy { max_age: max_age?, include_subdomains: include_subdomains?, preload: preload? };
    let is_listed = policy.include_subdomains && policy.max_age >= PRELOAD_MAX_AGE;
    if policy.preload && !is_listed {
        let finding = value.finding("`preload` needs all subdomains, for a year at least");
        return value
            .refuse(finding.hint("add `include_subdomains = true` and `max_age = \"1y\"`"));
    }
    Some(policy)
}

struct Policy {
    max_age: Duration,
    include_subdomains: bool,
    preload: bool,
}

impl Policy {
    fn value(&self) -> HeaderValue {
        let mut text = format!("max-age={}", self.max_age.as_secs());
        if self.include_subdomains {
            text.push_str("; includeSubDomains");
        }
        if self.preload {
            text.push_str("; preload");
        }
        HeaderValue::try_from(text).expect("digits and words are visible ASCII")
    }
}

//! Which exchanges are logged.

use tidegate_plugin::{ConfigError, Summary, exchange};

use crate::config::Config;

/// The choice.
#[derive(Debug)]
pub(crate) struct Sample {
    /// Hashes below are logged; `None` logs every exchange.
    below: Option<u64>,
    always: Vec<Condition>,
    slow_us: Option<u64>,
}

/// What is logged whatever the hash says.
#[derive(Debug, PartialEq, Eq)]
enum Condition {
    /// 500 to 599 is class 5.
    Class(u16),
    Status(u16),
    Failed,
    Incomplete,
}

impl Sample {
    pub(crate) fn check(config: &Config) -> Result<Self, ConfigError> {
        if !(0.0..=1.0).contains(&config.sample) {
            let message = format!("{} is not a share; from 0.0 to 1.0", config.sample);
            return Err(ConfigError::at("/sample", message));
        }
        let condition = |(index, text): (usize, &String)| {
            Condition::parse(text)
                .map_err(|message| ConfigError::at(format!("/always/{index}"), message))
        };
        let slow = config.slow.as_deref().map(duration_us).transpose();
        Ok(Self {
            below: threshold(config.sample),
            always: config.always.iter().enumerate().map(condition).collect::<Result<_, _>>()?,
            slow_us: slow.map_err(|message| ConfigError::at("/slow", message))?,
        })
    }

    /// Whether this exchange is logged.
    ///
    /// The request id decides, so every gateway and every log that sees the id decides the same.
    pub(crate) fn takes(&self, summary: &Summary) -> bool {
        let Some(below) = self.below else { return true };
        self.always.iter().any(|condition| condition.holds(summary))
            || self.slow_us.is_some_and(|slow_us| summary.duration_us >= slow_us)
            || hash(exchange::id().as_bytes()) < below
    }
}

impl Condition {
    fn parse(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "`{text}` is not a condition: a status such as 404, a class such as 5xx, \
                     failed, incomplete"
            )
        };
        match text.as_bytes() {
            b"failed" => Ok(Self::Failed),
            b"incomplete" => Ok(Self::Incomplete),
            [class @ b'1'..=b'5', b'x', b'x'] => Ok(Self::Class(u16::from(class - b'0'))),
            [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9'] => {
                text.parse().map(Self::Status).map_err(|_error| unknown())
            }
            _ => Err(unknown()),
        }
    }

    fn holds(&self, summary: &Summary) -> bool {
        match self {
            Self::Class(class) => summary.status / 100 == *class,
            Self::Status(status) => summary.status == *status,
            Self::Failed => summary.failure.is_some(),
            Self::Incomplete => !summary.complete,
        }
    }
}

/// The hash below which a share of all hashes lies.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share has at most 53 bits, and is from 0 to 1"
)]
fn threshold(share: f64) -> Option<u64> {
    (share < 1.0).then_some((share * u64::MAX as f64) as u64)
}

/// FNV-1a with the last step of `MurmurHash3`, which spreads what ids differ in over all bits.
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ hash >> 33
}

/// Reads `500ms`; in microseconds.
fn duration_us(text: &str) -> Result<u64, String> {
    let unknown = || format!("`{text}` is not a duration: a number with one of the units ms, s, m");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_us: u64 = match unit {
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        _ => return Err(unknown()),
    };
    let number: u64 = number.parse().map_err(|_error| unknown())?;
    number.checked_mul(unit_us).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::{Condition, duration_us, hash, threshold};

    #[test]
    fn a_share_of_ids_is_taken_that_is_close_to_what_was_asked() {
        let below = threshold(0.1).unwrap();
        let taken = (0..100_000).filter(|id| hash(format!("req-{id}").as_bytes()) < below).count();
        // Fixed by the hash; a tenth within 1 %.
        assert!((9_900..=10_100).contains(&taken), "{taken}");
    }

    #[test]
    fn nothing_and_everything_are_shares_too() {
        assert_eq!(threshold(0.0), Some(0));
        assert_eq!(threshold(1.0), None);
    }

    #[test]
    fn a_condition_is_a_status_a_class_or_a_word() {
        assert_eq!(Condition::parse("5xx"), Ok(Condition::Class(5)));
        assert_eq!(Condition::parse("404"), Ok(Condition::Status(404)));
        assert_eq!(Condition::parse("failed"), Ok(Condition::Failed));
        assert_eq!(Condition::parse("incomplete"), Ok(Condition::Incomplete));
        for text in ["", "6xx", "600", "5XX", "40", "errors"] {
            assert!(Condition::parse(text).unwrap_err().contains("is not a condition"), "{text}");
        }
    }

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!(duration_us("500ms"), Ok(500_000));
        assert_eq!(duration_us("2s"), Ok(2_000_000));
        assert_eq!(duration_us("1m"), Ok(60_000_000));
        for text in ["", "1", "ms", "-1s", "1h", "99999999999999999999s"] {
            assert!(duration_us(text).unwrap_err().contains("is not a duration"), "{text}");
        }
    }
}

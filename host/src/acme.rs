//! Certificates by ACME (RFC 8555): got when they are missing, and again before they end.
//!
//! ```text
//! renewal (one task a listener) → order → storage → a reload, which shows the new certificate
//! ```
//!
//! Nothing here stops the gateway from starting or serving. What goes wrong is logged and tried again,
//! less and less often. A listener whose first certificate is not there yet refuses handshakes.

mod client;
mod order;
pub mod storage;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::clock;
use crate::config::Acme;
use crate::listener::Challenges;
use crate::telemetry::Metrics;
use storage::Storage;

/// Between two looks at a certificate that is good for longer.
const LOOK_PERIOD: Duration = Duration::from_secs(12 * 60 * 60);

/// After a first failure; each further one doubles it. Let's Encrypt refuses whoever fails more than
/// five times in an hour.
const PAUSE_MIN: Duration = Duration::from_secs(2 * 60);

/// However often it has failed.
const PAUSE_MAX: Duration = Duration::from_secs(6 * 60 * 60);

/// Keeps a certificate for these domains in its storage. Never ends; `changed` is told of each new
/// file. A drop leaves at most an order behind that the authority forgets.
pub async fn keep(
    settings: Acme,
    challenges: Arc<Challenges>,
    metrics: Arc<Metrics>,
    changed: impl Fn(PathBuf) + Send,
) {
    let storage = Storage::of(&settings);
    let domain = settings.domains.first().map_or("", String::as_str);
    let mut failures = 0_u32;
    loop {
        let left = storage
            .validity()
            .map_or(Duration::ZERO, |validity| until_renewal(validity, clock::unix_ms() / 1000));
        if !left.is_zero() {
            sleep(left.min(LOOK_PERIOD)).await;
            continue;
        }
        match order::obtain(&settings, &storage, &challenges).await {
            Ok(()) => {
                failures = 0;
                metrics.acme_order("issued");
                tracing::info!(domain, "certificate issued");
                changed(storage.certificate());
                // One that is due at once must not be asked for again and again.
                sleep(PAUSE_MIN).await;
            }
            Err(error) => {
                let pause = pause(failures);
                failures = failures.saturating_add(1);
                metrics.acme_order("failed");
                tracing::warn!(domain, %error, pause_s = pause.as_secs(), "certificate not issued");
                sleep(pause).await;
            }
        }
    }
}

/// Zero if a third of the lifetime is left or less. All in seconds since 1970.
fn until_renewal((not_before, not_after): (i64, i64), now: u64) -> Duration {
    let lifetime = not_after.saturating_sub(not_before);
    let due = u64::try_from(not_after.saturating_sub(lifetime / 3)).unwrap_or(0);
    Duration::from_secs(due.saturating_sub(now))
}

fn pause(failures: u32) -> Duration {
    PAUSE_MIN.saturating_mul(2_u32.saturating_pow(failures)).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::{Duration, PAUSE_MAX, pause, until_renewal};

    #[test]
    fn a_certificate_is_renewed_when_a_third_of_its_life_is_left() {
        assert_eq!(until_renewal((1000, 1900), 1000), Duration::from_secs(600));
        assert_eq!(until_renewal((1000, 1900), 1599), Duration::from_secs(1));
        assert_eq!(until_renewal((1000, 1900), 1600), Duration::ZERO);
        assert_eq!(until_renewal((1000, 1900), 5000), Duration::ZERO);
    }

    #[test]
    fn who_failed_waits_longer_each_time_and_not_for_ever() {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        assert_eq!([0, 1, 2, 3].map(pause), [2, 4, 8, 16].map(minutes));
        assert_eq!(pause(u32::MAX), PAUSE_MAX);
    }
}

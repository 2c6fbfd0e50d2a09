//! The keys that say how many at once, and who may wait: of an upstream and of `limits`.

use std::time::Duration;

use super::Admission;
use super::limits::WAIT_RANGE;
use super::table::Table;

/// More than a process holds.
const AT_ONCE_MAX: usize = 10_000_000;

/// Each holds a request, so a longer queue is the load that it should keep away.
const QUEUE_MAX: usize = 1_000_000;

/// Who waited for a second wants an answer rather than a place.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(1);

/// What the three keys are called.
pub(super) struct Keys {
    pub(super) at_once: &'static str,
    pub(super) queue: &'static str,
    pub(super) queue_timeout: &'static str,
}

/// `None` in it if there is no bound; `queue` is how many wait if the key is absent.
#[expect(clippy::option_option, reason = "the outer one is that of all readers")]
pub(super) fn read(table: &mut Table<'_>, keys: &Keys, queue: usize) -> Option<Option<Admission>> {
    let at_once = table.or(keys.at_once, None, |value| value.integer(1..=AT_ONCE_MAX).map(Some));
    let (line, patience) = (table.take(keys.queue), table.take(keys.queue_timeout));
    if at_once == Some(None)
        && let Some(value) = line.as_ref().or(patience.as_ref())
    {
        let message = format!("`{}` has no effect without `{}`", value.name, keys.at_once);
        let hint = format!("add `{} = 100`, or leave this out", keys.at_once);
        return value.refuse(value.finding(message).hint(hint));
    }
    let queue = line.map_or(Some(queue), |value| value.integer(0..=QUEUE_MAX));
    let queue_timeout = patience.map_or(Some(QUEUE_TIMEOUT), |value| value.duration(&WAIT_RANGE));
    let (at_once, queue, queue_timeout) = (at_once?, queue?, queue_timeout?);
    Some(at_once.map(|at_once| Admission { at_once, queue, queue_timeout }))
}

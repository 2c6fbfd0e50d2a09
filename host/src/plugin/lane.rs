//! Where calls go on that compute for long.
//!
//! A guest that has run for a millisecond shares its worker with that worker's other exchanges, each of
//! which waits for it, a millisecond at a time. So such a call leaves the worker: it goes on in one of
//! a few threads of lower priority, and the exchange waits for it there. The operating system gives
//! these what the workers leave of the processors.

use std::io;
use std::num::NonZero;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tokio::runtime::{self, Handle};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use super::egress;
use crate::clock;

/// How much lower the priority is. With 10 a thread has a tenth of a worker's share of a processor that
/// both want: enough for a plugin that hashes a password under full load, too little to be felt.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Between two searches for connections that waited for too long.
const PURGE_PERIOD: Duration = Duration::from_secs(1);

/// The threads, started with the first call that needs one; as many as processors.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: OnceLock<Box<[Lane]>>,
    turn: AtomicUsize,
}

/// A thread with a runtime.
#[derive(Debug)]
struct Lane {
    handle: Handle,
    /// Its drop ends the thread.
    _alive: oneshot::Sender<()>,
}

impl Lanes {
    /// Runs a call to its end; a drop gives it up. Hands it back if there is no thread for it.
    pub(super) fn run<F>(&self, call: F) -> Result<AbortOnDropHandle<F::Output>, F>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let lanes = self.lanes.get_or_init(start);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        match turn.checked_rem(lanes.len()).and_then(|turn| lanes.get(turn)) {
            Some(lane) => Ok(AbortOnDropHandle::new(lane.handle.spawn(call))),
            None => Err(call),
        }
    }
}

fn start() -> Box<[Lane]> {
    let count = thread::available_parallelism().map_or(1, NonZero::get);
    let lanes = (0..count).map(|_| Lane::start()).collect::<io::Result<_>>();
    lanes.unwrap_or_else(|error| {
        tracing::warn!(%error, "no threads for long calls of plugins; workers go on with them");
        Box::default()
    })
}

impl Lane {
    fn start() -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (alive, ended) = oneshot::channel();
        let body = move || {
            lower_priority();
            runtime.block_on(purge_until(ended));
        };
        thread::Builder::new().name("tidegate-lane".to_owned()).spawn(body)?;
        Ok(Self { handle, _alive: alive })
    }
}

/// Keeps the connections of plugins' own requests in order.
async fn purge_until(ended: oneshot::Receiver<()>) {
    let mut purge = interval(PURGE_PERIOD);
    purge.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ended = ended;
    loop {
        tokio::select! {
            _ = &mut ended => return,
            _ = purge.tick() => egress::pools().purge(clock::now()),
        }
    }
}

/// Of this thread.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        #[expect(
            unsafe_code,
            reason = "std has no call for the priority of a thread; this one takes three numbers"
        )]
        // SAFETY: it neither takes nor gives memory. On Linux, 0 is the thread that calls.
        let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
        if result != 0 {
            let error = io::Error::last_os_error();
            tracing::warn!(%error, "long calls of plugins run at the priority of workers");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_goes_on_in_another_thread_and_ends_with_its_handle() {
        let lanes = Lanes::default();
        let here = thread::current().id();
        let there = lanes.run(async { thread::current().id() });
        assert_ne!(there.unwrap_or_else(|_| panic!("a lane")).await.expect("an id"), here);

        let (ended, end) = oneshot::channel::<()>();
        let endless = lanes.run(async move {
            let _ended = ended;
            std::future::pending::<()>().await;
        });
        drop(endless);
        end.await.expect_err("it was dropped");
    }
}

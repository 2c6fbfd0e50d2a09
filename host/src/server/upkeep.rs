//! The thread on which endpoints are checked and names are looked up.
//!
//! There is one for the whole gateway, which starts with the first upstream that wants it. It is a
//! thread of its own, because the control thread may be busy with a large change, while an endpoint
//! that has died must be noticed in time. A reload replaces all tasks; what they have found out is in
//! the endpoints, which stay.

use std::io;
use std::sync::Arc;
use std::thread;

use tokio::runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::tasks::Ending;
use crate::upstream::Upstream;

/// The upstreams that are looked after.
#[derive(Default)]
pub(super) struct Upkeep(Option<Running>);

struct Running {
    upstreams: watch::Sender<Vec<Arc<Upstream>>>,
    thread: thread::JoinHandle<()>,
}

impl Upkeep {
    /// Looks after those of `upstreams` that need it, and no others.
    ///
    /// # Errors
    ///
    /// The thread cannot be started; what is known of endpoints stays as it is then.
    pub(super) fn follow(
        &mut self,
        upstreams: &[Arc<Upstream>],
        ending: &Ending,
    ) -> io::Result<()> {
        let needy = upstreams.iter().filter(|upstream| upstream.needs_upkeep());
        let needy: Vec<Arc<Upstream>> = needy.cloned().collect();
        match &self.0 {
            // The receiver is there until the gateway ends.
            Some(running) => drop(running.upstreams.send(needy)),
            None if needy.is_empty() => {}
            None => self.0 = Some(Running::start(needy, ending.clone())?),
        }
        Ok(())
    }

    /// Waits for the thread's end. Blocks.
    pub(super) fn join(self) {
        if let Some(Running { upstreams, thread }) = self.0 {
            drop(upstreams);
            if thread.join().is_err() {
                tracing::error!("the thread of upkeep has panicked");
            }
        }
    }
}

impl Running {
    fn start(upstreams: Vec<Arc<Upstream>>, ending: Ending) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (sender, receiver) = watch::channel(upstreams);
        let body = move || runtime.block_on(Box::pin(run(receiver, ending)));
        let thread = thread::Builder::new().name("tidegate-upkeep".to_owned()).spawn(body)?;
        Ok(Self { upstreams: sender, thread })
    }
}

/// Until the gateway's exchanges are over: while it drains they need fit endpoints, too.
async fn run(mut upstreams: watch::Receiver<Vec<Arc<Upstream>>>, ending: Ending) {
    loop {
        // Dropped by each change, and at the end.
        let mut tasks = JoinSet::new();
        for upstream in &*upstreams.borrow_and_update() {
            let upstream = Arc::clone(upstream);
            tasks.spawn(async move { upstream.keep_up().await });
        }
        tokio::select! {
            biased;
            () = ending.cut.cancelled() => return,
            changed = upstreams.changed() => if changed.is_err() { return },
        }
    }
}

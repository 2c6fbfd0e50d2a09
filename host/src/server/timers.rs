//! The thread on which plugins tick.
//!
//! It is a thread of its own, because a tick runs a guest: what that computes must delay neither the
//! exchanges of a worker nor the control thread, which tells whether the gateway is ready. It starts
//! with the first plugin that ticks. A plugin that stays the same from one snapshot to the next goes
//! on; one that was replaced finishes its tick, and the new one begins after that.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::tasks::Ending;
use crate::clock;
use crate::plugin::{self, Plugin};

/// Between two searches for connections that waited for too long, and for plugins that have ended.
const PURGE_PERIOD: Duration = Duration::from_secs(1);

/// The plugins that tick.
#[derive(Default)]
pub(super) struct Timers(Option<Running>);

struct Running {
    plugins: watch::Sender<Vec<Arc<Plugin>>>,
    thread: thread::JoinHandle<()>,
}

impl Timers {
    /// Has those of `plugins` tick that have a timer, and no others. `alive` makes what is dropped
    /// when the thread has ended.
    ///
    /// # Errors
    ///
    /// The thread cannot be started; nothing ticks then.
    pub(super) fn follow(
        &mut self,
        plugins: &[Arc<Plugin>],
        ending: &Ending,
        alive: &TaskTracker,
    ) -> io::Result<()> {
        let ticking = plugins.iter().filter(|plugin| plugin.period().is_some());
        let ticking: Vec<Arc<Plugin>> = ticking.cloned().collect();
        match &self.0 {
            // The receiver is there until the gateway ends.
            Some(running) => drop(running.plugins.send(ticking)),
            None if ticking.is_empty() => {}
            None => self.0 = Some(Running::start(ticking, ending.clone(), alive.token())?),
        }
        Ok(())
    }

    /// Waits for the thread's end. Blocks.
    pub(super) fn join(self) {
        if let Some(Running { plugins, thread }) = self.0 {
            drop(plugins);
            if thread.join().is_err() {
                tracing::error!("the thread of timers has panicked");
            }
        }
    }
}

impl Running {
    fn start(
        plugins: Vec<Arc<Plugin>>,
        ending: Ending,
        alive: TaskTrackerToken,
    ) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (sender, receiver) = watch::channel(plugins);
        let body = move || {
            runtime.block_on(Box::pin(run(receiver, ending)));
            drop(runtime);
            drop(alive);
        };
        let thread = thread::Builder::new().name("tidegate-timers".to_owned()).spawn(body)?;
        Ok(Self { plugins: sender, thread })
    }
}

async fn run(mut plugins: watch::Receiver<Vec<Arc<Plugin>>>, ending: Ending) {
    let mut all = All::default();
    let mut purge = interval(PURGE_PERIOD);
    purge.set_missed_tick_behavior(MissedTickBehavior::Delay);
    all.follow(&plugins.borrow_and_update());
    loop {
        tokio::select! {
            biased;
            () = ending.drain.cancelled() => break,
            changed = plugins.changed() => match changed {
                Ok(()) => all.follow(&plugins.borrow_and_update()),
                Err(_gone) => break,
            },
            _ = purge.tick() => {
                plugin::pools().purge(clock::now());
                all.forget_ended();
            }
        }
    }
    // Ticks that are under way may finish while the gateway drains.
    all.follow(&[]);
    tokio::select! {
        () = all.ended() => {}
        () = ending.cut.cancelled() => {}
    }
}

/// Those that tick, and those that finish their last one, by name.
#[derive(Default)]
struct All(BTreeMap<Box<str>, Ticking>);

struct Ticking {
    plugin: Arc<Plugin>,
    end: CancellationToken,
    task: JoinHandle<()>,
}

impl All {
    /// Starts those that are new, and ends those that are no more.
    fn follow(&mut self, plugins: &[Arc<Plugin>]) {
        for ticking in self.0.values() {
            if !plugins.iter().any(|plugin| Arc::ptr_eq(plugin, &ticking.plugin)) {
                ticking.end.cancel();
            }
        }
        for plugin in plugins {
            let known = self.0.get(plugin.name());
            if known.is_some_and(|known| !known.end.is_cancelled()) {
                continue;
            }
            let before = self.0.remove(plugin.name());
            self.0.insert(plugin.name().into(), Ticking::start(Arc::clone(plugin), before));
        }
    }

    fn forget_ended(&mut self) {
        self.0.retain(|_, ticking| !ticking.task.is_finished());
    }

    async fn ended(self) {
        for ticking in self.0.into_values() {
            report(ticking.task.await);
        }
    }
}

impl Ticking {
    /// Ticks after the last tick of the plugin `before`, which is ending.
    #[expect(
        clippy::disallowed_methods,
        reason = "the task is kept, and the end of the thread waits for it"
    )]
    fn start(plugin: Arc<Plugin>, before: Option<Self>) -> Self {
        let end = CancellationToken::new();
        let (own, until) = (Arc::clone(&plugin), end.clone());
        let task = tokio::spawn(async move {
            if let Some(before) = before {
                report(before.task.await);
            }
            own.tick(&until).await;
        });
        Self { plugin, end, task }
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a timer has panicked");
    }
}

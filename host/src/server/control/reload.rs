//! Reading the configuration again.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use super::{Asked, Control, millis};
use crate::clock;
use crate::config::{self, Findings, Loaded};
use crate::server::boot::{self, Fixed};
use crate::server::change::{Cause, Difference};
use crate::server::gateway::Refused;
use crate::server::handover::Inherited;
use crate::server::watch::{Scene, Targets};
use crate::server::{Environment, Options};
use crate::server::{listeners, memory, quic};
use crate::snapshot::{Builder, Purpose, Snapshot};
use crate::telemetry::metrics::{Live, Reload};

/// What came of reading and building.
struct Attempt {
    outcome: Result<(Loaded, Snapshot), Findings>,
    /// What it was made of; with the current ones if it failed, because a repair may be that the
    /// old files come back.
    targets: Targets,
    /// How they looked when they were read.
    scene: Scene,
}

impl Attempt {
    /// Blocks.
    fn make(
        (file, environment): (&std::path::Path, &Environment),
        builder: &Builder,
        previous: &Snapshot,
        targets: &Targets,
    ) -> Self {
        let before = Scene::of(targets);
        let loaded = match config::load(file, &**environment) {
            Ok(loaded) => loaded,
            Err(findings) => {
                let targets = targets.and(&Targets::of_files(findings.watched()));
                let scene = Scene::of(&targets).seen_as_in(&before);
                return Self { outcome: Err(findings), targets, scene };
            }
        };
        let new = Targets::of(&loaded.config, loaded.sources.watched());
        let scene = Scene::of(&targets.and(&new)).seen_as_in(&before);
        match builder.build(&loaded, Some(previous), Purpose::Serve) {
            Ok(snapshot) => {
                let scene = Scene::of(&new).seen_as_in(&scene);
                Self { outcome: Ok((loaded, snapshot)), targets: new, scene }
            }
            Err(findings) => Self { outcome: Err(findings), targets: targets.and(&new), scene },
        }
    }
}

impl Control {
    /// Reads the configuration again and serves it, or says why not.
    pub(super) async fn reload(&mut self, requests: Vec<Asked>) {
        let began = clock::now();
        self.supervisor.reloading();
        let Some(attempt) = self.attempt().await else { return };
        let Attempt { outcome, targets, scene } = attempt;
        let causes: Vec<&Cause> = requests.iter().map(|asked| &asked.cause).collect();
        let outcome = match outcome {
            Ok((loaded, snapshot)) => {
                self.commit(loaded, snapshot, targets.clone(), &causes, began)
            }
            Err(findings) => Err(findings),
        };
        match &outcome {
            Ok(_) => self.gateway.services.metrics.reloaded(Reload::Good),
            Err(findings) => self.refuse(findings, &causes, began),
        }
        // Also of a refused one: there the repair will be.
        if let Some(watch) = &self.watch {
            watch.look(targets, scene);
        }
        self.supervisor.ready();
        for Asked { answer, .. } in requests {
            if let Some(answer) = answer {
                // Who asked may have gone away.
                let _gone = answer.send(outcome.clone());
            }
        }
    }

    /// Reads and builds beside the traffic; `None` if the gateway shall end meanwhile.
    async fn attempt(&self) -> Option<Attempt> {
        let Options { file, environment, .. } = self.options.clone();
        let (builder, targets) = (self.builder.clone(), self.targets.clone());
        let previous = self.gateway.snapshot.load_full();
        let attempt = tokio::task::spawn_blocking(move || {
            let attempt = Attempt::make((&file, &environment), &builder, &previous, &targets);
            memory::give_back();
            attempt
        });
        tokio::select! {
            biased;
            () = self.ending.asked.cancelled() => None,
            attempt = attempt => match attempt {
                Ok(attempt) => Some(attempt),
                Err(error) => {
                    tracing::error!(%error, "reading the configuration has panicked");
                    None
                }
            }
        }
    }

    /// Makes the snapshot the current one, unless an address cannot be had.
    fn commit(
        &mut self,
        loaded: Loaded,
        snapshot: Snapshot,
        targets: Targets,
        causes: &[&Cause],
        began: Instant,
    ) -> Result<u64, Findings> {
        let mut findings = Vec::new();
        let (sources, workers) = (&loaded.sources, self.fixed.workers);
        let (open, metrics) = (self.gateway.listeners(), &self.gateway.services.metrics);
        let mut none = Inherited::default();
        let known = (&**open, &mut none);
        let plan = listeners::plan(&snapshot, sources, known, workers, metrics, &mut findings);
        let ports = &self.gateway.ports;
        let wanting = (&*plan.listeners, false);
        let ports = quic::plan(ports, &snapshot, sources, wanting, &mut findings);
        let admin_at = self.admin.as_ref().map(|admin| admin.configured);
        let known = (admin_at, &mut none);
        let admin = listeners::bind_admin(&loaded.config, sources, known, &mut findings);
        if let Some(findings) = Findings::new(findings, sources.watched().clone()) {
            return Err(findings);
        }
        boot::warn_of(&loaded, &snapshot);
        self.warn_of_fixed(&loaded);

        let id = snapshot.id;
        let snapshot = Arc::new(snapshot);
        self.take_over(&snapshot, &loaded.config);
        plan.take_over(&snapshot, &self.gateway.services.metrics);
        let old = self.gateway.snapshot.swap(Arc::clone(&snapshot));
        snapshot.dismiss(&old);
        self.accept(plan, ports);
        if let Err(error) = self.start_timers(&snapshot) {
            tracing::error!(%error, "the thread of timers cannot be started");
        }
        if let Err(error) = self.start_upkeep(&snapshot) {
            tracing::error!(%error, "the thread of upkeep cannot be started");
        }
        self.serve_admin(admin);
        self.keep_certificates(&snapshot);
        self.targets = targets;
        let old_loaded = mem::replace(&mut self.loaded, loaded);
        let changed =
            Difference::between((&old_loaded.config, &old), (&self.loaded.config, &snapshot));
        let causes = shown(causes);
        drop(old_loaded);
        self.retire(old);
        memory::give_back();
        tracing::info!(snapshot = id, ms = millis(began), %causes, %changed, "configuration changed");
        self.gateway.note_good(id);
        Ok(id)
    }

    /// Keeps what served before until its last exchange has ended: to drop ten thousand routes takes
    /// long enough for the exchanges of a worker to notice.
    fn retire(&mut self, old: Arc<Snapshot>) {
        self.retired.push(old);
        self.drop_retired();
    }

    /// Drops those that only this thread still has; whether there were any. Nobody can get hold of them
    /// again.
    pub(super) fn drop_retired(&mut self) -> bool {
        let before = self.retired.len();
        self.retired.retain(|snapshot| Arc::strong_count(snapshot) > 1);
        self.retired.len() < before
    }

    fn refuse(&self, findings: &Findings, causes: &[&Cause], began: Instant) {
        // What the refused one would have counted and kept.
        let config = &self.loaded.config;
        self.gateway.services.metrics.retain(&Live::of(config));
        self.gateway.services.kv.retain(&config.plugins);
        self.gateway.services.metrics.reloaded(Reload::Refused);
        tracing::error!(
            snapshot = self.gateway.snapshot.load().id,
            ms = millis(began),
            causes = %shown(causes),
            findings = %format_args!("\n{findings}"),
            "change refused, the old configuration still serves"
        );
        let at_unix_ms = clock::unix_ms();
        self.gateway.note_refused(Refused { at_unix_ms, findings: findings.clone() });
    }

    /// What a process has for life.
    fn warn_of_fixed(&self, loaded: &Loaded) {
        for key in self.fixed.differs(&Fixed::of(&loaded.config)) {
            tracing::warn!(key, "this takes effect at the next start only");
        }
    }
}

fn shown(causes: &[&Cause]) -> String {
    let mut shown: Vec<String> = causes.iter().map(ToString::to_string).collect();
    shown.dedup();
    shown.join(", ")
}

//! The thread that changes what the workers share: it starts them, reloads, and ends them.

mod admin;
mod end;
mod reload;
mod upgrade;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::TaskTracker;

use super::acme::{Company, Keepers};
use super::boot::{self, Fixed};
use super::change::Cause;
use super::gateway::{Gateway, Phase};
use super::handover::{Inherited, Program};
use super::listeners::{self, Grace, Plan};
use super::memory;
use super::quic;
use super::signals::Signals;
use super::supervisor::Supervisor;
use super::tasks::Ending;
use super::timers::Timers;
use super::upkeep::Upkeep;
use super::watch::{self, Scene, Targets, Watch};
use super::worker::{self, Accept};
use super::{Options, Running, StartError};
use crate::clock;
use crate::config::{self, Findings, Loaded};
use crate::snapshot::{Builder, Purpose, Snapshot};
use admin::Admin;
use end::Heir;
use upgrade::Upgrading;

/// Between two searches for counters and values whose time is over.
const SWEEP_PERIOD: Duration = Duration::from_secs(1);

/// For what still runs on the control thread's runtime when everything else has ended.
const RUNTIME_GRACE: Duration = Duration::from_secs(1);

/// Asked of the control thread.
pub(super) enum Request {
    Reload(Asked),
    /// Have a new process take the place of this one.
    Upgrade,
}

/// Read the configuration again.
pub(super) struct Asked {
    pub(super) cause: Cause,
    /// Gets the id of the snapshot that serves then, or why the change was refused.
    pub(super) answer: Option<oneshot::Sender<Result<u64, Findings>>>,
}

/// All that the control thread knows.
struct Control {
    options: Options,
    builder: Builder,
    gateway: Arc<Gateway>,
    ending: Ending,
    fixed: Fixed,
    /// Of the snapshot that serves.
    loaded: Loaded,
    /// What `loaded` was made of.
    targets: Targets,
    workers: Vec<worker::Handle>,
    /// Empty when no worker runs any more.
    alive: TaskTracker,
    tasks: TaskTracker,
    admin: Option<Admin>,
    watch: Option<Watch>,
    timers: Timers,
    keepers: Keepers,
    /// Of its own requests.
    requests: UnboundedSender<Request>,
    upkeep: Upkeep,
    /// That exchanges still held when another took their place. They are freed here: to free
    /// thousands of routes on a worker would keep its clients waiting.
    retired: Vec<Arc<Snapshot>>,
    supervisor: Supervisor,
    /// What to start in the place of this process; absent if that is not this gateway's to do.
    program: Option<Program>,
    /// The new process, on its way.
    upgrading: Option<Upgrading>,
}

/// What is known before anything listens.
struct Booted {
    options: Options,
    loaded: Loaded,
    targets: Targets,
    scene: Scene,
    builder: Builder,
    gateway: Arc<Gateway>,
}

/// What [`Running`] needs of a control thread that serves.
struct Serving {
    gateway: Arc<Gateway>,
    admin: Option<SocketAddr>,
}

pub(super) fn start(options: Options, inherited: Inherited) -> Result<Running, StartError> {
    let (requests, receiver) = unbounded_channel();
    let (report, reported) = sync_channel(1);
    let ending = Ending::default();
    let (own, sender) = (ending.clone(), requests.clone());
    let control = thread::Builder::new()
        .name("tidegate-control".to_owned())
        .spawn(move || {
            let _ended = own.ended.clone().drop_guard();
            run((options, inherited), own, (sender, receiver), &report);
        })
        .map_err(StartError::io("the control thread cannot be started"))?;
    match reported.recv() {
        Ok(Ok(Serving { gateway, admin })) => {
            Ok(Running { gateway, requests, ending, admin, control: Some(control) })
        }
        Ok(Err(error)) => {
            // It has nothing more to do.
            let _panicked = control.join();
            Err(error)
        }
        Err(source) => Err(StartError::System {
            what: "the control thread has panicked",
            source: source.into(),
        }),
    }
}

/// The life of the control thread.
fn run(
    (options, inherited): (Options, Inherited),
    ending: Ending,
    (sender, requests): (UnboundedSender<Request>, UnboundedReceiver<Request>),
    report: &SyncSender<Result<Serving, StartError>>,
) {
    let began = clock::now();
    let booted = boot(options).and_then(|booted| {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        Ok((booted, runtime.map_err(StartError::io("the control runtime cannot be started"))?))
    });
    let (booted, runtime) = match booted {
        Ok(booted) => booted,
        // The receiver waits for this.
        Err(error) => return drop(report.send(Err(error))),
    };
    runtime.block_on(Box::pin(async {
        let scene = booted.scene.clone();
        match Control::listen((booted, inherited), ending, &sender) {
            Ok((control, admin)) => {
                control.watch(scene);
                let gateway = Arc::clone(&control.gateway);
                log_started(&gateway, admin, began);
                drop(report.send(Ok(Serving { gateway, admin })));
                control.serve(requests).await;
            }
            Err(error) => drop(report.send(Err(error))),
        }
    }));
    runtime.shutdown_timeout(RUNTIME_GRACE);
}

/// Everything that start-up can find wrong but addresses.
fn boot(options: Options) -> Result<Booted, StartError> {
    let began = clock::now();
    let loaded = config::load(&options.file, &*options.environment).map_err(StartError::Config)?;
    boot::check_trace(&options.trace, &loaded.config)?;
    let targets = Targets::of(&loaded.config, loaded.sources.watched());
    let scene = Scene::of(&targets);
    let (builder, services) = boot::builder(&loaded.config, options.trace.clone())?;
    let snapshot = builder.build(&loaded, None, Purpose::Serve).map_err(StartError::Config)?;
    boot::warn_of(&loaded, &snapshot);
    let gateway = Arc::new(Gateway::new(options.file.clone(), services, snapshot, began));
    Ok(Booted { options, loaded, targets, scene, builder, gateway })
}

/// What SIGUSR2 starts.
fn program(options: &Options) -> Option<Program> {
    let program = options.signals.then(Program::of_this_process)?;
    program.map_err(|error| tracing::warn!(%error, "the program does not know its own path")).ok()
}

fn log_started(gateway: &Gateway, admin: Option<SocketAddr>, began: std::time::Instant) {
    for listener in gateway.listeners().iter() {
        tracing::info!(address = %listener.address, tls = listener.is_tls(), "listening");
    }
    if let Some(address) = admin {
        tracing::info!(%address, "admin listening");
    }
    // Here the plugins were compiled.
    memory::give_back();
    let snapshot = gateway.snapshot.load();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        snapshot = snapshot.id,
        routes = snapshot.routes.len(),
        plugins = snapshot.plugins.len(),
        ms = millis(began),
        "serving"
    );
}

fn millis(began: std::time::Instant) -> u64 {
    let took = clock::now().saturating_duration_since(began);
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

impl Control {
    /// Binds every address and starts the workers; also gives the admin listener's real address.
    fn listen(
        (booted, mut inherited): (Booted, Inherited),
        ending: Ending,
        requests: &UnboundedSender<Request>,
    ) -> Result<(Self, Option<SocketAddr>), StartError> {
        let Booted { options, loaded, targets, builder, gateway, .. } = booted;
        let fixed = Fixed::of(&loaded.config);
        let snapshot = gateway.snapshot.load_full();
        let mut findings = Vec::new();
        let metrics = &gateway.services.metrics;
        let sources = &loaded.sources;
        let known = (&[][..], &mut inherited);
        let plan =
            listeners::plan(&snapshot, sources, known, fixed.workers, metrics, &mut findings);
        let wanting = (&*plan.listeners, inherited.has_predecessor());
        let ports = quic::plan(&gateway.ports, &snapshot, sources, wanting, &mut findings);
        let known = (None, &mut inherited);
        let admin = listeners::bind_admin(&loaded.config, sources, known, &mut findings);
        if let Some(findings) = Findings::new(findings, sources.watched().clone()) {
            return Err(StartError::Config(findings));
        }
        inherited.close_rest();
        let (supervisor, program) = (Supervisor::new(options.signals), program(&options));
        let mut control = Self {
            options,
            builder,
            gateway,
            ending,
            fixed,
            loaded,
            targets,
            workers: Vec::new(),
            alive: TaskTracker::new(),
            tasks: TaskTracker::new(),
            admin: None,
            watch: None,
            timers: Timers::default(),
            keepers: Keepers::default(),
            requests: requests.clone(),
            upkeep: Upkeep::default(),
            retired: Vec::new(),
            supervisor,
            program,
            upgrading: None,
        };
        control.start_workers()?;
        control.start_signals(requests)?;
        // Nothing is accepted before; what else may fail has not.
        let predecessor = inherited.ready();
        control.start_watch(requests);
        let address = admin.as_ref().and_then(|socket| socket.local_addr().ok());
        control.serve_admin(admin);
        control.take_over(&snapshot, &control.loaded.config);
        control.accept(plan, ports);
        control.gateway.set_phase(Phase::Serving);
        control
            .start_timers(&snapshot)
            .map_err(StartError::io("the thread of timers cannot be started"))?;
        control.keep_certificates(&snapshot);
        control
            .start_upkeep(&snapshot)
            .map_err(StartError::io("the thread of upkeep cannot be started"))?;
        inherited.serving();
        if let Some(predecessor) = predecessor {
            tracing::info!(predecessor, pid = std::process::id(), "taking over");
        }
        supervisor.ready();
        Ok((control, address))
    }

    fn start_workers(&mut self) -> Result<(), StartError> {
        for number in 0..self.fixed.workers {
            let (gateway, ending) = (Arc::clone(&self.gateway), self.ending.clone());
            let handle = worker::Handle::start(number, gateway, ending, self.alive.token());
            self.workers.push(handle.map_err(StartError::io("a worker cannot be started"))?);
        }
        Ok(())
    }

    /// Has the plugins of `snapshot` tick, and no others.
    fn start_timers(&mut self, snapshot: &Snapshot) -> std::io::Result<()> {
        self.timers.follow(&snapshot.plugins, &self.ending, &self.alive)
    }

    /// Keeps the certificates by ACME of `snapshot` up to date, and no others.
    fn keep_certificates(&mut self, snapshot: &Snapshot) {
        let company = Company {
            challenges: &snapshot.challenges,
            metrics: &self.gateway.services.metrics,
            ending: &self.ending,
            tasks: &self.tasks,
            requests: &self.requests,
        };
        self.keepers.follow(&snapshot.listeners, &company);
    }

    /// Looks after the endpoints of `snapshot`, and no others.
    fn start_upkeep(&mut self, snapshot: &Snapshot) -> std::io::Result<()> {
        self.upkeep.follow(&snapshot.upstreams, &self.ending)
    }

    fn start_signals(&self, requests: &UnboundedSender<Request>) -> Result<(), StartError> {
        if self.options.signals {
            let signals = Signals::take().map_err(StartError::io("signals cannot be handled"))?;
            let (gateway, ending) = (Arc::clone(&self.gateway), self.ending.clone());
            self.tasks.spawn(signals.handle(gateway, requests.clone(), ending));
        }
        Ok(())
    }

    fn start_watch(&mut self, requests: &UnboundedSender<Request>) {
        if self.options.watch {
            let requests = requests.clone();
            let (watch, task) = watch::watch(move |files: Vec<PathBuf>| {
                let request = Asked { cause: Cause::Files(files), answer: None };
                // Nobody reloads a gateway that ends.
                let _ending = requests.send(Request::Reload(request));
            });
            self.watch = Some(watch);
            self.tasks.spawn(task);
        }
    }

    fn watch(&self, scene: Scene) {
        if let Some(watch) = &self.watch {
            watch.look(self.targets.clone(), scene);
        }
    }

    /// Makes `snapshot` the owner of what snapshots share.
    fn take_over(&self, snapshot: &Snapshot, config: &config::Config) {
        snapshot.take_over(&self.gateway.services, config);
        snapshot.keep_versions(config.gateway.cache_dir.as_deref());
    }

    /// Has the workers accept on new listeners, and none on those that are no more.
    fn accept(&self, plan: Plan, ports: quic::Plan) {
        let Plan { listeners, bound, removed } = plan;
        self.gateway.set_listeners(listeners);
        for bound in bound {
            let listener = Arc::clone(&bound.listener);
            let sockets = bound.sockets(self.workers.len());
            for (worker, socket) in self.workers.iter().cycle().zip(sockets) {
                worker.accept(Accept { listener: Arc::clone(&listener), socket });
            }
        }
        end::close(&removed, Grace::Short);
        // Each is one worker's, so they are spread over them.
        let workers = self.workers.iter().cycle().skip(self.gateway.ports.count());
        for (worker, bound) in workers.zip(self.gateway.ports.take(ports)) {
            worker.listen(bound);
        }
    }

    /// Answers requests until somebody wants the gateway to end, and ends it.
    async fn serve(mut self, mut requests: UnboundedReceiver<Request>) {
        let asked = self.ending.asked.clone();
        let mut heir = Heir::Nobody;
        let mut sweep = interval(SWEEP_PERIOD);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = asked.cancelled() => break,
                _ = sweep.tick() => {
                    self.sweep();
                    if self.drop_retired() {
                        memory::give_back();
                    }
                }
                outcome = upgrade::outcome(&mut self.upgrading) => {
                    if let Some(pid) = self.upgraded(outcome) {
                        heir = Heir::Process(pid);
                        // Not before: tasks that end with it would not be there if it failed.
                        asked.cancel();
                    }
                }
                request = requests.recv() => {
                    let Some(request) = request else { break };
                    // One reading answers all who asked before it.
                    let mut reloads = Vec::new();
                    let mut next = Some(request);
                    while let Some(request) = next {
                        match request {
                            Request::Reload(asked) => reloads.push(asked),
                            Request::Upgrade => self.upgrade(),
                        }
                        next = requests.try_recv().ok();
                    }
                    if !reloads.is_empty() {
                        self.reload(reloads).await;
                    }
                }
            }
        }
        drop(requests);
        self.end(heir).await;
    }

    fn sweep(&self) {
        let now_us = clock::steady_unix_us();
        self.gateway.services.counters.sweep(now_us);
        self.gateway.services.kv.sweep(now_us / 1000);
        self.gateway.services.cache.sweep(clock::unix_ms());
    }
}

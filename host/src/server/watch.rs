//! Watching the files that the configuration is made of.
//!
//! The system tells of what happens in the folders that lead to them ([`folders`]); when nobody is
//! writing any more ([`settle`]), the files are looked at ([`targets`]), and if one is another, there
//! is a reload. What else happens in those folders, such as lines in an access log, is not looked at.

mod folders;
mod settle;
mod targets;

use std::collections::BTreeMap;
use std::future::pending;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::sleep_until;

use crate::clock;
use folders::{Folder, Plan};
use settle::{Settle, Sign};
pub(crate) use targets::{Scene, Targets};

/// Tells the watch what to look at.
#[derive(Debug, Clone)]
pub(super) struct Watch(UnboundedSender<Look>);

/// What to watch, and how it looked when it was read.
#[derive(Debug)]
struct Look {
    targets: Targets,
    scene: Scene,
}

impl Watch {
    /// Watches from now on what a configuration was made of; `scene` is how that looked at the
    /// latest before it was read, so that nothing is missed in between.
    pub(super) fn look(&self, targets: Targets, scene: Scene) {
        // Without a receiver nobody watches, and that was logged.
        let _watched = self.0.send(Look { targets, scene });
    }
}

/// A watch, and the future that it lives in; `changed` gets the files of each change.
pub(super) fn watch(
    changed: impl Fn(Vec<PathBuf>) + Send + 'static,
) -> (Watch, impl Future<Output = ()> + Send) {
    let (looks, receiver) = unbounded_channel();
    (Watch(looks), run(receiver, changed))
}

async fn run(mut looks: UnboundedReceiver<Look>, changed: impl Fn(Vec<PathBuf>) + Send) {
    let (mut watcher, mut signs) = match Watcher::start() {
        Ok(started) => started,
        Err(error) => {
            tracing::warn!(%error, "files cannot be watched, only SIGHUP reloads");
            return;
        }
    };
    let mut settle = Settle::default();
    loop {
        let deadline = settle.deadline();
        let due = async {
            match deadline {
                Some(deadline) => sleep_until(deadline.into()).await,
                None => pending().await,
            }
        };
        tokio::select! {
            look = looks.recv() => {
                let Some(Look { targets, scene }) = look else { return };
                (watcher.targets, watcher.scene) = (targets, scene);
                watcher.follow();
                if watcher.scene.changed(&Scene::of(&watcher.targets)).next().is_some() {
                    settle.note(Sign::Moved(Vec::new()), clock::now());
                }
            }
            Some(sign) = signs.recv() => settle.note(sign, clock::now()),
            () = due => {
                if settle.take(clock::now())
                    && let Some(files) = watcher.changed()
                {
                    changed(files);
                }
            }
        }
    }
}

/// The system's watch on the folders of the targets.
struct Watcher {
    system: RecommendedWatcher,
    plan: Arc<ArcSwap<Plan>>,
    /// Watched now.
    folders: BTreeMap<PathBuf, Folder>,
    targets: Targets,
    /// How they looked last.
    scene: Scene,
}

impl Watcher {
    fn start() -> notify::Result<(Self, UnboundedReceiver<Sign>)> {
        let plan = Arc::new(ArcSwap::<Plan>::default());
        let (signs, receiver) = unbounded_channel();
        let known = Arc::clone(&plan);
        let system = notify::recommended_watcher(move |event| {
            if let Some(sign) = sign(event, &known.load()) {
                // The receiver is gone when the gateway ends.
                let _ended = signs.send(sign);
            }
        })?;
        let (targets, scene) = (Targets::default(), Scene::default());
        Ok((Self { system, plan, folders: BTreeMap::new(), targets, scene }, receiver))
    }

    /// Watches the folders that lead to the targets now, and no others.
    fn follow(&mut self) {
        let plan = Arc::new(Plan::of(&self.targets));
        self.plan.store(Arc::clone(&plan));
        let stale = |(path, folder): &(&PathBuf, &Folder)| plan.folders.get(*path) != Some(folder);
        let stale: Vec<PathBuf> =
            self.folders.iter().filter(stale).map(|(path, _)| path.clone()).collect();
        for path in stale {
            self.folders.remove(&path);
            // One that is gone is no longer watched anyway.
            let _gone = self.system.unwatch(&path);
        }
        for (path, folder) in &plan.folders {
            if !self.folders.contains_key(path) {
                self.add(path, *folder);
            }
        }
    }

    fn add(&mut self, path: &Path, folder: Folder) {
        let mode =
            if folder.recursive { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
        match self.system.watch(path, mode) {
            Ok(()) => {
                self.folders.insert(path.to_owned(), folder);
            }
            Err(error) => {
                tracing::warn!(folder = %path.display(), %error, "folder cannot be watched");
            }
        }
    }

    /// The targets that differ from how they looked last; remembers how they look now.
    fn changed(&mut self) -> Option<Vec<PathBuf>> {
        // Folders and links may be others, too.
        self.follow();
        let now = Scene::of(&self.targets);
        let files: Vec<PathBuf> = self.scene.changed(&now).map(Path::to_owned).collect();
        self.scene = now;
        (!files.is_empty()).then_some(files)
    }
}

/// What an event says about the targets; `None` for most.
fn sign(event: notify::Result<Event>, plan: &Plan) -> Option<Sign> {
    let Ok(event) = event else {
        // Something was missed.
        return Some(Sign::Moved(Vec::new()));
    };
    if event.need_rescan() {
        return Some(Sign::Moved(Vec::new()));
    }
    let target = || event.paths.iter().find(|path| plan.has(path)).cloned();
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => target().map(Sign::Written),
        EventKind::Access(_) => None,
        EventKind::Create(CreateKind::Folder)
        | EventKind::Remove(_)
        | EventKind::Modify(ModifyKind::Name(_)) => Some(Sign::Moved(event.paths)),
        EventKind::Create(_) => created(event.paths, plan),
        EventKind::Modify(ModifyKind::Metadata(_)) => target().map(Sign::Touched),
        EventKind::Modify(_) => target().map(Sign::Writing),
        EventKind::Any | EventKind::Other => Some(Sign::Moved(event.paths)),
    }
}

/// A new file is about to be written; a new link, hard or symbolic, is complete.
fn created(paths: Vec<PathBuf>, plan: &Plan) -> Option<Sign> {
    let is_link = |path: &PathBuf| {
        path.symlink_metadata().is_ok_and(|found| found.is_symlink() || found.nlink() > 1)
    };
    if paths.iter().any(is_link) {
        return Some(Sign::Moved(paths));
    }
    paths.into_iter().find(|path| plan.has(path)).map(Sign::Writing)
}

#[cfg(test)]
mod tests;

//! Real files and the real watch; a change of another target marks that nothing came before it.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::*;

/// Far more than anything here takes; a test that is right never waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

struct Watched {
    folder: TempDir,
    watch: Watch,
    targets: Targets,
    changes: UnboundedReceiver<Vec<PathBuf>>,
}

impl Watched {
    /// Watches these files of a new folder, after `prepare` has filled it.
    async fn with(files: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        prepare(folder.path());
        let mut files: Vec<PathBuf> = files.iter().map(|file| folder.path().join(file)).collect();
        files.push(folder.path().join("mark"));
        let targets = Targets { files, patterns: Vec::new() };
        let (sender, changes) = unbounded_channel();
        let (watch, task) = watch(move |files| sender.send(files).expect("received"));
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        let _task = tokio::spawn(task);
        let mut watched = Self { folder, watch, targets, changes };
        watched.look(Scene::default());
        // What was there before the watch counts as changed: so it is known to be running.
        watched.replace("mark", "0");
        watched.expect_any().await;
        watched.look(Scene::of(&watched.targets));
        watched
    }

    fn look(&self, scene: Scene) {
        self.watch.look(self.targets.clone(), scene);
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Writes beside the file and renames.
    fn replace(&self, file: &str, text: &str) {
        let draft = self.path("draft~");
        fs::write(&draft, text).expect("written");
        fs::rename(draft, self.path(file)).expect("renamed");
    }

    async fn expect_any(&mut self) -> Vec<PathBuf> {
        timeout(PATIENCE, self.changes.recv()).await.expect("a change in time").expect("watching")
    }

    async fn expect(&mut self, files: &[&str]) {
        let changed = self.expect_any().await;
        assert_eq!(changed, files.iter().map(|file| self.path(file)).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_file_written_in_place_is_a_change_once_it_is_closed() {
    let mut watched = Watched::with(&["a.wasm"], |folder| {
        fs::write(folder.join("a.wasm"), "old").expect("written");
    })
    .await;
    let mut file = File::create(watched.path("a.wasm")).expect("opened");
    file.write_all(b"ne").expect("written");
    // Held up together with the half-written file.
    watched.replace("mark", "1");
    let early = timeout(Duration::from_millis(400), watched.changes.recv()).await;
    assert!(early.is_err(), "{early:?}");
    file.write_all(b"w").expect("written");
    drop(file);
    watched.expect(&["a.wasm", "mark"]).await;
}

#[tokio::test]
async fn a_rename_over_the_file_and_its_removal_are_changes() {
    let mut watched = Watched::with(&["gateway.toml"], |folder| {
        fs::write(folder.join("gateway.toml"), "old").expect("written");
    })
    .await;
    watched.replace("gateway.toml", "new");
    watched.expect(&["gateway.toml"]).await;
    fs::remove_file(watched.path("gateway.toml")).expect("removed");
    watched.expect(&["gateway.toml"]).await;
}

#[tokio::test]
async fn other_files_of_the_folder_are_no_changes() {
    let mut watched = Watched::with(&["gateway.toml"], |_| ()).await;
    let mut log = File::create(watched.path("access.log")).expect("opened");
    for _ in 0..100 {
        log.write_all(b"a line\n").expect("written");
    }
    drop(log);
    fs::rename(watched.path("access.log"), watched.path("access.log.1")).expect("renamed");
    watched.replace("mark", "1");
    watched.expect(&["mark"]).await;
}

#[tokio::test]
async fn an_exchanged_link_on_the_way_is_a_change_of_what_is_behind_it() {
    let mut watched = Watched::with(&["gateway.toml"], |folder| {
        for version in ["..1", "..2"] {
            fs::create_dir(folder.join(version)).expect("made");
            fs::write(folder.join(version).join("gateway.toml"), version).expect("written");
        }
        symlink("..1", folder.join("..data")).expect("linked");
        symlink("..data/gateway.toml", folder.join("gateway.toml")).expect("linked");
    })
    .await;
    symlink("..2", watched.path("..data_tmp")).expect("linked");
    fs::rename(watched.path("..data_tmp"), watched.path("..data")).expect("renamed");
    watched.expect(&["gateway.toml"]).await;
    fs::write(watched.path("..2/gateway.toml"), "in place").expect("written");
    watched.expect(&["gateway.toml"]).await;
}

#[tokio::test]
async fn a_file_is_found_in_a_folder_that_was_not_there() {
    let mut watched = Watched::with(&["plugins/a.wasm"], |_| ()).await;
    fs::create_dir(watched.path("plugins")).expect("made");
    fs::write(watched.path("plugins/a.wasm"), "new").expect("written");
    watched.expect(&["plugins/a.wasm"]).await;
    fs::write(watched.path("plugins/a.wasm"), "newer").expect("written");
    watched.expect(&["plugins/a.wasm"]).await;
}

#[tokio::test]
async fn what_changed_between_the_reading_and_the_watching_is_not_missed() {
    let mut watched = Watched::with(&["gateway.toml"], |folder| {
        fs::write(folder.join("gateway.toml"), "old").expect("written");
    })
    .await;
    let scene = Scene::of(&watched.targets);
    watched.replace("gateway.toml", "new");
    watched.expect(&["gateway.toml"]).await;
    watched.look(scene);
    watched.expect(&["gateway.toml"]).await;
}

//! One call of a plugin's request phase, without sockets.

use std::hint::black_box;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tidegate::body::{Held, RequestBody};
use tidegate::plugin::{Answered, Engine, FunctionCache, Holding, Pipeline};
use tokio::time::Instant;

use super::baseline::Counts;
use super::callgrind::{Callgrind, growth, instruction_count_lap};
use crate::{EMPTY, HEADERS, SECRET, bearer, exchange, pipeline_on};

/// Calls that are counted.
const CALLS: u64 = 500;

/// Calls before the first that counts: slots, pools and caches are warm then.
const WARM_UP: u64 = 100;

/// Room for so many instances. One is alive at a time, and valgrind has not the address space
/// for many: each takes 4 GiB of it, of which nothing is used.
const INSTANCES: u32 = 8;

/// Longer than any call takes.
const TIMEOUT: Duration = Duration::from_secs(600);

/// How instances come to be, and the isolation that has them so.
const INSTANCES_ARE: [(&str, &str); 2] = [("fresh", "request"), ("pooled", "pooled")];

/// A plugin that is called.
pub(super) struct Subject {
    pub(super) name: &'static str,
    component: &'static str,
    config: String,
    authorization: Option<String>,
}

/// All of them.
pub(super) fn subjects() -> [Subject; 3] {
    let jwt = format!("config = {{ issuers = [{{ secret = \"{SECRET}\" }}] }}");
    [
        ("empty", EMPTY, String::new(), None),
        ("headers", HEADERS, String::new(), None),
        ("jwt", "jwt", jwt, Some(bearer())),
    ]
    .map(|(name, component, config, authorization)| Subject {
        name,
        component,
        config,
        authorization,
    })
}

impl Subject {
    /// That of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        subjects().into_iter().find(|subject| subject.name == name)
    }

    /// Counts the instructions of one call: lending or making the instance, the call, and giving it
    /// back.
    pub(super) fn count(&self, folder: &Path) -> Result<Counts, String> {
        let callgrind = Callgrind::new(folder)?;
        let status = callgrind.command(self.name).stdin(Stdio::null()).status();
        let status = status.map_err(|error| format!("valgrind cannot be started: {error}"))?;
        if !status.success() {
            return Err(format!("`{}` ended with {status} under valgrind", self.name));
        }
        let requests = callgrind.threads(Some(2))?;
        let count = |(lap, (instance, _)): (usize, _)| {
            let calls = callgrind.threads(Some(lap))?;
            Ok((format!("{}-{instance}", self.name), growth(&requests, &calls) / CALLS))
        };
        (3..).zip(INSTANCES_ARE).map(count).collect()
    }

    /// What is counted: a lap to get warm, one that makes requests, and for each kind of instance one
    /// that makes as many requests and calls the plugin about them.
    ///
    /// Both kinds are in one process, because compiling is what takes the time, and functions that
    /// were compiled are used by both.
    pub(super) fn run(&self) {
        let Self { component, config, authorization, .. } = self;
        let engine = Engine::without_ticks(INSTANCES, FunctionCache::new(None));
        let engine = Arc::new(engine.expect("an engine"));
        let pipelines = INSTANCES_ARE.map(|(_, isolation)| {
            let plugin = format!(
                "[plugins.counted]\ncomponent = \"{component}\"\nisolation = \"{isolation}\"\n{config}\n"
            );
            pipeline_on(Arc::clone(&engine), &plugin)
        });
        let held = Held::new(1 << 30);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let requests = |count| {
            runtime.block_on(async {
                for _ in 0..count {
                    drop(black_box(exchange(authorization.as_deref())));
                }
            });
        };
        let calls = |pipeline: &Pipeline, count| {
            runtime.block_on(async {
                for _ in 0..count {
                    call(pipeline, authorization.as_deref(), &held).await;
                }
            });
        };
        requests(WARM_UP);
        pipelines.iter().for_each(|pipeline| calls(pipeline, WARM_UP));
        instruction_count_lap();
        requests(CALLS);
        instruction_count_lap();
        for pipeline in &pipelines {
            calls(pipeline, CALLS);
            instruction_count_lap();
        }
    }
}

async fn call(pipeline: &Pipeline, authorization: Option<&str>, held: &Arc<Held>) {
    let holding = Holding { held, deadline: Instant::now() + TIMEOUT };
    let mut body = RequestBody::empty();
    let requested = pipeline.on_request(exchange(authorization), &mut body, &holding).await;
    assert!(matches!(requested.answered, Answered::Not), "{:?}", requested.answered);
}

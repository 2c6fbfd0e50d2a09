//! Many changes under constant load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::{fs, mem};

use tidegate_tests::guest;
use tidegate_tests::process::Process;
use tidegate_tests::{client, gateway, origin};

use crate::TIDEGATE;

const CHANGES: usize = 200;
/// Memory is compared with that after so many.
const WARM: usize = 20;

/// What a process holds on to: the least that was resident after one of the last ten changes. More
/// comes and goes with each compilation.
fn held(resident: &[u64]) -> u64 {
    let last = &resident[resident.len() - 10..];
    last.iter().copied().min().expect("ten of them")
}

/// Clients that ask without a pause until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    clients: tokio::task::JoinSet<Vec<String>>,
}

impl Load {
    fn on(process: &Process, clients: usize) -> Self {
        let mut load = Self {
            stop: Arc::default(),
            answers: Arc::default(),
            clients: tokio::task::JoinSet::new(),
        };
        for _ in 0..clients {
            let (stop, answers) = (Arc::clone(&load.stop), Arc::clone(&load.answers));
            let address = process.address();
            load.clients.spawn(async move {
                let mut unexpected = Vec::new();
                let mut client = client::http1(address).await;
                while !stop.load(Ordering::Relaxed) {
                    match client.try_send(client::request("GET", "/", &[], "")).await {
                        Ok(reply) if reply.status() == 200 && reply.text() == "ok" => {}
                        Ok(reply) => {
                            unexpected.push(format!("{} {}", reply.status(), reply.text()));
                        }
                        Err(error) => {
                            unexpected.push(error.to_string());
                            client = client::http1(address).await;
                        }
                    }
                    answers.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                }
                unexpected
            });
        }
        load
    }

    async fn end(mut self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        let unexpected = mem::take(&mut self.clients).join_all().await;
        (self.answers.load(Ordering::Relaxed), unexpected.into_iter().flatten().collect())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_changes_lose_no_request_and_no_memory() {
    let origin = origin::replying("ok").await;
    let components =
        [guest::empty(), guest::keeps()].map(|plugin| fs::read(plugin.component()).unwrap());
    let limit = guest::component("rate-limit").config(r#"{ limit = 1000000, per = "second" }"#);
    let mut process = gateway::before(&origin)
        .file("plugins/policy.wasm", &components[0])
        .route("/", [guest::component("policy"), limit])
        .spawn(TIDEGATE)
        .await;
    let load = Load::on(&process, 4);

    let (file, plugin) =
        (process.folder().join("gateway.toml"), process.folder().join("plugins/policy.wasm"));
    let text = fs::read_to_string(&file).unwrap();
    let mut resident = Vec::new();
    for change in 1..=CHANGES {
        if change % 2 == 0 {
            let next = plugin.with_extension("next");
            fs::write(&next, &components[change / 2 % 2]).unwrap();
            fs::rename(&next, &plugin).unwrap();
        } else {
            let limit = format!("limit = {}", 1_000_000 + change);
            fs::write(&file, text.replace("limit = 1000000", &limit)).unwrap();
        }
        let event = process.logs("configuration changed").await;
        assert_eq!(event["snapshot"].as_u64(), u64::try_from(change + 1).ok());
        resident.push(process.resident_kib());
    }
    let (warm, end) = (held(&resident[..WARM]), held(&resident));
    let (answers, unexpected) = load.end().await;
    assert!(unexpected.is_empty(), "{} of {answers}: {:?}", unexpected.len(), unexpected.first());
    assert!(answers > CHANGES, "{answers} answers");
    assert!(end <= warm + warm / 10, "{warm} KiB after {WARM} changes, {end} KiB after {CHANGES}");
}

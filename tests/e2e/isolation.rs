//! What one exchange can leave behind for the next: nothing, unless the operator says so.

use tidegate_tests::{client, gateway, guest, origin};

#[tokio::test]
async fn every_request_has_a_fresh_instance() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).route("/", [guest::keeps()]).start().await;

    let mut client = gateway.http1().await;
    for _ in 0..50 {
        assert_eq!(client.get("/").await.header("x-calls"), Some("1"));
    }
}

/// What a guest has found in its memory at each of some requests, which have it take so many bytes; and
/// how often an instance was made new again.
async fn memories(plugin: guest::Plugin, bytes: &[usize]) -> (Vec<String>, f64) {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).route("/", [plugin]).start().await;
    let mut client = gateway.http1().await;
    let mut memories = Vec::new();
    for bytes in bytes {
        // The guest sees nothing of the request before it has looked at its memory.
        let bytes = bytes.to_string();
        let request = client::request("GET", "/", &[("x-bytes", bytes.as_str())], "");
        let response = client.send(request).await;
        let said = ["x-bytes", "x-sum"].map(|name| response.header(name).unwrap().to_owned());
        memories.push(said.join(" "));
    }
    let renewals = "tidegate_plugin_renewals_total{plugin=\"scribbles\"}";
    (memories, gateway.metric(renewals).await)
}

/// Whether the kernel tells which pages were written: Linux from 6.7 on. What needs that is not looked at
/// elsewhere, and the log says so.
#[expect(clippy::print_stderr, reason = "a skip is never silent")]
fn tells_written_pages() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split('.').map(|number| number.trim().parse::<u32>().unwrap_or(0));
    let tells = (numbers.next(), numbers.next()) >= (Some(6), Some(7));
    if !tells {
        eprintln!("skipped: whether instances are made new again, with the kernel {release}");
    }
    tells
}

#[tokio::test]
async fn a_fresh_instance_has_the_same_memory_whatever_others_did_to_theirs() {
    let (found, renewals) = memories(guest::scribbles(), &[1000; 20]).await;
    assert!(found.iter().all(|memory| *memory == found[0]), "{found:#?}");
    if tells_written_pages() {
        assert!((renewals - 20.0).abs() < f64::EPSILON, "{renewals} instances were made new again");
    }

    // So it could be seen if it were not.
    let (found, _) = memories(guest::scribbles().pooled(), &[1000; 2]).await;
    assert_ne!(found[0], found[1]);
}

#[tokio::test]
async fn instances_that_are_kept_leave_room_for_those_of_other_plugins() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin)
        .limit("instances = 3")
        .route("/one", [guest::keeps().named("one")])
        .route("/two", [guest::keeps().named("two")])
        .route("/three", [guest::keeps().named("three")])
        .start()
        .await;

    let mut client = gateway.http1().await;
    for _ in 0..3 {
        for path in ["/one", "/two", "/three"] {
            assert_eq!(client.get(path).await.header("x-calls"), Some("1"), "{path}");
        }
    }
}

#[tokio::test]
async fn an_instance_whose_memory_grew_is_not_used_again() {
    let (found, renewals) =
        memories(guest::scribbles(), &[1000, 3_000_000, 1000, 3_000_000, 1000]).await;
    assert!(found.iter().all(|memory| *memory == found[0]), "{found:#?}");
    if tells_written_pages() {
        assert!((renewals - 3.0).abs() < f64::EPSILON, "{renewals} instances were made new again");
    }
}

#[tokio::test]
async fn a_pooled_instance_is_used_again_and_retired_after_its_calls() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).route("/", [guest::keeps().pooled_for(3)]).start().await;

    let mut client = gateway.http1().await;
    let mut calls = Vec::new();
    for _ in 0..7 {
        calls.push(client.get("/").await.header("x-calls").unwrap().to_owned());
    }
    assert_eq!(calls, ["1", "2", "3", "1", "2", "3", "1"]);
}

#[tokio::test]
async fn a_pooled_instance_is_retired_when_it_traps() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin)
        .route("/", [guest::traps().pooled(), guest::keeps().pooled()])
        .start()
        .await;

    let mut client = gateway.http1().await;
    assert_eq!(client.get("/").await.header("x-calls"), Some("1"));
    let trapped = gateway.get_with("/", &[("x-trap", "request")]).await;
    assert_eq!(trapped.status(), 500);
    assert_eq!(client.get("/").await.header("x-calls"), Some("2"), "nobody else was touched");
    let traps = gateway.metric(r#"tidegate_plugin_traps_total{plugin="traps"}"#).await;
    assert!((traps - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn status_says_how_each_plugin_is_isolated() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin)
        .route("/", [guest::empty(), guest::keeps().pooled_for(5)])
        .start()
        .await;

    let status = gateway.status().await;
    let plugin = |name: &str| {
        let plugins = status["plugins"].as_array().unwrap();
        plugins.iter().find(|plugin| plugin["name"] == name).unwrap().clone()
    };
    assert_eq!(plugin("empty")["isolation"], "request");
    assert_eq!(plugin("empty")["image"], "configured");
    assert_eq!(plugin("empty")["digest"].as_str().map(str::len), Some(64));
    assert_eq!(plugin("keeps")["isolation"]["pooled"]["calls"], 5);
}

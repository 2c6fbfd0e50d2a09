//! Changes while requests are under way.

use std::fs;
use std::time::{Duration, Instant};

use tidegate_tests::guest::{self, Plugin};
use tidegate_tests::{client, gateway, origin, soon};

use crate::TIDEGATE;

fn component_file(plugin: &Plugin) -> Vec<u8> {
    fs::read(plugin.component()).unwrap()
}

fn answering(status: u16) -> gateway::Builder {
    gateway::Builder::default().route_with("/", [], &format!("respond = {{ status = {status} }}"))
}

#[tokio::test]
async fn a_change_in_place_is_live_within_a_second() {
    let gateway = answering(201).start().await;
    assert_eq!(gateway.get("/").await.status(), 201);

    let written = Instant::now();
    gateway.change(|text| text.replace("201", "202")).await;
    assert!(written.elapsed() < Duration::from_secs(1), "{:?}", written.elapsed());
    assert_eq!(gateway.get("/").await.status(), 202);
    assert_eq!(gateway.status().await["snapshot"]["id"], 2);
}

#[tokio::test]
async fn a_change_by_rename_is_taken_up() {
    let gateway = answering(201).start().await;
    let text = fs::read_to_string(gateway.file()).unwrap();
    fs::write(gateway.path("new.toml"), text.replace("201", "203")).unwrap();
    fs::rename(gateway.path("new.toml"), gateway.file()).unwrap();
    gateway.serves(2).await;
    assert_eq!(gateway.get("/").await.status(), 203);

    gateway.change(|text| text.replace("203", "204")).await;
    assert_eq!(gateway.get("/").await.status(), 204, "the new file is watched like the old one");
}

#[tokio::test]
async fn a_change_of_an_included_file_is_taken_up() {
    let route = "[[routes]]\nname = \"a\"\nmatch = { path = \"/\" }\nrespond = { status = 201 }\n";
    let text = answering(200).text();
    let gateway = gateway::Builder::default()
        .file("conf.d/a.toml", route)
        .only(&format!(
            "include = [\"conf.d/*.toml\"]\n{}",
            text.split("[[routes]]").next().unwrap()
        ))
        .start()
        .await;
    assert_eq!(gateway.get("/").await.status(), 201);

    fs::write(gateway.path("conf.d/a.toml"), route.replace("201", "202")).unwrap();
    gateway.serves(2).await;
    assert_eq!(gateway.get("/").await.status(), 202);
    let more = route.replace("\"a\"", "\"b\"").replace("\"/\"", "\"/b\"").replace("201", "203");
    fs::write(gateway.path("conf.d/b.toml"), more).unwrap();
    gateway.serves(3).await;
    assert_eq!(gateway.get("/b").await.status(), 203);
}

#[tokio::test]
async fn a_plugins_file_is_taken_up_by_rename_and_by_copy() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin)
        .file("plugins/policy.wasm", component_file(&guest::empty()))
        .route("/", [guest::component("policy")])
        .start()
        .await;
    assert_eq!(gateway.get("/").await.status(), 200);

    fs::write(gateway.path("plugins/next"), component_file(&guest::outside())).unwrap();
    fs::rename(gateway.path("plugins/next"), gateway.path("plugins/policy.wasm")).unwrap();
    gateway.serves(2).await;
    assert_eq!(gateway.get("/").await.status(), 500);

    fs::write(gateway.path("plugins/policy.wasm"), component_file(&guest::empty())).unwrap();
    gateway.serves(3).await;
    assert_eq!(gateway.get("/").await.status(), 200);
}

#[tokio::test]
async fn a_file_in_the_plugins_folder_wins_over_the_embedded_component() {
    let origin = origin::replying("ok").await;
    let auth = guest::component("jwt")
        .config(&format!("{{ issuers = [{{ secret = {:?} }}] }}", tidegate_tests::token::SECRET));
    let gateway =
        gateway::before(&origin).file("plugins/readme", "").route("/", [auth]).start().await;
    assert_eq!(gateway.get("/").await.status(), 401);

    // A component that takes the same configuration and checks nothing.
    gateway.overwrite(|text| {
        text.lines()
            .filter(|line| !line.starts_with("config = "))
            .map(|line| format!("{line}\n"))
            .collect()
    });
    fs::write(gateway.path("plugins/jwt.wasm"), component_file(&guest::empty())).unwrap();
    let reloaded = async {
        loop {
            if gateway.get("/").await.status() == 200 {
                break;
            }
        }
    };
    soon(reloaded).await;
    assert_eq!(gateway.status().await["plugins"][0]["component"], "guest-empty");
}

#[tokio::test]
async fn a_bad_change_changes_nothing_and_is_visible_in_the_status() {
    let gateway = answering(201).start().await;

    let status = gateway.change_badly(|text| text.replace("status = 201", "status = 1000")).await;
    assert_eq!(gateway.get("/").await.status(), 201);
    assert_eq!(status["snapshot"]["id"], 1);
    assert_eq!(status["changes"]["refused"], 1);
    let finding = &status["changes"]["last_refused"]["findings"][0];
    assert_eq!(finding["level"], "error");
    assert_eq!(finding["file"].as_str(), gateway.file().to_str());
    assert!(finding["line"].is_u64() && finding["column"].is_u64(), "{finding}");
    let refused = gateway.metric(r#"tidegate_reloads_total{result="refused"}"#).await;
    assert!((refused - 1.0).abs() < f64::EPSILON);

    gateway.change(|text| text.replace("1000", "202")).await;
    assert_eq!(gateway.get("/").await.status(), 202);
}

#[tokio::test]
async fn a_half_written_component_does_not_replace_the_old_one() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin)
        .file("plugins/policy.wasm", component_file(&guest::keeps()))
        .route("/", [guest::component("policy")])
        .start()
        .await;

    let whole = component_file(&guest::empty());
    fs::write(gateway.path("plugins/policy.wasm"), &whole[..whole.len() / 2]).unwrap();
    soon(gateway.running().wait_for_refused(1)).await;
    assert_eq!(gateway.get("/").await.header("x-calls"), Some("1"), "the old one still serves");

    fs::write(gateway.path("plugins/policy.wasm"), whole).unwrap();
    gateway.serves(2).await;
    assert_eq!(gateway.get("/").await.header("x-calls"), None);
}

#[tokio::test]
async fn an_exchange_ends_on_the_snapshot_that_it_began_with() {
    let origin = origin::stalls_after_head().await;
    let sees = |name: &str| guest::sees().named("sees").config(&format!("{{ name = {name:?} }}"));
    let delays = guest::delays().config("{ ms = 700 }");
    let gateway = gateway::before(&origin).route("/", [sees("old"), delays]).start().await;

    let mut client = gateway.raw().await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let began = async {
        while gateway.metric(r#"tidegate_plugin_calls_total{plugin="sees",phase="request"}"#).await
            < 1.0
        {}
    };
    soon(began).await;
    gateway.change(|text| text.replace("\"old\"", "\"new\"")).await;
    let head = client.head().await;
    assert_eq!(
        head.value("x-trace").as_deref(),
        Some("old"),
        "the response phase is of the old one"
    );
    assert_eq!(origin.last().value("x-trace").as_deref(), Some("old"));
}

#[tokio::test]
async fn counters_survive_a_reload() {
    let origin = origin::replying("ok").await;
    let limit = guest::component("rate-limit").config(r#"{ limit = 3, per = "hour" }"#);
    let gateway = gateway::before(&origin).route("/", [limit]).start().await;

    assert_eq!(gateway.get("/").await.status(), 200);
    assert_eq!(gateway.get("/").await.status(), 200);
    gateway.change(|text| text + "\n# a comment, and a route\n[[routes]]\nname = \"b\"\nmatch = { path = \"/b\" }\nrespond = {}\n").await;
    assert_eq!(gateway.get("/").await.status(), 200);
    assert_eq!(gateway.get("/").await.status(), 429);
}

#[tokio::test]
async fn connections_to_upstreams_survive_a_reload() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).setting("workers = 1").route("/", []).start().await;

    let mut client = gateway.http1().await;
    assert_eq!(client.get("/").await.text(), "ok");
    gateway
        .change(|text| {
            text + "\n[[routes]]\nname = \"b\"\nmatch = { path = \"/b\" }\nrespond = {}\n"
        })
        .await;
    assert_eq!(client.get("/").await.text(), "ok");
    assert_eq!(client.get("/b").await.status(), 200);
    assert_eq!(origin.counts().connections, 1);
}

#[tokio::test]
async fn listeners_come_and_go_with_a_reload() {
    let gateway = answering(201).start().await;
    gateway
        .change(|text| {
            text.replacen("[[listeners]]", "[[listeners]]\naddress = \"[::1]:0\"\n[[listeners]]", 1)
        })
        .await;
    let addresses = gateway.running().addresses();
    assert_eq!(addresses.len(), 2);
    assert!(addresses.contains(&gateway.address()), "the old one keeps its port");
    for address in addresses {
        assert_eq!(client::http1(address).await.get("/").await.status(), 201);
    }
    gateway.change(|text| text.replacen("[[listeners]]\naddress = \"[::1]:0\"\n", "", 1)).await;
    assert_eq!(gateway.running().addresses(), [gateway.address()]);
}

#[tokio::test]
async fn sighup_reloads() {
    let mut process = answering(201).spawn(TIDEGATE).await;
    process.signal(libc::SIGHUP);
    let event = process.logs("configuration changed").await;
    assert_eq!(event["snapshot"], 2);
    assert_eq!(client::http1(process.address()).await.get("/").await.status(), 201);
}

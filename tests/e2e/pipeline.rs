//! Pipelines that are composed, and plugins that do not take part in every exchange.

use serde_json::{Value, json};
use tidegate_tests::guest::{self, Plugin};
use tidegate_tests::{client, gateway, origin};

fn sees(name: &str) -> Plugin {
    guest::sees().named(name).config(&format!("{{ name = {name:?} }}"))
}

fn calls(plugin: &str, phase: &str) -> String {
    format!("tidegate_plugin_calls_total{{plugin=\"{plugin}\",phase=\"{phase}\"}}")
}

#[tokio::test]
async fn a_request_goes_through_the_pipelines_of_the_gateway_the_route_and_the_upstream() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin)
        .setting("pipeline = [\"everywhere\"]")
        .upstream("pipeline = [\"origins\"]")
        .plugin(sees("everywhere"))
        .plugin(sees("origins"))
        .route("/", [sees("own")])
        .route_with("/bare", [], "gateway_pipeline = false\nupstream = \"origin\"")
        .route_with("/fixed", [], "respond = {}")
        .start()
        .await;

    let reply = gateway.get("/").await;
    assert_eq!(origin.last().value("x-trace").as_deref(), Some("everywhere,own,origins"));
    assert_eq!(reply.header("x-trace"), Some("origins,own,everywhere"));
    assert_eq!(gateway.get("/bare").await.header("x-trace"), Some("origins"));
    assert_eq!(gateway.get("/fixed").await.header("x-trace"), Some("everywhere"));

    let status = gateway.status().await;
    let from = |entry: &Value| (entry["plugin"].clone(), entry["from"].clone());
    let shown: Vec<_> =
        status["routes"][0]["pipeline"].as_array().unwrap().iter().map(from).collect();
    let expected = [("everywhere", "gateway"), ("own", "route"), ("origins", "upstream")];
    assert_eq!(shown, expected.map(|(plugin, from)| (json!(plugin), json!(from))));
}

#[tokio::test]
async fn a_plugin_whose_condition_does_not_hold_is_not_called_in_any_phase() {
    let origin = origin::replying("ok").await;
    let posts = sees("posts").key("when = { methods = [\"POST\"], path = \"/admin\" }");
    let outside = sees("outside").key("unless = { client = [\"127.0.0.0/8\", \"::1\"] }");
    let asked = sees("asked").key("when = { headers = { x-trial = true }, query = { v = \"2\" } }");
    let gateway =
        gateway::before(&origin).route("/", [posts, outside, asked, sees("all")]).start().await;

    for (method, path, headers, trace) in [
        ("GET", "/admin", [].as_slice(), "all"),
        ("POST", "/admins", &[], "all"),
        ("POST", "/admin/1?v=2", &[], "posts,all"),
        ("POST", "/a?v=2", &[("x-trial", "yes")], "asked,all"),
    ] {
        let reply = gateway.send(client::request(method, path, headers, "")).await;
        assert_eq!(origin.last().value("x-trace").as_deref(), Some(trace), "{method} {path}");
        let mut back: Vec<&str> = trace.split(',').collect();
        back.reverse();
        assert_eq!(reply.header("x-trace"), Some(back.join(",").as_str()), "{method} {path}");
    }
    for (plugin, expected) in [("posts", 1.0), ("outside", 0.0), ("asked", 1.0), ("all", 4.0)] {
        for phase in ["request", "response"] {
            let seen = gateway.metric(&calls(plugin, phase)).await;
            assert!((seen - expected).abs() < f64::EPSILON, "{plugin} {phase}: {seen}");
        }
    }
}

#[tokio::test]
async fn groups_and_consumer_are_those_that_a_plugin_before_has_found_out() {
    let origin = origin::replying("ok").await;
    let knows = guest::marks()
        .named("knows")
        .config(r#"{ attributes = { consumer = "mobile", "consumer.groups" = "free, gold" } }"#);
    let gold = sees("gold").key("when = { groups = [\"silver\", \"gold\"] }");
    let silver = sees("silver").key("when = { groups = [\"silver\"] }");
    let mobile = sees("mobile").key("when = { consumer = \"mobile\", groups = \"free\" }");
    let others = sees("others").key("unless = { consumer = \"mobile\" }");
    let early = sees("early").key("when = { consumer = \"mobile\" }");
    let gateway = gateway::before(&origin)
        .route("/", [early, knows, gold, silver, mobile, others])
        .start()
        .await;

    let reply = gateway.get("/").await;
    assert_eq!(origin.last().value("x-trace").as_deref(), Some("gold,mobile"));
    assert_eq!(reply.header("x-trace"), Some("mobile,gold"), "`early` was decided before `knows`");
}

#[tokio::test]
async fn what_was_decided_at_the_first_turn_holds_for_the_later_phases() {
    let origin = origin::replying("ok").await;
    let trial = sees("trial").key("when = { headers = { x-trial = true } }");
    let late = sees("late").key("when = { headers = { x-late = true } }");
    let turns =
        guest::marks().named("turns").config(r#"{ remove = ["x-trial"], set = { x-late = "1" } }"#);
    let gateway = gateway::before(&origin).route("/", [trial, late, turns]).start().await;

    let reply = gateway.get_with("/", &[("x-trial", "1")]).await;
    assert_eq!(origin.last().value("x-late").as_deref(), Some("1"));
    assert_eq!(reply.header("x-trace"), Some("trial"), "though its header is gone by now");
}

#[tokio::test]
async fn a_plugin_without_a_request_phase_is_decided_at_its_first_phase() {
    let origin = origin::replying("ok").await;
    let reports = guest::reports()
        .config(r#"{ output = "lines" }"#)
        .grants("output")
        .key("when = { consumer = \"mobile\" }");
    let knows = guest::marks()
        .config(r#"{ attributes = { consumer = "mobile" } }"#)
        .key("when = { path = \"/known\" }");
    let gateway =
        gateway::before(&origin).output("lines").route("/", [reports, knows]).start().await;

    gateway.get("/other").await;
    gateway.get("/known").await;
    let lines = gateway.lines("lines", 1).await;
    assert_eq!(lines.len(), 1);
    assert_eq!(serde_json::from_str::<Value>(&lines[0]).unwrap()["path"], "/known");
}

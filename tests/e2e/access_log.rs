//! The first-party plugin `access-log`.

use std::fs;

use serde_json::Value;
use tidegate_tests::guest;
use tidegate_tests::{gateway, origin};

#[tokio::test]
async fn each_exchange_is_one_line_of_json_without_credentials() {
    let origin = origin::replying("ok").await;
    let log = guest::component("access-log")
        .config(r#"{ output = "lines", request_headers = ["authorization", "x-a"] }"#);
    let gateway = gateway::before(&origin).output("lines").route("/", [log]).start().await;

    let headers = [("authorization", "Bearer secret"), ("x-a", "b"), ("user-agent", "curl")];
    let reply = gateway.get_with("/p?token=secret&q=1", &headers).await;
    let lines = gateway.lines("lines", 1).await;
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["status"], 200);
    assert_eq!(line["method"], "GET");
    assert_eq!(line["path"], "/p");
    assert_eq!(line["route"], "root");
    assert_eq!(line["source"], "upstream");
    assert_eq!(line["client"], "127.0.0.1");
    assert_eq!(line["response_bytes"], 2);
    assert_eq!(line["upstream"], "origin");
    assert_eq!(line["user_agent"], "curl");
    assert_eq!(line["complete"], true);
    assert_eq!(line["request_headers"]["x-a"], "b");
    assert_eq!(line["request_id"].as_str(), reply.header("x-request-id"));
    assert!(!lines[0].contains("secret"), "{}", lines[0]);
}

#[tokio::test]
async fn every_answer_is_logged_whoever_gave_it() {
    let origin = origin::replying("ok").await;
    let log = guest::component("access-log").config(r#"{ output = "lines" }"#);
    let limit = guest::component("rate-limit").config(r#"{ limit = 1, per = "hour" }"#);
    let traps = guest::traps();
    let gateway =
        gateway::before(&origin).output("lines").route("/", [log, traps, limit]).start().await;
    gateway.get("/").await;
    gateway.lines("lines", 1).await;
    gateway.get("/").await;
    gateway.lines("lines", 2).await;
    gateway.get_with("/", &[("x-trap", "request")]).await;
    let lines = gateway.lines("lines", 3).await;
    let seen: Vec<(u64, String)> = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| (line["status"].as_u64().unwrap(), line["source"].as_str().unwrap().to_owned()))
        .collect();
    let expected = [(200, "upstream"), (429, "plugin"), (500, "gateway")];
    let expected: Vec<(u64, String)> =
        expected.iter().map(|(status, source)| (*status, (*source).to_owned())).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_client_that_leaves_is_logged_as_499() {
    let origin = origin::silent().await;
    let log = guest::component("access-log").config(r#"{ output = "lines" }"#);
    let gateway = gateway::before(&origin).output("lines").route("/", [log]).start().await;
    let mut client = gateway.raw().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    origin.saw(|counts| counts.requests == 1).await;
    drop(client);
    let line: Value = serde_json::from_str(&gateway.lines("lines", 1).await[0]).unwrap();
    assert_eq!((line["status"].as_u64(), line["complete"].as_bool()), (Some(499), Some(false)));
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_opened_again() {
    let origin = origin::replying("ok").await;
    let log = guest::component("access-log").config(r#"{ output = "lines", format = "combined" }"#);
    let gateway = gateway::before(&origin).output("lines").route("/", [log]).start().await;
    gateway.get("/first").await;
    gateway.lines("lines", 1).await;
    fs::rename(gateway.path("lines"), gateway.path("lines.1")).unwrap();
    gateway.running().reopen_outputs();
    gateway.get("/second").await;
    let lines = gateway.lines("lines", 1).await;
    assert!(lines[0].contains("\"GET /second HTTP/1.1\" 200 2 "), "{}", lines[0]);
    let moved = fs::read_to_string(gateway.path("lines.1")).unwrap();
    assert!(moved.contains("\"GET /first HTTP/1.1\" 200 2 "), "{moved}");
    assert_eq!(moved.lines().count(), 1);
}

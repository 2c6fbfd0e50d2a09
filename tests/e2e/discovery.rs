//! Endpoints that name servers know.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::Value;
use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::name_server::{self, NameServer};
use tidegate_tests::{client, origin, soon, until};

const FIRST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A gateway whose upstream has this URL, and asks this server about it all the time.
fn asking(names: &NameServer, url: &str, others: &str) -> gateway::Builder {
    let server = names.address();
    gateway::at(&[url])
        .upstream(&format!("dns = {{ refresh = \"20ms\", servers = [\"{server}\"]{others} }}"))
        .route("/", [])
}

/// Addresses, weights and priorities.
async fn endpoints(gateway: &Gateway) -> Vec<(String, u64, u64)> {
    let status = gateway.status().await;
    let endpoints = status["upstreams"][0]["endpoints"].as_array().unwrap().clone();
    let number = |endpoint: &Value, key: &str| endpoint[key].as_u64().unwrap();
    endpoints
        .iter()
        .map(|endpoint| {
            let address = endpoint["address"].as_str().unwrap().to_owned();
            (address, number(endpoint, "weight"), number(endpoint, "priority"))
        })
        .collect()
}

async fn are(gateway: &Gateway, wanted: &[String]) {
    let addresses = async || -> Vec<String> {
        endpoints(gateway).await.into_iter().map(|(address, ..)| address).collect()
    };
    until(async || (addresses().await == wanted).then_some(())).await;
}

#[tokio::test]
async fn each_address_of_a_name_is_an_endpoint_as_long_as_it_is_one() {
    let one = origin::replying("one").await;
    let port = one.address().port();
    let two = origin::replying_at(SocketAddr::from((SECOND, port)), "two").await;
    let names = name_server::start().await;
    names.says("users.test", &[FIRST]);
    let url = format!("http://users.test:{port}");
    let gateway = asking(&names, &url, "").upstream("host = \"endpoint\"").start().await;
    let at = |address: Ipv4Addr| format!("{address}:{port}");
    are(&gateway, &[at(FIRST)]).await;
    assert_eq!(gateway.get("/").await.text(), "one");
    assert_eq!(one.last().value("host"), Some(format!("users.test:{port}")));

    names.says("users.test", &[FIRST, SECOND]);
    are(&gateway, &[at(FIRST), at(SECOND)]).await;
    for _ in 0..4 {
        assert_eq!(gateway.get("/").await.status(), 200);
    }
    assert_eq!((one.counts().requests, two.counts().requests), (3, 2));

    names.says("users.test", &[SECOND]);
    are(&gateway, &[at(SECOND)]).await;
    let series = |address: Ipv4Addr| {
        let endpoint = at(address);
        format!(
            "tidegate_upstream_requests_total{{upstream=\"origin\",endpoint=\"{endpoint}\",outcome=\"answered\"}}"
        )
    };
    assert_eq!(gateway.get("/").await.text(), "two");
    assert!((gateway.metric(&series(SECOND)).await - 3.0).abs() < f64::EPSILON);
    assert!(gateway.metric(&series(FIRST)).await.abs() < f64::EPSILON, "it is forgotten");

    names.breaks();
    names.answers(4).await;
    assert_eq!(gateway.get("/").await.text(), "two", "what was known stays");
    let route = "\n[[routes]]\nname = \"b\"\nmatch = { path = \"/b\" }\nrespond = {}\n";
    gateway.change(|text| text + route).await;
    assert_eq!(gateway.get("/").await.text(), "two", "through a reload, too");
}

#[tokio::test]
async fn a_gateway_starts_before_its_upstreams_name_is_known() {
    let origin = origin::replying("ok").await;
    let port = origin.address().port();
    let names = name_server::start().await;
    let url = format!("http://late.test:{port}");
    let gateway = asking(&names, &url, "").start().await;
    let reply = gateway.get("/").await;
    assert_eq!((reply.status(), &reply.json()["error"]), (502, &"dns_error".into()));

    names.says("late.test", &[FIRST]);
    are(&gateway, &[format!("{FIRST}:{port}")]).await;
    assert_eq!(gateway.get("/").await.text(), "ok");
}

#[tokio::test]
async fn a_service_has_ports_weights_and_priorities() {
    let (one, two) = (origin::replying("one").await, origin::replying("two").await);
    let (first, second) = (one.address().port(), two.address().port());
    let names = name_server::start().await;
    names.says("a.test", &[FIRST]);
    names.serves("_http._tcp.shop.test", &[(10, 5, first, "a.test"), (20, 0, second, "a.test")]);
    let gateway = asking(&names, "http://_http._tcp.shop.test", ", srv = true").start().await;
    let mut found = until(async || {
        let found = endpoints(&gateway).await;
        (found.len() == 2).then_some(found)
    })
    .await;
    found.sort_by_key(|(.., priority)| *priority);
    assert_eq!(found, [(format!("{FIRST}:{first}"), 5, 0), (format!("{FIRST}:{second}"), 1, 1)]);
    for _ in 0..4 {
        assert_eq!(gateway.get("/").await.text(), "one");
    }
    drop(one);
    until(async || (gateway.get("/").await.text() == "two").then_some(())).await;
}

/// A request that finds nobody yet, until it is under way in the gateway.
async fn begun(gateway: &Gateway, path: &'static str) -> tokio::task::JoinHandle<client::Reply> {
    let mut client = gateway.http1().await;
    let asked = tokio::spawn(async move { client.get(path).await });
    let series = "tidegate_upstream_active{upstream=\"origin\"}";
    until(async || (gateway.metric(series).await > 0.5).then_some(())).await;
    asked
}

#[tokio::test]
async fn a_request_waits_for_the_first_answer() {
    let origin = origin::replying("ok").await;
    let port = origin.address().port();
    let names = name_server::silent().await;
    names.says("users.test", &[FIRST]);
    let url = format!("http://users.test:{port}");
    let gateway = asking(&names, &url, "").upstream("max_requests = 1").start().await;
    let asked = begun(&gateway, "/").await;

    // Who has no turn at the upstream does not wait for a name either.
    let reply = gateway.get("/").await;
    assert_eq!((reply.status(), &reply.json()["error"]), (503, &"upstream_overloaded".into()));

    assert!(!asked.is_finished());
    names.speaks();
    assert_eq!(soon(asked).await.unwrap().text(), "ok");
    assert_eq!(gateway.get("/").await.text(), "ok");
}

#[tokio::test]
async fn a_request_waits_no_longer_than_for_a_connection() {
    let names = name_server::silent().await;
    let gateway = asking(&names, "http://users.test:1", "")
        .upstream("connect_timeout = \"50ms\"")
        .start()
        .await;
    let reply = gateway.get("/").await;
    assert_eq!((reply.status(), &reply.json()["error"]), (502, &"dns_error".into()));
}

#[tokio::test]
async fn a_request_does_not_wait_for_names_of_others_that_nobody_answers() {
    let origin = origin::replying("ok").await;
    let port = origin.address().port();
    let names = name_server::silent().await;
    names.says("a.test", &[FIRST]);
    let (one, other) = (format!("http://a.test:{port}"), format!("http://b.test:{port}"));
    let server = names.address();
    let gateway = gateway::at(&[&one, &other])
        .upstream(&format!("dns = {{ servers = [\"{server}\"] }}\nmax_requests = 5"))
        .route("/", [])
        .start()
        .await;
    let asked = begun(&gateway, "/").await;
    names.speaks();
    assert_eq!(soon(asked).await.unwrap().text(), "ok");
}

mod bodies;
mod failures;
mod origin;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tokio::join;

use super::{Endpoint, IDLE_PER_ENDPOINT_MAX, Upstream};
use crate::clock;
use crate::config::{self, HostPolicy};
use origin::{Gateway, OK, Origin, config, get, text};

const HEAD: &str = "GET / HTTP/1.1\r\nhost: client.example\r\n\r\n";

#[tokio::test]
async fn one_request_after_another_goes_over_the_same_connection() {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    let served = async {
        let mut talk = origin.accept().await;
        let heads = [talk.answer(OK).await, talk.answer(OK).await, talk.answer(OK).await];
        (heads, talk)
    };
    let asked = async {
        for _ in 0..3 {
            let (answer, tally) = gateway.get().await;
            assert_eq!(answer.as_deref(), Ok("ok"));
            assert_eq!(tally.attempts, 1);
            assert_eq!(tally.upstream.as_deref(), Some("u"));
            assert_eq!(tally.endpoint.as_deref(), Some(&*origin.name()));
            assert!(tally.upstream_time.is_some());
            assert_eq!(gateway.pools.idle(), 1);
        }
    };
    let ((heads, _talk), ()) = join!(served, asked);
    assert_eq!(heads, [HEAD, HEAD, HEAD]);
    let counted = format!(
        "upstream_requests_total{{upstream=\"u\",endpoint=\"{}\",outcome=\"answered\"}} 3",
        origin.name()
    );
    assert!(gateway.metrics.encode().contains(&counted));
    assert!(gateway.metrics.encode().contains("upstream_duration_seconds_count{upstream=\"u\"} 3"));
}

#[tokio::test]
async fn a_connection_that_the_origin_closed_while_idle_is_replaced_unseen() {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    for _ in 0..3 {
        let served = async {
            origin.accept().await.answer(OK).await;
        };
        let ((), (answer, tally)) = join!(served, gateway.get());
        assert_eq!((answer.as_deref(), tally.attempts), (Ok("ok"), 1));
    }
}

#[tokio::test]
async fn a_connection_that_waited_too_long_is_not_used_again() {
    let origin = Origin::new().await;
    let config = config(vec![origin.endpoint(1)]);
    let gateway = Gateway::with(&config::Upstream { idle_timeout: Duration::ZERO, ..config });
    for _ in 0..2 {
        let served = async {
            let mut talk = origin.accept().await;
            talk.answer(OK).await;
            talk
        };
        let (_still_open, (answer, _)) = join!(served, gateway.get());
        assert_eq!(answer.as_deref(), Ok("ok"));
    }
}

#[tokio::test]
async fn a_purge_closes_what_waited_too_long() {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    let served = async {
        let mut talk = origin.accept().await;
        talk.answer(OK).await;
        talk
    };
    let (talk, _) = join!(served, gateway.get());
    gateway.pools.purge(clock::now());
    assert_eq!(gateway.pools.idle(), 1);
    gateway.pools.purge(clock::now() + Duration::from_secs(61));
    assert_eq!(gateway.pools.idle(), 0);
    assert_eq!(talk.end().await, b"");
}

#[tokio::test]
async fn no_more_connections_wait_than_the_limit_allows() {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    let mut open = Vec::new();
    for _ in 0..=IDLE_PER_ENDPOINT_MAX {
        let served = async {
            let mut talk = origin.accept().await;
            talk.answer(OK).await;
            talk
        };
        let (talk, (response, _)) = join!(served, gateway.send(get()));
        open.push((talk, response.unwrap()));
    }
    let mut talks = Vec::new();
    for (talk, response) in open {
        assert_eq!(text(response).await.as_deref(), Ok("ok"));
        talks.push(talk);
    }
    assert_eq!(gateway.pools.idle(), IDLE_PER_ENDPOINT_MAX);
    // The one that waited longest made room.
    assert_eq!(talks.remove(0).end().await, b"");
}

#[tokio::test]
async fn a_response_that_says_close_ends_its_connection() {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    let served = async {
        let mut talk = origin.accept().await;
        talk.answer("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok").await;
        talk.end().await
    };
    let (rest, (answer, _)) = join!(served, gateway.get());
    assert_eq!((&*rest, answer.as_deref()), (&b""[..], Ok("ok")));
    assert_eq!(gateway.pools.idle(), 0);
}

#[tokio::test]
async fn responses_without_a_body_give_the_connection_back_at_once() {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    let served = async {
        let mut talk = origin.accept().await;
        talk.answer("HTTP/1.1 204 No Content\r\n\r\n").await;
        talk.answer("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n").await;
        talk.answer("HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n").await;
        talk
    };
    let asked = async {
        for method in ["GET", "HEAD", "GET"] {
            let mut request = get();
            *request.method_mut() = method.parse().unwrap();
            let response = gateway.send(request).await.0.unwrap();
            assert_eq!(gateway.pools.idle(), 1);
            drop(response);
        }
    };
    let (_talk, ()) = join!(served, asked);
}

#[tokio::test]
async fn informational_responses_are_passed_over() {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    let served = async {
        let mut talk = origin.accept().await;
        talk.answer("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n").await;
        talk.say(OK).await;
    };
    assert_eq!(join!(served, gateway.get()).1.0.as_deref(), Ok("ok"));
}

#[tokio::test]
async fn endpoints_take_turns_by_their_weights() {
    let (heavy, light, none) = (Origin::new().await, Origin::new().await, Origin::new().await);
    let gateway =
        Gateway::with(&config(vec![heavy.endpoint(3), light.endpoint(1), none.endpoint(0)]));
    let serve = async |origin: &Origin, requests| {
        let mut talk = origin.accept().await;
        for _ in 0..requests {
            talk.answer(OK).await;
        }
    };
    let asked = async {
        let mut asked = Vec::new();
        for _ in 0..8 {
            asked.push(gateway.get().await.1.endpoint.unwrap().to_string());
        }
        asked
    };
    let ((), (), asked) = join!(serve(&heavy, 6), serve(&light, 2), asked);
    let (h, l) = (heavy.name(), light.name());
    assert_eq!(asked, [&h, &h, &l, &h, &h, &h, &l, &h].map(String::as_str));
    let counts: Vec<_> = gateway
        .upstream
        .endpoints()
        .iter()
        .map(|endpoint| (endpoint.weight(), endpoint.answered_count(), endpoint.failed_count()))
        .collect();
    assert_eq!(counts, [(3, 6, 0), (1, 2, 0), (0, 0, 0)]);
}

#[tokio::test]
async fn a_new_snapshot_goes_on_where_the_last_one_was() {
    let (one, two) = (Origin::new().await, Origin::new().await);
    let gateway = Gateway::with(&config(vec![one.endpoint(1), two.endpoint(1)]));
    let served = async {
        let mut talk = one.accept().await;
        talk.answer(OK).await;
        talk
    };
    let (_talk, (answer, _)) = join!(served, gateway.get());
    assert_eq!(answer.as_deref(), Ok("ok"));

    let config = config(vec![one.endpoint(2), Origin::none().await]);
    let upstream = Upstream::build(&config, None, &gateway.metrics, Some(&gateway.upstream));
    let known: Vec<_> = upstream.endpoints().iter().map(Endpoint::answered_count).collect();
    assert_eq!(known, [1, 0]);
    // The first of "one, none, one" is over.
    let next = upstream.current().turn(None).next().map(|endpoint| Arc::clone(endpoint.address()));
    assert_eq!(next.as_ref(), Some(upstream.endpoints()[1].address()));
}

#[tokio::test]
async fn the_origin_sees_the_host_that_the_policy_says() {
    let origin = Origin::new().await;
    let name = origin.name();
    let fixed = HostPolicy::Fixed(HeaderValue::from_static("fixed.example"));
    for (policy, sent, seen) in [
        (HostPolicy::Client, Some("client.example"), "client.example"),
        (HostPolicy::Client, None, &*name),
        (HostPolicy::Endpoint, Some("client.example"), &*name),
        (fixed, Some("client.example"), "fixed.example"),
    ] {
        let config = config(vec![origin.endpoint(1)]);
        let gateway = Gateway::with(&config::Upstream { host: policy, ..config });
        let mut request = get();
        if sent.is_none() {
            request.headers_mut().remove("host");
        }
        let served = async { origin.accept().await.answer(OK).await };
        let (head, _) = join!(served, gateway.send(request));
        assert_eq!(head, format!("GET / HTTP/1.1\r\nhost: {seen}\r\n\r\n"));
    }
}

#[test]
fn the_default_port_is_no_part_of_an_endpoints_host() {
    let endpoint = |host: &str, port| config::Endpoint {
        is_https: false,
        host: host.into(),
        port,
        weight: 1,
        priority: 0,
    };
    let config = config(vec![endpoint("a.example", 80), endpoint("::1", 8080)]);
    let gateway = Gateway::with(&config);
    let endpoints = gateway.upstream.endpoints();
    let hosts: Vec<_> = endpoints.iter().map(Endpoint::host).collect();
    assert_eq!(hosts, ["a.example", "[::1]:8080"]);
    let addresses: Vec<_> = endpoints.iter().map(|all| &**all.address()).collect();
    assert_eq!(addresses, ["a.example:80", "[::1]:8080"]);
    assert_eq!(&**gateway.upstream.name(), "u");
}

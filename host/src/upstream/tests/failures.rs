use std::time::Duration;

use http::{Request, Uri};
use tokio::join;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::origin::{Gateway, OK, Origin, SHORT, config, endpoint, get, text};
use crate::body::tests::client::{Client, forwarded};
use crate::config;
use crate::failure::Failure;
use crate::upstream::Endpoint;

const LONG: Duration = Duration::from_secs(60);

/// What the gateway makes of an origin that says this to a request, and closes.
async fn check(answer: &str) -> Failure {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    let served = async {
        origin.accept().await.answer(answer).await;
    };
    let ((), (outcome, tally)) = join!(served, gateway.get());
    assert_eq!((gateway.pools.idle(), tally.attempts), (0, 1));
    outcome.unwrap_err()
}

async fn unreachable_at(host: &str, port: u16) -> Failure {
    let endpoint =
        config::Endpoint { is_https: false, host: host.into(), port, weight: 1, priority: 0 };
    let config = config(vec![endpoint]);
    let gateway = Gateway::with(&config::Upstream { connect_timeout: SHORT, ..config });
    gateway.get().await.0.unwrap_err()
}

#[tokio::test]
async fn a_connection_that_ends_before_the_head_is_said_to() {
    assert_eq!(check("").await, Failure::ConnectionTerminated);
    assert_eq!(check("HTTP/1.1 200 OK\r\ncontent-").await, Failure::ConnectionTerminated);
}

#[tokio::test]
async fn a_head_that_is_not_http_is_malformed() {
    for head in [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nna me: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ] {
        assert_eq!(check(head).await, Failure::ResponseMalformed, "{head}");
    }
}

#[tokio::test]
async fn a_head_beyond_the_limits_is_malformed() {
    let many = |lines| format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(lines));
    assert_eq!(check(&many(257)).await, Failure::ResponseMalformed);
    let long =
        |bytes| format!("HTTP/1.1 200 OK\r\nconnection: close\r\na: {}\r\n", "x".repeat(bytes));
    assert_eq!(check(&long(64 * 1024)).await, Failure::ResponseMalformed);
    // Nearly as long, but it ends too early.
    assert_eq!(check(&long(60 * 1024)).await, Failure::ConnectionTerminated);
}

#[tokio::test]
async fn a_head_up_to_the_limits_is_taken() {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    let fields = format!("a: {}\r\n", "x".repeat(240)).repeat(255);
    let answer = format!("HTTP/1.1 200 OK\r\n{fields}content-length: 2\r\n\r\nok");
    let served = async { origin.accept().await.answer(&answer).await };
    assert_eq!(join!(served, gateway.get()).1.0.as_deref(), Ok("ok"));
}

#[tokio::test]
async fn an_origin_that_says_nothing_is_cut_after_its_time() {
    let origin = Origin::new().await;
    let gateway = Gateway::hurrying(&origin);
    let served = async {
        let mut talk = origin.accept().await;
        talk.head().await;
        talk.end().await
    };
    let (rest, (outcome, tally)) = join!(served, gateway.get());
    assert_eq!((&*rest, outcome), (&b""[..], Err(Failure::ResponseTimeout)));
    assert!(tally.upstream_time.unwrap() >= SHORT);
    let metrics = gateway.metrics.encode();
    assert!(metrics.contains("outcome=\"http_response_timeout\"} 1"), "{metrics}");
}

#[tokio::test]
async fn an_address_where_nothing_listens_refuses() {
    let port = Origin::none().await.port;
    assert_eq!(unreachable_at("127.0.0.1", port).await, Failure::ConnectionRefused);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_a_dns_error() {
    // RFC 1035 section 2.3.4: a label has 63 bytes at most, so nobody needs to be asked.
    assert_eq!(unreachable_at(&"a".repeat(64), 80).await, Failure::DnsError);
}

#[tokio::test]
async fn an_address_that_cannot_be_reached_is_a_connection_error() {
    assert_eq!(unreachable_at("255.255.255.255", 80).await, Failure::ConnectionError);
}

#[tokio::test]
async fn an_origin_that_does_not_accept_in_time_is_a_connection_timeout() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(Ok(stream)) = timeout(SHORT, TcpStream::connect(address)).await {
        queued.push(stream);
    }
    assert_eq!(unreachable_at("127.0.0.1", address.port()).await, Failure::ConnectionTimeout);
}

#[tokio::test]
async fn a_name_is_tried_at_each_of_its_addresses() {
    // `localhost` may be ::1 first, where nothing listens.
    let origin = Origin::new().await;
    let port = origin.endpoint(1).port;
    let gateway = Gateway::with(&config(vec![config::Endpoint {
        is_https: false,
        host: "localhost".into(),
        port,
        weight: 1,
        priority: 0,
    }]));
    let served = async { origin.accept().await.answer(OK).await };
    let (head, (answer, _)) = join!(served, gateway.get());
    assert_eq!(answer.as_deref(), Ok("ok"));
    assert_eq!(head, super::HEAD);
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_passed_over() {
    let origin = Origin::new().await;
    let (refusing, taking) = (Origin::none().await, origin.endpoint(1));
    let gateway = Gateway::with(&config(vec![refusing, taking]));
    let (_client, request) = Client::posts("content-length: 5\r\n", "hello").await;
    let (request, progress) = forwarded(request, 5, LONG);
    let served = async {
        let mut talk = origin.accept().await;
        talk.hear("hello").await;
        talk.say(OK).await;
        talk
    };
    let (_talk, (outcome, tally)) = join!(served, gateway.send(request));
    assert_eq!(text(outcome.unwrap()).await.as_deref(), Ok("ok"));
    assert_eq!(tally.attempts, 2);
    assert_eq!(tally.endpoint.as_deref(), Some(&*origin.name()));
    assert_eq!(progress.bytes(), 5);
    let failed: Vec<_> = gateway.upstream.endpoints().iter().map(Endpoint::failed_count).collect();
    assert_eq!(failed, [1, 0]);
    assert!(gateway.metrics.encode().contains("outcome=\"connection_refused\"} 1"));
}

#[tokio::test]
async fn each_endpoint_is_tried_once_and_the_last_failure_is_reported() {
    let unroutable = endpoint("255.255.255.255:80".parse().unwrap(), 1);
    let refusing = Origin::none().await;
    let gateway = Gateway::with(&config(vec![refusing.clone(), refusing, unroutable]));
    let (outcome, tally) = gateway.get().await;
    assert_eq!((outcome, tally.attempts), (Err(Failure::ConnectionError), 3));
}

#[tokio::test]
async fn a_request_that_was_sent_is_not_sent_elsewhere() {
    let (first, second) = (Origin::new().await, Origin::new().await);
    let gateway = Gateway::with(&config(vec![first.endpoint(1), second.endpoint(1)]));
    let served = async { first.accept().await.head().await };
    let (_, (outcome, tally)) = join!(served, gateway.get());
    assert_eq!((outcome, tally.attempts), (Err(Failure::ConnectionTerminated), 1));
}

#[tokio::test]
async fn a_slow_client_is_not_blamed_on_the_origin() {
    let origin = Origin::new().await;
    let gateway = Gateway::hurrying(&origin);
    let (_client, request) = Client::posts("content-length: 5\r\n", "hel").await;
    let (request, progress) = forwarded(request, 5, SHORT * 4);
    let served = async {
        let mut talk = origin.accept().await;
        talk.hear("hel").await;
        talk.end().await
    };
    let (rest, (outcome, tally)) = join!(served, gateway.send(request));
    assert_eq!((&*rest, outcome.unwrap_err()), (&b""[..], Failure::RequestBodyTimeout));
    assert_eq!((tally.attempts, progress.bytes()), (1, 3));
}

#[tokio::test]
async fn a_clients_fault_is_the_clients() {
    for (limit, body, failure) in [
        (9, "3\r\nhel\r\nzz", "the request's body is not framed as announced"),
        (4, "3\r\nhel\r\n3\r\nlo!\r\n", "the request's body is too large"),
    ] {
        let origin = Origin::new().await;
        let gateway = Gateway::before(&origin);
        let (_client, request) = Client::posts("transfer-encoding: chunked\r\n", body).await;
        let (request, progress) = forwarded(request, limit, LONG);
        let served = async { origin.accept().await.end().await };
        let (seen, (outcome, _)) = join!(served, gateway.send(request));
        let blamed = outcome.unwrap_err();
        assert_eq!(blamed.to_string(), failure);
        assert_eq!(progress.failure(), Some(&blamed));
        // The origin must not take what it got for a whole request.
        assert!(!seen.ends_with(b"0\r\n\r\n"));
    }
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_upload() {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    let (client, request) = Client::posts("content-length: 5\r\n", "hel").await;
    let (request, _) = forwarded(request, 5, LONG);
    let served = async {
        let mut talk = origin.accept().await;
        talk.hear("hel").await;
        drop(client);
        talk.end().await
    };
    let (rest, (outcome, _)) = join!(served, gateway.send(request));
    assert_eq!((&*rest, outcome.unwrap_err()), (&b""[..], Failure::ClientGone));
}

#[tokio::test]
async fn a_dropped_request_is_cancelled_at_the_origin() {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    let mut talk = tokio::select! {
        talk = async { let mut talk = origin.accept().await; talk.head().await; talk } => talk,
        _ = gateway.send(get()) => unreachable!("there is no response"),
    };
    talk.say("HTTP/1.1 ").await;
    assert_eq!(talk.end().await, b"");
}

#[tokio::test]
async fn a_dropped_upload_is_cancelled_at_the_origin() {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    let (mut client, request) = Client::posts("content-length: 9\r\n", "hel").await;
    let (request, _) = forwarded(request, 9, LONG);
    let talk = tokio::select! {
        talk = async { let mut talk = origin.accept().await; talk.hear("hel").await; talk } => talk,
        _ = gateway.send(request) => unreachable!("there is no response"),
    };
    client.says("lo").await;
    assert_eq!(talk.end().await, b"");
}

#[tokio::test]
async fn the_target_is_sent_as_it_is() {
    let origin = Origin::new().await;
    let gateway = Gateway::before(&origin);
    let mut request = Request::new(get().into_body());
    *request.uri_mut() = Uri::from_static("/a%2Fb/;x?q=1&&");
    *request.version_mut() = http::Version::HTTP_2;
    let served = async { origin.accept().await.answer(OK).await };
    let (head, _) = join!(served, gateway.send(request));
    assert!(head.starts_with("GET /a%2Fb/;x?q=1&& HTTP/1.1\r\n"), "{head}");
}

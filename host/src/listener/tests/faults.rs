//! Clients that break the rules.

use super::*;

async fn check(stream: impl AsRef<[u8]>, expected: &[&str]) {
    let server = Server::start(&limits());
    assert_eq!(server.exchange(&stream).await, expected);
}

#[tokio::test]
async fn every_class_of_fault_has_its_status_and_ends_the_connection() {
    let many = "a: b\r\n".repeat(9);
    let long = "x".repeat(1100);
    let cases = [
        ("GET / HTTP/1.1\r\nhost: x\nb: c\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\nhost: x\n\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost: x\r\n b: c\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost : x\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        (
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n"
                .to_owned(),
            400,
        ),
        ("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: +3\r\n\r\nabc".to_owned(), 400),
        ("GET /\r\n".to_owned(), 400),
        ("GET * HTTP/1.1\r\nhost: invalid\r\nconnection: close\r\n\r\n".to_owned(), 400),
        (format!("GET /{long} HTTP/1.1\r\n"), 414),
        ("GET / HTTP/1.1\r\nhost: x\r\nexpect: tea\r\n\r\n".to_owned(), 417),
        (format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nhost: x\r\na: {long}\r\n\r\n"), 431),
        ("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n".to_owned(), 501),
        ("CONNECT x:80 HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), 501),
        ("GET / HTTP/2.0\r\nhost: x\r\n\r\n".to_owned(), 505),
        ("PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n".to_owned(), 505),
    ];
    let server = Server::start(&limits());
    for (stream, status) in cases {
        let answers = server.exchange(&stream).await;
        assert_eq!(answers.len(), 1, "{stream:?}");
        assert!(answers[0].starts_with(&format!("{status} close ")), "{stream:?}: {answers:?}");
    }
}

#[tokio::test]
async fn the_answer_says_what_was_wrong() {
    check("GET / HTTP/1.1\r\nhost: x\r\n b\r\n\r\n", &["400 close a folded field line"]).await;
}

#[tokio::test]
async fn a_fault_is_answered_after_the_requests_before_it() {
    let good = "GET /a HTTP/1.1\r\nhost: x\r\n\r\n";
    check(
        format!("{good}{good}GET / HTTP/1.1\r\n\r\n{good}"),
        &["200 GET /a", "200 GET /a", "400 close no host"],
    )
    .await;
}

#[tokio::test]
async fn a_fault_that_comes_while_an_exchange_runs_is_not_that_exchanges_fault() {
    let server = Server::start(&limits());
    let mut events = server.events();
    let mut client = server.connect().await;
    client.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(in_time(events.recv()).await, Some("waiting"));
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    server.stage.go.notify_one();
    assert_eq!(answers(&rest(&mut client).await), ["200 waited", "400 close no host"]);
}

#[tokio::test]
async fn a_fault_is_the_same_however_the_bytes_are_cut() {
    let server = Server::start(&limits());
    let stream = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n b\r\n\r\n";
    for cut in 1..stream.len() {
        let mut client = server.connect().await;
        client.set_nodelay(true).unwrap();
        client.write_all(&stream[..cut]).await.unwrap();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        // The answer may be there already, and the connection closed for writing.
        drop(client.write_all(&stream[cut..]).await);
        let answers = answers(&rest(&mut client).await);
        assert_eq!(answers, ["200 GET /a", "400 close a folded field line"], "cut at {cut}");
    }
}

#[tokio::test]
async fn a_broken_chunk_fails_the_reading_of_its_body() {
    let head = "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let answer = "400 close Some(InvalidData): a chunk that is longer than its size";
    let stream = format!("{head}3\r\nabcd\r\n0\r\n\r\n");
    check(&stream, &[answer]).await;
    let good = "GET /a HTTP/1.1\r\nhost: x\r\n\r\n";
    check(format!("{good}{stream}"), &["200 GET /a", answer]).await;
}

#[tokio::test]
async fn garbage_is_answered_once() {
    let mut random = fastrand::Rng::with_seed(7);
    let server = Server::start(&limits());
    for _ in 0..20 {
        let garbage: Vec<u8> = (0..10_000).map(|_| random.u8(..)).collect();
        let answers = server.exchange(garbage).await;
        assert_eq!(answers.len(), 1);
        assert!(answers[0].starts_with("400 close "), "{answers:?}");
    }
}

#[tokio::test]
async fn an_answer_survives_bytes_that_nobody_reads() {
    let mut stream = b"GET / HTTP/1.1\r\n\r\n".to_vec();
    stream.resize(900_000, b'x');
    check(stream, &["400 close no host"]).await;
}

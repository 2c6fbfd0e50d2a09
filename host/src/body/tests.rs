pub(crate) mod client;

use std::time::Duration;

use http_body::Body;
use http_body_util::BodyExt;

use super::RequestBody;
use crate::failure::Failure;
use client::{Client, forwarded};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(50);

/// What the body is, or why it broke, with the bytes read from the client.
async fn read(fields: &str, body: &str, limit: u64) -> (Result<String, Failure>, u64) {
    let (_client, request) = Client::posts(fields, body).await;
    let (request, progress) = forwarded(request, limit, LONG);
    let outcome = match request.into_body().collect().await {
        Ok(whole) => Ok(String::from_utf8(whole.to_bytes().to_vec()).unwrap()),
        Err(error) => {
            assert_eq!(progress.failure(), Some(error.failure()));
            Err(error.failure().clone())
        }
    };
    assert_eq!(progress.is_finished(), outcome.is_ok());
    (outcome, progress.bytes())
}

#[tokio::test]
async fn a_body_is_passed_on_as_it_is() {
    assert_eq!(read("content-length: 5\r\n", "hello", 5).await, (Ok("hello".into()), 5));
    let chunks = "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
    assert_eq!(read("transfer-encoding: chunked\r\n", chunks, 5).await, (Ok("hello".into()), 5));
    assert_eq!(read("", "", 0).await, (Ok(String::new()), 0));
}

#[tokio::test]
async fn a_body_beyond_the_limit_breaks_off_there() {
    let chunks = "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
    let outcome = read("transfer-encoding: chunked\r\n", chunks, 4).await;
    assert_eq!(outcome, (Err(Failure::RequestBodyTooLarge), 5));
}

#[tokio::test]
async fn an_announced_length_beyond_the_limit_is_known_before_the_body() {
    let (_client, request) = Client::posts("content-length: 5\r\n", "").await;
    assert!(RequestBody::exceeds(request.body(), 4));
    assert!(!RequestBody::exceeds(request.body(), 5));
    let (_client, request) = Client::posts("transfer-encoding: chunked\r\n", "").await;
    assert!(!RequestBody::exceeds(request.body(), 0));
}

#[tokio::test]
async fn the_size_is_exact_only_if_it_was_announced() {
    let (_client, request) = Client::posts("content-length: 5\r\n", "").await;
    assert_eq!(forwarded(request, 9, LONG).0.body().size_hint().exact(), Some(5));
    let (_client, request) = Client::posts("transfer-encoding: chunked\r\n", "").await;
    assert_eq!(forwarded(request, 9, LONG).0.body().size_hint().exact(), None);
    assert_eq!(RequestBody::empty().size_hint().exact(), Some(0));
    assert!(RequestBody::empty().is_end_stream());
}

#[tokio::test]
async fn a_chunk_that_is_none_breaks_the_framing() {
    let (outcome, _) = read("transfer-encoding: chunked\r\n", "zz\r\n", 9).await;
    assert_eq!(
        outcome,
        Err(Failure::RequestMalformed("the request's body is not framed as announced"))
    );
}

#[tokio::test]
async fn a_client_that_closes_in_the_middle_is_gone() {
    for fields in ["content-length: 5\r\n", "transfer-encoding: chunked\r\n"] {
        let (client, request) = Client::posts(fields, "3\r\nh").await;
        drop(client);
        let (request, progress) = forwarded(request, 9, LONG);
        request.into_body().collect().await.unwrap_err();
        assert_eq!(progress.failure(), Some(&Failure::ClientGone));
    }
}

#[tokio::test]
async fn a_client_that_stops_sending_is_waited_for_until_the_limit() {
    let (_client, request) = Client::posts("content-length: 5\r\n", "hel").await;
    let (request, progress) = forwarded(request, 9, SHORT);
    request.into_body().collect().await.unwrap_err();
    assert_eq!(progress.failure(), Some(&Failure::RequestBodyTimeout));
    assert_eq!(progress.bytes(), 3);
}

#[tokio::test]
async fn trailers_are_passed_on_and_end_the_body() {
    let body = "1\r\nx\r\n0\r\nsum: 7\r\n\r\n";
    let (_client, request) = Client::posts("transfer-encoding: chunked\r\n", body).await;
    let (request, progress) = forwarded(request, 9, LONG);
    let mut body = request.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "x");
    assert!(!progress.is_finished());
    let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers.get("sum").unwrap(), "7");
    assert!(progress.is_finished());
}

#[tokio::test]
async fn the_first_failure_stays() {
    let progress = super::Progress::new();
    progress.fail(Failure::ClientGone);
    progress.fail(Failure::RequestBodyTimeout);
    assert_eq!(progress.failure(), Some(&Failure::ClientGone));
}

use std::time::Duration;

use http_body_util::BodyExt as _;

use super::*;
use crate::body::tests::client::{Client, forwarded};

const LONG: Duration = Duration::from_secs(60);
const CHUNKS: &str = "3\r\nhel\r\n2\r\nlo\r\n0\r\nsum: 7\r\n\r\n";

/// What is sent of `body`, framed by `fields`, keeping `bytes_max`, and the client who sends it.
async fn replay(fields: &str, body: &str, bytes_max: u64) -> (Client, Replay) {
    replay_within(fields, body, bytes_max, None).await
}

async fn replay_within(
    fields: &str,
    body: &str,
    bytes_max: u64,
    held: Option<&Arc<Held>>,
) -> (Client, Replay) {
    let (client, request) = Client::posts(fields, body).await;
    let (request, _progress) = forwarded(request, 100, LONG);
    (client, Replay::new(request.into_body(), bytes_max, held))
}

/// The whole body and its trailer `sum`.
async fn read(body: RequestBody) -> (String, Option<String>) {
    let progress = Arc::clone(body.progress().expect("it is no empty body"));
    assert!(!progress.is_finished());
    let whole = body.collect().await.expect("a whole body");
    assert!(progress.is_finished());
    let sum = whole.trailers().and_then(|all| all.get("sum")).cloned();
    let text = String::from_utf8(whole.to_bytes().to_vec()).unwrap();
    (text, sum.map(|sum| sum.to_str().unwrap().to_owned()))
}

#[tokio::test]
async fn what_one_try_has_read_the_next_one_reads_again() {
    let (_client, replay) = replay("content-length: 5\r\n", "hello", 5).await;
    for _ in 0..3 {
        let body = replay.body().expect("all of it is kept");
        assert_eq!(body.size_hint().exact(), Some(5));
        assert_eq!(read(body).await, ("hello".to_owned(), None));
    }
}

#[tokio::test]
async fn trailers_are_sent_again() {
    let (_client, replay) = replay("transfer-encoding: chunked\r\n", CHUNKS, 9).await;
    for _ in 0..2 {
        let whole = read(replay.body().unwrap()).await;
        assert_eq!(whole, ("hello".to_owned(), Some("7".to_owned())));
    }
}

#[tokio::test]
async fn the_rest_of_a_body_goes_to_the_last_try() {
    let (mut client, replay) = replay("content-length: 5\r\n", "hel", 5).await;
    let mut first = replay.body().unwrap();
    assert_eq!(first.frame().await.unwrap().unwrap().into_data().unwrap(), "hel");
    let second = replay.body().unwrap();
    let error = first.frame().await.unwrap().unwrap_err();
    assert_eq!(error.failure(), &Failure::ConnectionTerminated);
    client.says("lo").await;
    assert_eq!(read(second).await, ("hello".to_owned(), None));
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_sent_once() {
    let (_client, replay) = replay("transfer-encoding: chunked\r\n", CHUNKS, 4).await;
    let first = replay.body().unwrap();
    assert_eq!(read(first).await, ("hello".to_owned(), Some("7".to_owned())));
    assert!(replay.body().is_none());
}

#[tokio::test]
async fn without_a_bound_a_body_can_be_sent_again_until_it_is_read() {
    let (_client, replay) = replay("content-length: 5\r\n", "hello", 0).await;
    drop(replay.body().unwrap());
    let mut second = replay.body().unwrap();
    assert_eq!(second.frame().await.unwrap().unwrap().into_data().unwrap(), "hello");
    assert!(replay.body().is_none());
}

#[tokio::test]
async fn a_body_that_broke_is_not_sent_again() {
    let (client, replay) = replay("content-length: 5\r\n", "hel", 5).await;
    let body = replay.body().unwrap();
    let progress = Arc::clone(body.progress().unwrap());
    drop(client);
    body.collect().await.unwrap_err();
    assert_eq!(progress.failure(), Some(&Failure::ClientGone));
    assert!(replay.body().is_none());
}

#[tokio::test]
async fn nothing_is_kept_once_there_is_an_answer() {
    let (mut client, replay) = replay("content-length: 5\r\n", "hel", 5).await;
    let mut body = replay.body().unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "hel");
    let shared = Arc::clone(&replay.0);
    drop(replay);
    assert_eq!(lock(&shared).kept.len(), 0);
    client.says("lo").await;
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "lo");
    assert_eq!(lock(&shared).kept.len(), 0);
}

#[tokio::test]
async fn what_is_kept_is_a_part_of_all_that_is_held_until_it_is_not_needed_any_more() {
    let held = Held::new(5);
    let (_client, replay) = replay_within("content-length: 5\r\n", "hello", 9, Some(&held)).await;
    assert_eq!(held.bytes(), 0);
    assert_eq!(read(replay.body().unwrap()).await.0, "hello");
    assert_eq!(held.bytes(), 5);
    assert_eq!(read(replay.body().unwrap()).await.0, "hello");
    assert_eq!(held.bytes(), 5, "it is kept once");
    drop(replay);
    assert_eq!(held.bytes(), 0);
}

#[tokio::test]
async fn a_body_for_which_there_is_no_room_is_sent_once() {
    let held = Held::new(4);
    let (_client, replay) = replay_within("content-length: 5\r\n", "hello", 9, Some(&held)).await;
    assert_eq!(read(replay.body().unwrap()).await.0, "hello", "it is no failure");
    assert_eq!(held.bytes(), 0);
    assert!(replay.body().is_none());
}

#[tokio::test]
async fn the_last_try_holds_what_it_has_not_sent() {
    let held = Held::new(100);
    let (mut client, replay) = replay_within("content-length: 5\r\n", "hel", 9, Some(&held)).await;
    let mut first = replay.body().unwrap();
    assert_eq!(first.frame().await.unwrap().unwrap().into_data().unwrap(), "hel");
    let last = replay.body().unwrap();
    drop((first, replay));
    assert_eq!(held.bytes(), 3);
    client.says("lo").await;
    assert_eq!(read(last).await.0, "hello");
    assert_eq!(held.bytes(), 0);
}

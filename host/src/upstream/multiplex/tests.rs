//! Forms of requests, and who opens connections.

use super::*;

#[test]
fn a_request_takes_the_form_of_http2_and_can_take_it_off() {
    let request = Request::get("/a?b=c")
        .header("host", "shop.internal:81")
        .header("connection", "te")
        .header("te", "trailers")
        .body(RequestBody::empty())
        .unwrap();
    let sent = address(request, true);
    assert_eq!(sent.uri(), "https://shop.internal:81/a?b=c");
    assert_eq!(sent.version(), Version::HTTP_2);
    assert_eq!(sent.headers().keys().map(http::HeaderName::as_str).collect::<Vec<_>>(), ["te"]);

    let back = restore(sent);
    assert_eq!(back.uri(), "/a?b=c");
    assert_eq!(back.version(), Version::HTTP_11);
    assert_eq!(back.headers()["host"], "shop.internal:81");
    assert_eq!(address(back, false).uri(), "http://shop.internal:81/a?b=c");
}

fn taken(seat: Seat) -> Stream {
    match seat {
        Seat::Taken(stream) => stream,
        other => panic!("{other:?} in place of a stream"),
    }
}

fn opened(seat: Seat) -> Opening {
    match seat {
        Seat::Opened(opening) => opening,
        other => panic!("{other:?} in place of the duty to open a connection"),
    }
}

#[tokio::test]
async fn one_opens_a_connection_and_the_others_wait_for_it() {
    let pools = Arc::new(Pools::new());
    let key: Arc<str> = "a".into();
    let seat = || pools.seat(&key, clock::now());
    let waiting = || match seat() {
        Seat::Awaited(told) => told,
        other => panic!("{other:?} in place of a wait"),
    };

    let opening = opened(seat());
    let mut told = waiting();
    opening.failed(Failure::ConnectionRefused);
    let failure = told.wait_for(Option::is_some).await.unwrap().clone();
    assert_eq!(failure, Some(Failure::ConnectionRefused));

    // Whoever gives up hands the duty on.
    let opening = opened(seat());
    let mut told = waiting();
    drop(opening);
    assert!(told.wait_for(Option::is_some).await.is_err());

    let opening = opened(seat());
    let mut told = waiting();
    let (near, _far) = tokio::io::duplex(4096);
    let connection = Shared::open(near, false, Duration::from_secs(60)).await.unwrap();
    let first = opening.done(connection);
    assert!(told.wait_for(Option::is_some).await.is_err());
    let others: Vec<Stream> = (1..STREAMS_MAX).map(|_| taken(seat())).collect();
    // It is full.
    drop(opened(seat()));
    drop(first);
    drop(taken(seat()));
    assert_eq!(pools.shared(), 1);

    // It is in use, however long that takes.
    pools.purge(clock::now() + Duration::from_secs(3600));
    assert_eq!(pools.shared(), 1);
    drop(others);
    pools.purge(clock::now());
    assert_eq!(pools.shared(), 1);
    pools.purge(clock::now() + Duration::from_secs(61));
    assert_eq!(pools.shared(), 0);
}

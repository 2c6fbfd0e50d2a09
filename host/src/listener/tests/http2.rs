//! HTTP/2, with and without TLS.

use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use super::*;

/// A client, and the task that ends with its connection.
pub(super) async fn client<T>(stream: T) -> (SendRequest<Full<Bytes>>, JoinSet<bool>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let mut task = JoinSet::new();
    task.spawn(async move { connection.await.is_ok() });
    (sender, task)
}

pub(super) async fn get(sender: &mut SendRequest<Full<Bytes>>, path: &str) -> String {
    let request = Request::post(format!("http://x{path}")).body(Full::from("body")).unwrap();
    let response = in_time(sender.send_request(request)).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn prior_knowledge_is_recognised() {
    let server = Server::start(&limits());
    let (mut sender, _task) = client(server.connect().await).await;
    assert_eq!(get(&mut sender, "/echo").await, "body");
    assert_eq!(get(&mut sender, "/b").await, "POST /b");
}

#[tokio::test]
async fn draining_says_goaway_and_finishes_the_streams() {
    let mut server = Server::start(&limits());
    let mut events = server.events();
    let (mut sender, mut task) = client(server.connect().await).await;
    // A client that could send more does not keep the connection open.
    let _second = sender.clone();
    let waiting = get(&mut sender, "/wait");
    let drain = async {
        assert_eq!(in_time(events.recv()).await, Some("waiting"));
        server.drainer.finish();
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        server.stage.go.notify_one();
    };
    let (text, ()) = tokio::join!(waiting, drain);
    assert_eq!(text, "waited");
    assert!(in_time(task.join_next()).await.unwrap().unwrap());
    in_time(server.ended.recv()).await.unwrap();
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_good_order() {
    let mut server = Server::start(&Limits { idle_timeout: SHORT, ..limits() });
    let (mut sender, mut task) = client(server.connect().await).await;
    assert_eq!(get(&mut sender, "/b").await, "POST /b");
    assert!(in_time(task.join_next()).await.unwrap().unwrap());
    in_time(server.ended.recv()).await.unwrap();
}

#[tokio::test]
async fn a_client_that_says_nothing_after_its_preface_is_cut() {
    let mut server =
        Server::start(&Limits { idle_timeout: SHORT, header_timeout: SHORT, ..limits() });
    let mut client = server.connect().await;
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    in_time(server.ended.recv()).await.unwrap();
}

#[tokio::test]
async fn an_exchange_whose_stream_is_reset_is_dropped() {
    let server = Server::start(&limits());
    let mut events = server.events();
    let (mut sender, _task) = client(server.connect().await).await;
    {
        let waiting = get(&mut sender, "/wait");
        let waiting = std::pin::pin!(waiting);
        tokio::select! {
            _ = waiting => panic!("nobody said go"),
            event = events.recv() => assert_eq!(event, Some("waiting")),
        }
    }
    assert_eq!(in_time(events.recv()).await, Some("dropped"));
}

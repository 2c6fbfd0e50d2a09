//! Connections that give their buffers back and go on as if nothing had been.

use super::*;

/// Soon enough for a test.
const REST: Duration = Duration::from_millis(5);

impl Server {
    /// Waits until so many connections rest; the gauge tells nobody when it changes.
    async fn rests(&self, count: i64) {
        in_time(async {
            while self.resting.0.get() != count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
}

fn server(limits: &Limits) -> Server {
    Server::start_to_rest(limits, None, Some(REST))
}

#[tokio::test]
async fn a_connection_that_rested_carries_further_requests() {
    let server = server(&limits());
    let mut client = server.connect().await;
    for path in ["/a", "/b", "/c"] {
        client
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())
            .await
            .unwrap();
        assert_eq!(one(&mut client).await, format!("200 GET {path}"));
        server.rests(1).await;
    }
    drop(client);
    server.rests(0).await;
}

#[tokio::test]
async fn a_rest_is_part_of_the_time_that_a_client_has() {
    let mut server = server(&Limits { idle_timeout: SHORT, ..limits() });
    let mut client = server.connect().await;
    client.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(one(&mut client).await, "200 GET /a");
    server.rests(1).await;
    assert_eq!(rest(&mut client).await, "");
    drop(client);
    in_time(server.ended.recv()).await.unwrap();
    assert_eq!(server.resting.0.get(), 0);
}

#[tokio::test]
async fn a_connection_at_rest_is_closed_when_the_gateway_ends() {
    let mut server = server(&limits());
    let mut client = server.connect().await;
    client.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(one(&mut client).await, "200 GET /a");
    server.rests(1).await;
    server.drainer.finish();
    assert_eq!(rest(&mut client).await, "");
    in_time(server.ended.recv()).await.unwrap();
}

#[tokio::test]
async fn a_connection_rests_neither_in_a_head_nor_in_a_body_nor_in_an_exchange() {
    let server = server(&limits());
    let mut events = server.events();
    let mut in_head = server.connect().await;
    in_head.write_all(b"GET /a HTTP/1.1\r\nho").await.unwrap();
    let mut in_body = server.connect().await;
    in_body.write_all(b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 60\r\n\r\n").await.unwrap();
    assert_eq!(one(&mut in_body).await, "200 POST /a");
    let mut in_exchange = server.connect().await;
    in_exchange.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(in_time(events.recv()).await, Some("waiting"));

    // Those that came later rest already.
    let mut others = Vec::new();
    for _ in 0..3 {
        let mut client = server.connect().await;
        client.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert_eq!(one(&mut client).await, "200 GET /a");
        others.push(client);
    }
    server.rests(3).await;

    in_head.write_all(b"st: x\r\n\r\n").await.unwrap();
    assert_eq!(one(&mut in_head).await, "200 GET /a");
    // A request in the place of a body is a body.
    in_body
        .write_all(b"GET /smuggled HTTP/1.1\r\nhost: x\r\nfiller: 1234567890\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(rest(&mut in_body).await, "");
    server.stage.go.notify_one();
    assert_eq!(one(&mut in_exchange).await, "200 waited");
}

#[tokio::test]
async fn a_whole_pipeline_after_a_rest_is_answered_in_order() {
    let server = server(&limits());
    let mut client = server.connect().await;
    client.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(one(&mut client).await, "200 GET /a");
    server.rests(1).await;
    let pipeline = "GET /b HTTP/1.1\r\nhost: x\r\n\r\nPOST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhiGET /c HTTP/1.1\r\nhost: x\r\n\r\n";
    client.write_all(pipeline.as_bytes()).await.unwrap();
    for expected in ["200 GET /b", "200 hi", "200 GET /c"] {
        assert_eq!(one(&mut client).await, expected);
    }
}

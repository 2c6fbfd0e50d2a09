//! What the guard costs a request; a measurement, not a test.

use std::convert::Infallible;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::*;
use crate::clock;

const REQUESTS: u32 = 100_000;

/// Nanoseconds a request over one in-memory connection.
async fn measure<F: Future>(server: F, mut client: tokio::io::DuplexStream) -> u128 {
    let request = b"GET /a HTTP/1.1\r\nhost: api.example\r\nuser-agent: x\r\naccept: */*\r\n\r\n";
    let requests = async {
        let started = clock::now();
        let mut answer = [0; 512];
        for _ in 0..REQUESTS {
            client.write_all(request).await.unwrap();
            let _ = client.read(&mut answer).await.unwrap();
        }
        started.elapsed().as_nanos() / u128::from(REQUESTS)
    };
    tokio::select! {
        _ = server => panic!("the connection lives as long as its client"),
        nanoseconds = requests => nanoseconds,
    }
}

#[tokio::test]
#[ignore = "a measurement"]
async fn the_guard_costs_little() {
    let service = |_: Request<Incoming>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"ok"))))
    };
    let settings = Settings::new(&limits());
    for _ in 0..3 {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let plain = settings.http1.serve_connection(TokioIo::new(near), service_fn(service));
        let plain = measure(plain, far).await;

        let (stream, far) = tokio::io::duplex(64 * 1024);
        let peer = Arc::new(Peer::new(
            Ends {
                client: "127.0.0.1:1".parse().unwrap(),
                gateway: "127.0.0.1:2".parse().unwrap(),
            },
            None,
        ));
        let opening = super::super::Opening { stream, first: bytes::BytesMut::new(), http2: false };
        let (_drainer, drain) = Drainer::new();
        let handle = |_, _| async { Response::new(Full::new(Bytes::from_static(b"ok"))) };
        let guarded = super::super::talk(opening, peer, &settings, handle, drain);
        let guarded = measure(guarded, far).await;
        println!("plain {plain} ns, guarded {guarded} ns a request");
    }
}

//! Clients that ask for much and want nothing.

use tidegate_tests::client;
use tidegate_tests::gateway::{self, Gateway};
use tidegate_tests::http2::{
    Http2, code, continuation, data, flag, frame, get, headers, kind, ping, post, priority,
    request, reset, setting, settings, window_update,
};
use tidegate_tests::{origin, until};
use tokio::net::TcpStream;

use super::{MARK, Stage, big, connect, is_well, stage};

async fn begun(gateway: &Gateway) -> Http2<TcpStream> {
    let mut client = Http2::new(connect(gateway.address()).await);
    client.begin(&[]).await;
    client
}

/// What the gateway says to a client that sends all this, and to nobody else.
async fn said_to(stage: &Stage, bytes: impl AsRef<[u8]>) -> (u32, String) {
    let mut bystander = stage.gateway.http2().await;
    assert_eq!(bystander.get("/").await.text(), "ok");
    let mut client = begun(&stage.gateway).await;
    client.send(bytes).await;
    let said = client.goodbye().await;
    assert_eq!(bystander.get("/").await.text(), "ok", "a connection that was there before");
    assert!(is_well(&stage.gateway).await, "a connection that comes after");
    said
}

/// So many of them on streams of their own.
fn each(count: u32, of: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    (0..count).flat_map(|number| of(1 + 2 * number)).collect()
}

const CALM: u32 = code::ENHANCE_YOUR_CALM;

#[tokio::test]
async fn a_rapid_reset_at_once_ends_the_connection() {
    let bytes = each(1000, |stream| [get(stream, "/silent"), reset(stream, code::CANCEL)].concat());
    assert_eq!(said_to(&stage().await, bytes).await, (CALM, "too_many_resets".to_owned()));
}

/// Gives up streams one after the other, each once the gateway works on it: how many it took.
async fn give_up(stage: &Stage, by: impl Fn(u32) -> Vec<u8>) -> u32 {
    let mut client = begun(&stage.gateway).await;
    for number in 0..1000 {
        let stream = 1 + 2 * number;
        let question = u64::from(stream).to_be_bytes();
        client.send([get(stream, "/silent"), ping(question)].concat()).await;
        loop {
            let frame = client.frame().await.expect("in time").expect("a frame");
            if frame.kind == kind::GOAWAY {
                assert_eq!(frame.number(4), CALM);
                assert!(is_well(&stage.gateway).await);
                return number;
            }
            if frame.kind == kind::PING && frame.payload == question {
                break;
            }
        }
        client.send(by(stream)).await;
    }
    panic!("a thousand were taken");
}

#[tokio::test]
async fn a_rapid_reset_that_takes_turns_ends_the_connection_too() {
    let stage = stage().await;
    let taken = give_up(&stage, |stream| reset(stream, code::CANCEL)).await;
    assert!((201..=210).contains(&taken), "{taken} were given up");
    // Nothing is left of them.
    stage.origins[1].saw(|counts| counts.closed == counts.connections).await;
}

#[tokio::test]
async fn a_client_that_makes_the_gateway_reset_its_streams_is_no_better() {
    let stage = stage().await;
    let taken = give_up(&stage, |stream| window_update(stream, 0x7fff_ffff)).await;
    assert!((201..=210).contains(&taken), "{taken} were reset");
    stage.origins[1].saw(|counts| counts.closed == counts.connections).await;
}

#[tokio::test]
async fn errors_without_end_end_the_connection() {
    let bytes = each(1200, |stream| {
        let block = request("POST", "/silent", &[("connection", "close")]);
        headers(stream, flag::WHOLE, block)
    });
    let (code, why) = said_to(&stage().await, bytes).await;
    assert_eq!((code, why.as_str()), (CALM, "too_many_internal_resets"));
}

#[tokio::test]
async fn a_client_that_cancels_now_and_then_goes_on() {
    let stage = stage().await;
    let mut client = begun(&stage.gateway).await;
    for number in 0..300 {
        let (cancelled, answered) = (1 + 4 * number, 3 + 4 * number);
        client.send([get(cancelled, "/silent"), get(answered, "/")].concat()).await;
        assert_eq!(client.status(answered).await, 200);
        client.send(reset(cancelled, code::CANCEL)).await;
    }
}

#[tokio::test]
async fn a_header_block_without_end_ends_the_connection() {
    let block = request("GET", "/", &[]);
    let begin = headers(1, flag::END_STREAM, &block);
    for more in [Vec::new(), tidegate_tests::http2::field("x", "y")] {
        let bytes = [begin.clone(), continuation(1, 0, more).repeat(2000)].concat();
        let said = said_to(&stage().await, bytes).await;
        assert_eq!(said, (CALM, "too_many_continuations".to_owned()));
    }
}

#[tokio::test]
async fn a_head_that_unpacks_to_megabytes_ends_the_connection() {
    // A field of 4000 bytes goes into the table, and comes out of it 16000 times.
    let mut bomb = b"\x40\x01x".to_vec();
    tidegate_tests::http2::text(&mut bomb, &"a".repeat(4000));
    bomb.extend([0xbe; 12_000]);
    let block = [request("GET", "/", &[]), bomb].concat();
    let said = said_to(&stage().await, headers(1, flag::WHOLE, block)).await;
    assert_eq!(said, (CALM, "header_list_way_too_large".to_owned()));
}

#[tokio::test]
async fn empty_data_without_end_ends_the_connection() {
    let bytes = [post(1, "/silent"), data(1, 0, "").repeat(2000)].concat();
    assert_eq!(said_to(&stage().await, bytes).await, (CALM, "too_many_data_frames".to_owned()));
}

#[tokio::test]
async fn frames_that_bring_nothing_end_the_connection() {
    let stage = stage().await;
    for flood in [
        ping(MARK),
        settings(&[]),
        settings(&[(4, 65_535)]),
        priority(3, 1, 7),
        window_update(0, 1),
        frame(0x16, 0, 0, [0; 20]),
        frame(kind::PING, flag::ACK, 0, MARK),
    ] {
        let (code, _) = said_to(&stage, flood.repeat(20_000)).await;
        assert_eq!(code, CALM, "{:?}", &flood[..9]);
    }
}

#[tokio::test]
async fn connections_that_are_ended_are_counted() {
    let stage = stage().await;
    let series = |code: &str| {
        format!("tidegate_http2_errors_total{{listener=\"127.0.0.1:0\",code={code:?}}}")
    };
    for (bytes, code) in [
        (window_update(0, 0), "PROTOCOL_ERROR"),
        (window_update(0, 0x7fff_ffff), "FLOW_CONTROL_ERROR"),
        (frame(kind::PING, 0, 0, [0; 7]), "FRAME_SIZE_ERROR"),
        ([post(1, "/silent"), data(1, 0, "").repeat(200)].concat(), "ENHANCE_YOUR_CALM"),
    ] {
        said_to(&stage, bytes).await;
        stage.gateway.metric_becomes(&series(code), 1.0).await;
    }
    // One that stays is counted as well.
    let mut client = begun(&stage.gateway).await;
    client.send(window_update(0, 0)).await;
    assert_eq!(client.goodbye().await.0, code::PROTOCOL_ERROR);
    stage.gateway.metric_becomes(&series("PROTOCOL_ERROR"), 2.0).await;
    drop(client);
    // One that leaves is not.
    let mut client = begun(&stage.gateway).await;
    client.send(tidegate_tests::http2::go_away(0, code::PROTOCOL_ERROR, "")).await;
    client.goodbye().await;
    drop(client);
    assert!(is_well(&stage.gateway).await);
    stage.gateway.metric_becomes(&series("PROTOCOL_ERROR"), 2.0).await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_of_what_it_has_asked_for_is_cut() {
    let origin = origin::responding(big()).await;
    let gateway =
        gateway::before(&origin).limit("body_timeout = \"300ms\"").route("/", []).start().await;
    let mut client = Http2::new(connect(gateway.address()).await);
    client.begin(&[(setting::INITIAL_WINDOW_SIZE, 1 << 21)]).await;
    // 100 MiB, with all the room that there can be: more than the buffers of the sockets hold.
    client.send(window_update(0, 0x7fff_0000)).await;
    client.send(each(100, |stream| get(stream, "/"))).await;
    let open = "tidegate_connections{listener=\"127.0.0.1:0\"}";
    gateway
        .metric_becomes("tidegate_connections_accepted_total{listener=\"127.0.0.1:0\"}", 1.0)
        .await;
    until(async || (gateway.metric(open).await < 0.5).then_some(())).await;
    let mut whole = 0;
    while let Some(frame) = client.frame().await.expect("an end in time") {
        whole += usize::from(frame.kind == kind::DATA && frame.has(flag::END_STREAM));
    }
    assert!(whole < 100, "all has come");
}

#[tokio::test]
async fn a_hundred_messages_with_a_ping_each_are_no_flood() {
    let stage = stage().await;
    let mut client = begun(&stage.gateway).await;
    for number in 0..100 {
        client.send([ping(MARK), get(1 + 2 * number, "/")].concat()).await;
        assert_eq!(client.status(1 + 2 * number).await, 200);
    }
    let reply = client::http2(stage.gateway.address()).await.get("/").await;
    assert_eq!(reply.status(), 200);
}

//! All tables, and that the runner can fail.

use std::sync::Arc;

use tidegate_tests::http2::{code, data, flag, get, ping, post, window_update};

use super::{
    Answer, By, Case, MARK, case, connect, frames, generic, hpack, messages, play, play_all,
    settings, stage, streams,
};

fn tables() -> [(&'static str, Vec<Case>); 6] {
    [
        ("What has to be taken", generic::cases()),
        ("Streams and their identifiers", streams::cases()),
        ("Frames", frames::cases()),
        ("Settings and flow control", settings::cases()),
        ("Requests", messages::cases()),
        ("Header compression", hpack::cases()),
    ]
}

fn all() -> Vec<Case> {
    tables().into_iter().flat_map(|(_, cases)| cases).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_do_is_answered_as_rfc_9113_and_rfc_7541_have_it() {
    let failed = play_all(Arc::new(stage().await), By::PriorKnowledge, all()).await;
    assert!(failed.is_empty(), "{} cases failed:\n{}", failed.len(), failed.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_answered_so_with_tls_too() {
    let cases = [frames::cases(), settings::cases()].into_iter().flatten().collect();
    let failed = play_all(Arc::new(stage().await), By::Alpn, cases).await;
    assert!(failed.is_empty(), "{} cases failed:\n{}", failed.len(), failed.join("\n"));
}

/// What would come of a table whose author has erred.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_with_a_wrong_expectation_fails() {
    let stage = stage().await;
    let wrong = vec![
        case("0", "goodbye expected, answer comes").send(get(1, "/")).connection_error(&[1]),
        case("0", "answer expected, goodbye comes").send(window_update(0, 0)).answered(1),
        case("0", "another code of a goodbye").send(window_update(0, 0)).connection_error(&[2]),
        case("0", "another code of a reset")
            .send(post(1, "/"))
            .send(window_update(1, 0))
            .stream_error(1, &[code::CANCEL]),
        case("0", "another stream")
            .send(post(1, "/"))
            .send(window_update(1, 0))
            .answer(&[Answer::GoAway(code::CANCEL), Answer::Reset(3, code::PROTOCOL_ERROR)]),
        case("0", "another status").send(get(1, "/")).answer(&[Answer::Status(1, 404)]),
        case("0", "no notice expected, goodbye comes").send(data(1, 0, "x")).ignored(1),
        case("0", "an end expected").send(get(1, "/")).answer(&[Answer::Closed]),
        case("0", "another pong").send(get(1, "/")).answer(&[Answer::Pong(MARK)]),
        case("0", "more of a body")
            .with(&[(4, 1)])
            .send(get(1, "/"))
            .send(ping(MARK))
            .answer(&[Answer::Data(1, 2)])
            .send(data(1, flag::END_STREAM, "")),
        case("0", "something before, which is not")
            .send(window_update(0, 0))
            .after(Answer::Status(1, 200))
            .connection_error(&[1]),
        case("0", "a deviation that was mended")
            .send(get(1, "/"))
            .answered(1)
            .deviates(Answer::Closed),
        case("0", "a deviation that is none")
            .send(get(1, "/"))
            .answered(1)
            .deviates(Answer::Status(1, 200)),
        case("0", "a deviation that is another")
            .send(window_update(0, 0))
            .answered(1)
            .deviates(Answer::GoAway(2)),
    ];
    for case in wrong {
        let played = play(&case, connect(stage.gateway.address()).await).await;
        assert!(played.is_err(), "{case} has passed");
    }
}

/// `docs/protocols.md` says how many cases there are, and how many are answered as the RFC has it.
#[test]
fn the_documents_show_the_counts() {
    let text = include_str!("../../../docs/protocols.md");
    let mut rows: Vec<String> = tables()
        .into_iter()
        .map(|(name, cases)| row(name, &cases.iter().collect::<Vec<_>>()))
        .collect();
    let all = all();
    rows.push(row("together", &all.iter().collect::<Vec<_>>()));
    let missing: Vec<String> = rows.into_iter().filter(|row| !text.contains(row)).collect();
    assert!(missing.is_empty(), "docs/protocols.md needs:\n{}", missing.join("\n"));
}

fn row(name: &str, cases: &[&Case]) -> String {
    let good = cases.iter().filter(|case| case.deviation.is_none()).count();
    format!("| {name} | {} | {good} |", cases.len())
}

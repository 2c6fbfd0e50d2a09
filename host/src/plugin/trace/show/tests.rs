use serde::Serialize;

use super::{CREDENTIALS, Show};

#[derive(Serialize)]
struct Header {
    name: String,
    value: Vec<u8>,
}

#[derive(Serialize)]
struct Entry {
    value: Vec<u8>,
    max_age_ms: Option<u64>,
}

#[derive(Serialize)]
enum KvError {
    TooLarge,
}

#[derive(Serialize)]
enum Key {
    Secret(Vec<u8>),
}

fn header(name: &str, value: &str) -> Header {
    Header { name: name.to_owned(), value: value.into() }
}

fn shown(value: impl Serialize) -> String {
    let mut text = String::new();
    Show::new(&mut text, false).value(&value);
    text
}

#[test]
fn values_are_named_as_in_the_contract() {
    assert_eq!(shown(()), "()");
    assert_eq!(shown((7_u16, -2_i64, true, 0.5_f64)), "(7, -2, true, 0.5)");
    assert_eq!(shown(Some("a")), "\"a\"");
    assert_eq!(shown(None::<u64>), "none");
    assert_eq!(shown(Ok::<u64, KvError>(3)), "ok(3)");
    assert_eq!(shown(Err::<u64, _>(KvError::TooLarge)), "err(too-large)");
    let entry = Entry { value: b"x".to_vec(), max_age_ms: None };
    assert_eq!(shown(Some(entry)), "{value: \"x\", max-age-ms: none}");
}

#[test]
fn bytes_are_shown_as_the_text_that_they_mostly_are() {
    assert_eq!(shown(b"caf\xc3\xa9 \"'\n".to_vec()), "\"café \\\"'\\n\"");
    assert_eq!(shown(b"\xfe\0a".to_vec()), "\"\\xfe\\0a\"");
    assert_eq!(shown(vec![b"one".to_vec(), b"two".to_vec()]), "[\"one\", \"two\"]");
    assert_eq!(shown(Vec::<u8>::new()), "[]");
    assert_eq!(shown(vec![300_u16, 2]), "[300, 2]");
    assert_eq!(shown(vec![(1_u8, 2_u8)]), "[(1, 2)]");
}

#[test]
fn what_is_long_is_cut() {
    assert_eq!(shown("a".repeat(80)), format!("\"{}\"", "a".repeat(80)));
    assert_eq!(shown("a".repeat(81)), format!("\"{}\"…", "a".repeat(80)));
    assert_eq!(shown(vec![b'a'; 1 << 20]), format!("\"{}\"…", "a".repeat(80)));
    let umlauts = format!("a{}", "ä".repeat(50));
    let cut = format!("\"a{}\"…", "ä".repeat(39));
    assert_eq!(shown(&umlauts), cut);
    assert_eq!(shown(umlauts.into_bytes()), cut, "no half of a character is shown");
    let many = shown(vec![1_u32; 100]);
    assert_eq!(many, format!("[{}1, … 100 in all]", "1, ".repeat(31)));
}

#[test]
fn what_stands_beside_the_name_of_a_credential_is_left_out() {
    let headers = vec![header("Authorization", "Bearer abc"), header("accept", "text/html")];
    assert_eq!(
        shown(headers),
        "[{name: \"Authorization\", value: <redacted>}, {name: \"accept\", value: \"text/html\"}]"
    );
    assert_eq!(
        shown(vec![("cookie", b"a=b".to_vec()), ("x", b"c".to_vec())]),
        "[(\"cookie\", <redacted>), (\"x\", \"c\")]"
    );
    let mut text = String::new();
    Show::new(&mut text, true).value(&header("cookie", "a=b"));
    assert_eq!(text, "{name: \"cookie\", value: \"a=b\"}", "unless it is asked for");
}

#[test]
fn a_secret_keeps_its_shape_only() {
    let mut text = String::new();
    let mut show = Show::new(&mut text, false);
    show.hidden(&Key::Secret(b"s3cret".to_vec()));
    show.text(" ");
    show.hidden(&Err::<Vec<u8>, _>(KvError::TooLarge));
    show.text(" ");
    show.value("not one");
    assert_eq!(text, "secret(<redacted>) err(too-large) \"not one\"");
}

#[test]
fn names_of_credentials_are_sorted() {
    assert!(CREDENTIALS.is_sorted());
}

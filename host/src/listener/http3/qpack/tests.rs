//! Sections as bytes, and what they say.

use super::{Unread, huffman, read};

fn section(bytes: &[u8]) -> Result<Vec<(String, String)>, Unread<()>> {
    let mut lines = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    read(bytes, 1000, |name, value| {
        lines.push((text(name), text(value)));
        Ok(())
    })?;
    Ok(lines)
}

fn lines(bytes: &[u8]) -> Vec<(String, String)> {
    section(bytes).unwrap()
}

fn line(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn a_section_is_read_as_in_the_example_of_the_standard() {
    // RFC 9204 appendix B.1.
    let bytes = b"\x00\x00\x51\x0b/index.html";
    assert_eq!(lines(bytes), [line(":path", "/index.html")]);
}

#[test]
fn lines_are_of_the_table_or_say_what_they_mean() {
    let bytes = b"\x00\x00\xc1\xd1\xff\x23\x5f\x4a\x02hi\x23a-b\x01c\x27\x00abcdefg\x00";
    assert_eq!(
        lines(bytes),
        [
            line(":path", "/"),
            line(":method", "GET"),
            line("x-frame-options", "sameorigin"),
            line("if-range", "hi"),
            line("a-b", "c"),
            line("abcdefg", ""),
        ]
    );
}

#[test]
fn compressed_texts_are_those_of_the_standard() {
    // RFC 7541 appendixes C.4 and C.6.
    let decoded = |text: &[u8]| {
        let mut decoded = Vec::new();
        huffman::decode(text, &mut decoded)?;
        Some(String::from_utf8(decoded).unwrap())
    };
    let host = b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
    assert_eq!(decoded(host).as_deref(), Some("www.example.com"));
    assert_eq!(decoded(b"\xa8\xeb\x10\x64\x9c\xbf").as_deref(), Some("no-cache"));
    let date =
        b"\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff";
    assert_eq!(decoded(date).as_deref(), Some("Mon, 21 Oct 2013 20:13:21 GMT"));
    let cookie =
        b"\x94\xe7\x82\x1d\xd7\xf2\xe6\xc7\xb3\x35\xdf\xdf\xcd\x5b\x39\x60\xd5\xaf\x27\x08\
        \x7f\x36\x72\xc1\xab\x27\x0f\xb5\x29\x1f\x95\x87\x31\x60\x65\xc0\x03\xed\x4e\xe5\xb1\x06\
        \x3d\x50\x07";
    let told = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
    assert_eq!(decoded(cookie).as_deref(), Some(told));
    // Padding of a whole byte, padding with a zero, and the end of all texts.
    assert_eq!(decoded(b"\xa8\xeb\x10\x64\x9c\xbf\xff"), None);
    assert_eq!(decoded(b"\x00"), None);
    assert_eq!(decoded(b"\xff\xff\xff\xff"), None);
}

#[test]
fn what_is_no_section_is_refused() {
    for bytes in [
        &b""[..],
        b"\x00",
        // It needs the dynamic table, or refers to it.
        b"\x02\x00\x80",
        b"\x00\x00\x80",
        b"\x00\x00\x40\x01a",
        b"\x00\x00\x10",
        b"\x00\x00\x00\x01a",
        // There are 99 entries.
        b"\x00\x00\xff\x24",
        // Texts that end before their end, and lengths that have none.
        b"\x00\x00\x51\x0b/index",
        b"\x00\x00\x51",
        b"\x00\x00\x23ab",
        b"\x00\x00\x51\x7f\xff\xff\xff\xff\xff\xff\x01",
        b"\x00\x00\x51\x7f\x80\x80\x80\x80\x80\x80\x00",
    ] {
        assert_eq!(section(bytes), Err(Unread::Undecodable), "{bytes:?}");
    }
}

#[test]
fn each_line_costs_thirty_two_bytes_more() {
    let lines = |bytes_max| read(b"\x00\x00\xd1\xd1", bytes_max, |_, _| Ok::<_, ()>(()));
    assert_eq!(lines(2 * (7 + 3 + 32)), Ok(()));
    assert_eq!(lines(2 * (7 + 3 + 32) - 1), Err(Unread::TooLarge));
}

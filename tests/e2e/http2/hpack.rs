//! Header compression (RFC 7541).

use tidegate_tests::http2::{
    block, code, continuation, flag, get, headers, integer, request, setting, settings, text,
};

use super::{Answer, Case, case};

const COMPRESSION: &[u32] = &[code::COMPRESSION_ERROR];

/// What h2 says of blocks that cannot be read.
const OTHERWISE: Answer = Answer::GoAway(code::PROTOCOL_ERROR);

pub(super) fn cases() -> Vec<Case> {
    [forms(), table(), faults()].into_iter().flatten().collect()
}

/// `:method: GET`, `:scheme: http` and `:path: /` by their indexes, and `:authority: a`.
const INDEXED: &[u8] = b"\x82\x86\x84\x01\x01a";

/// A GET with these bytes at the end of its block.
fn with(bytes: &[u8]) -> Vec<u8> {
    headers(1, flag::WHOLE, [INDEXED, bytes].concat())
}

#[rustfmt::skip]
fn forms() -> Vec<Case> {
    vec![
        case("hpack 6.1", "an indexed field").send(with(b"\x90")).answered(1),
        case("hpack 6.2.1", "a literal with indexing, its name indexed").send(with(b"\x58\x01a")).answered(1),
        case("hpack 6.2.1", "a literal with indexing, its name new").send(with(b"\x40\x01x\x01a")).answered(1),
        case("hpack 6.2.2", "a literal without indexing, its name indexed").send(with(b"\x0f\x09\x01a")).answered(1),
        case("hpack 6.2.2", "a literal without indexing, its name new").send(with(b"\x00\x01x\x01a")).answered(1),
        case("hpack 6.2.3", "a literal never indexed, its name indexed").send(with(b"\x1f\x09\x01a")).answered(1),
        case("hpack 6.2.3", "a literal never indexed, its name new").send(with(b"\x10\x01x\x01a")).answered(1),
        case("hpack 5.2", "a value in Huffman's code").send(headers(1, flag::WHOLE,
            b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff")).answered(1),
        case("hpack 5.2", "a value that is empty").send(with(b"\x00\x01x\x00")).answered(1),
        case("hpack 5.1", "a number in more bytes than it takes").send(with(b"\x00\x7f\x80\x00".iter()
            .chain([b'x'; 127].iter()).chain(b"\x01a").copied().collect::<Vec<u8>>().as_slice())).answered(1),
    ]
}

#[rustfmt::skip]
fn table() -> Vec<Case> {
    let indexes = || with(b"\x40\x01x\x01a");
    let again = |bytes: &[u8]| headers(3, flag::WHOLE, [INDEXED, bytes].concat());
    vec![
        case("hpack 2.3.2", "a field of the dynamic table").send(indexes()).after(Answer::Status(1, 200)).send(again(b"\xbe")).answered(3),
        case("hpack 2.3.2", "the dynamic table outlives a request that is malformed")
            .send(headers(1, flag::WHOLE, [b"\x40\x01x\x01a", INDEXED].concat()))
            .after(Answer::Reset(1, code::PROTOCOL_ERROR)).send(again(b"\xbe")).answered(3),
        case("hpack 2.3.2", "the dynamic table outlives a request that is refused").send([
            (0..128).flat_map(|n| get(1 + 2 * n, "/silent")).collect::<Vec<u8>>(),
            headers(257, flag::WHOLE, [INDEXED, b"\x40\x01x\x01a"].concat())].concat())
            .after(Answer::Reset(257, code::REFUSED_STREAM))
            .send(tidegate_tests::http2::reset(1, code::CANCEL))
            .send(headers(259, flag::WHOLE, [INDEXED, b"\xbe"].concat())).answered(259),
        case("hpack 4.2", "the table's size may be changed at the beginning of a block")
            .send(headers(1, flag::WHOLE, [b"\x3f\xe1\x1f", INDEXED].concat())).answered(1),
        case("hpack 4.2", "the table may have no size").send(headers(1, flag::WHOLE, [b"\x20", INDEXED].concat())).answered(1),
        case("hpack 4.2", "the table's size may be changed twice")
            .send(headers(1, flag::WHOLE, [b"\x20\x3f\xe1\x1f", INDEXED].concat())).answered(1),
        case("hpack 4.4", "a field that is larger than the table empties it")
            .send(with(&{ let mut field = b"\x40\x01x".to_vec(); text(&mut field, &"a".repeat(5000)); field }))
            .send(again(b"\xbe")).connection_error(COMPRESSION).deviates(OTHERWISE),
        case("hpack 4.3", "a smaller table forgets").send(indexes())
            .send(headers(3, flag::WHOLE, [b"\x20", INDEXED, b"\xbe"].concat()))
            .connection_error(COMPRESSION).deviates(OTHERWISE),
    ]
}

#[rustfmt::skip]
fn faults() -> Vec<Case> {
    let huffman = |bytes: &[u8]| with(&[&[0, 1, b'x', 0x80 | u8::try_from(bytes.len()).unwrap()], bytes].concat());
    let far = || { let mut bytes = Vec::new(); integer(&mut bytes, 0x80, 7, 70); bytes };
    let name = || { let mut bytes = Vec::new(); integer(&mut bytes, 0x40, 6, 70); bytes.extend(b"\x01a"); bytes };
    vec![
        case("hpack 2.3.3", "an index that the tables have not").send(with(&far()))
            .connection_error(COMPRESSION).deviates(OTHERWISE),
        case("hpack 2.3.3", "a name of an index that the tables have not").send(with(&name()))
            .connection_error(COMPRESSION).deviates(OTHERWISE),
        case("hpack 4.2", "a change of the table's size at the end of a block").send(with(b"\x20"))
            .connection_error(COMPRESSION).deviates(OTHERWISE),
        case("hpack 4.2", "a change of the table's size within a block").send(headers(1, flag::WHOLE,
            [b"\x82\x20\x86\x84".to_vec(), block(&[(":authority", "a")])].concat()))
            .connection_error(COMPRESSION).deviates(OTHERWISE),
        case("hpack 5.1", "a number that is too large").send(with(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"))
            .connection_error(COMPRESSION).deviates(OTHERWISE),
        case("hpack 5.1", "a number that does not end").send(with(b"\xff\x80"))
            .connection_error(COMPRESSION).deviates(OTHERWISE),
        case("hpack 5.2", "a string that is longer than the block").send(with(b"\x00\x01x\x7f\x00a"))
            .connection_error(COMPRESSION).deviates(OTHERWISE),
        case("hpack 5.2", "padding of more than 7 bits").send(huffman(b"\x1f\xff"))
            .connection_error(COMPRESSION).deviates(OTHERWISE),
        case("hpack 5.2", "padding with zeros").send(huffman(b"\x18"))
            .connection_error(COMPRESSION).deviates(OTHERWISE),
        case("hpack 5.2", "the end of a string within a string").send(huffman(b"\xff\xff\xff\xff"))
            .connection_error(COMPRESSION).deviates(OTHERWISE),
        case("hpack 6.1", "index 0").send(with(b"\x80")).connection_error(COMPRESSION).deviates(OTHERWISE),
        case("hpack 6.3", "a table that is larger than allowed")
            .send(headers(1, flag::WHOLE, [b"\x3f\xe1\xff\x03", INDEXED].concat()))
            .connection_error(COMPRESSION).deviates(OTHERWISE),
        case("hpack 6.2", "a block that ends within a field").send(headers(1, flag::WHOLE, b"\x82\x86\x84\x01"))
            .connection_error(COMPRESSION).deviates(OTHERWISE),
        case("hpack 6.2", "a continued block that ends within a field")
            .send(headers(1, flag::END_STREAM, b"\x82\x86\x84\x01"))
            .send(continuation(1, flag::END_HEADERS, b"\x05"))
            .connection_error(COMPRESSION).deviates(OTHERWISE),
        case("hpack 4.2", "the gateway's table follows the client's settings")
            .send(settings(&[(setting::HEADER_TABLE_SIZE, 0)])).send(headers(1, flag::WHOLE,
                request("GET", "/", &[]))).answered(1),
    ]
}

//! What a byte of a head may be.

/// A token's character (RFC 9110 section 5.6.2).
const TOKEN: u8 = 1;

/// A character that may stand before the query of a request target. Browsers send some that RFC 3986
/// does not have; those that the HTTP implementation behind cannot read are left out.
const PATH: u8 = 2;

/// A character that may stand in the query of a request target.
const QUERY: u8 = 4;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(
            clippy::indexing_slicing,
            clippy::cast_possible_truncation,
            reason = "evaluated by the compiler; the loop ends at 255"
        )]
        {
            classes[byte] = classify(byte as u8);
        }
        byte += 1;
    }
    classes
};

const fn classify(byte: u8) -> u8 {
    let token = byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+')
        || matches!(byte, b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~');
    let query = byte.is_ascii_graphic() && !matches!(byte, b'#' | b'"' | b'<' | b'>');
    let path = query && !matches!(byte, b'`' | b'?');
    (if token { TOKEN } else { 0 })
        | (if path { PATH } else { 0 })
        | (if query { QUERY } else { 0 })
}

fn is(byte: u8, class: u8) -> bool {
    CLASSES.get(usize::from(byte)).is_some_and(|classes| classes & class != 0)
}

/// How many bytes at the start are of this class.
fn length(bytes: &[u8], class: u8) -> usize {
    bytes.iter().position(|byte| !is(*byte, class)).unwrap_or(bytes.len())
}

/// How many bytes at the start are those of a token.
pub(super) fn token_length(bytes: &[u8]) -> usize {
    length(bytes, TOKEN)
}

/// How many bytes at the start may stand in a request target.
pub(super) fn target_length(bytes: &[u8]) -> usize {
    let path = length(bytes, PATH);
    match bytes.get(path..) {
        Some(query @ [b'?', ..]) => path + length(query, QUERY),
        _ => path,
    }
}

/// Whether there is a control character other than a tab.
pub(super) fn has_control(bytes: &[u8]) -> bool {
    // In blocks, which the compiler looks at as a whole; the last one overlaps the one before it.
    match (bytes.last_chunk::<16>(), bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(last), ..) => {
            bytes.as_chunks::<16>().0.iter().any(block_has_control) || block_has_control(last)
        }
        (None, Some(first), Some(last)) => block_has_control(first) || block_has_control(last),
        _ => bytes.iter().copied().any(is_control),
    }
}

fn block_has_control<const SIZE: usize>(block: &[u8; SIZE]) -> bool {
    block.iter().fold(false, |found, byte| found | is_control(*byte))
}

const fn is_control(byte: u8) -> bool {
    ((byte < b' ') & (byte != b'\t')) | (byte == 127)
}

/// Without the spaces and tabs around it (RFC 9110 section 5.6.3).
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

//! Headers, byte by byte.

use super::*;

fn ends(client: &str, gateway: &str) -> Ends {
    Ends { client: client.parse().unwrap(), gateway: gateway.parse().unwrap() }
}

#[test]
fn a_line_of_version_1_names_both_ends() {
    for (line, expected) in [
        (
            "PROXY TCP4 192.0.2.1 198.51.100.2 1000 443",
            Some(Some(ends("192.0.2.1:1000", "198.51.100.2:443"))),
        ),
        ("PROXY TCP6 2001:db8::1 ::1 0 65535", Some(Some(ends("[2001:db8::1]:0", "[::1]:65535")))),
        ("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2", Some(Some(ends("192.0.2.1:1", "[::1]:2")))),
        ("PROXY UNKNOWN", Some(None)),
        ("PROXY UNKNOWN whatever 1 2 3 4", Some(None)),
    ] {
        assert_eq!(parse_text(format!("{line}\r\n").as_bytes()), expected, "{line}");
    }
}

#[test]
fn a_line_that_is_not_quite_one_is_refused() {
    for line in [
        "PROXY TCP4 192.0.2.1 198.51.100.2 1000 443\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 1000\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 1000 443 \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 1000 443 1\r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.2 1000 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 01000 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 +1000 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 1000 \r\n",
        "PROXY TCP4 192.0.2.01 198.51.100.2 1000 443\r\n",
        "PROXY TCP4 192.0.2 198.51.100.2 1000 443\r\n",
        "PROXY TCP4 ::1 ::1 1000 443\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.2 1000 443\r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.2 1000 443\r\n",
        "PROXY tcp4 192.0.2.1 198.51.100.2 1000 443\r\n",
        "proxy TCP4 192.0.2.1 198.51.100.2 1000 443\r\n",
        "PROXY\r\n",
        "PROXY \r\n",
        "\r\n",
    ] {
        assert_eq!(parse_text(line.as_bytes()), None, "{line:?}");
    }
    assert_eq!(parse_text(b"PROXY UNKNOWN \xff\r\n"), None);
}

/// Two IPv4 addresses and ports.
const FOUR: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 2, 3, 232, 1, 187];

#[test]
fn numbers_of_version_2_name_both_ends() {
    let four = Some(Some(ends("192.0.2.1:1000", "198.51.100.2:443")));
    assert_eq!(parse_binary(0x21, 0x11, &FOUR), four);
    let with_extras = [&FOUR[..], &[4, 0, 2, 9, 9], &[0x20, 0, 0]].concat();
    assert_eq!(parse_binary(0x21, 0x11, &with_extras), four);

    let mut six = [0; 36];
    six[15] = 1;
    six[31] = 2;
    six[35] = 80;
    assert_eq!(parse_binary(0x21, 0x21, &six), Some(Some(ends("[::1]:0", "[::2]:80"))));

    // A proxy that speaks for itself, or cannot say for whom.
    assert_eq!(parse_binary(0x20, 0x11, &FOUR), Some(None));
    assert_eq!(parse_binary(0x20, 0x00, &[]), Some(None));
    assert_eq!(parse_binary(0x21, 0x00, b"anything"), Some(None));
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    for (command, family, rest) in [
        (0x11, 0x11, &FOUR[..]),
        (0x22, 0x11, &FOUR),
        (0x31, 0x11, &FOUR),
        (0x21, 0x12, &FOUR),
        (0x21, 0x31, &FOUR),
        (0x21, 0x21, &FOUR),
        (0x21, 0x11, &FOUR[..11]),
        (0x21, 0x11, &[]),
    ] {
        assert_eq!(parse_binary(command, family, rest), None, "{command:x} {family:x}");
    }
    for extra in [&[4][..], &[4, 0], &[4, 0, 2, 9], &[4, 0, 0, 4]] {
        let rest = [&FOUR[..], extra].concat();
        assert_eq!(parse_binary(0x21, 0x11, &rest), None, "{extra:?}");
    }
}

//! Field lines in, requests or refusals out.

use http::Method;

use super::{Head, Unfit, malformed, request, too_large, trailers};

type Line<'a> = (&'a str, &'a str);

const GET: [Line<'static>; 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/x?y")];

/// All literal.
fn section(lines: &[Line<'_>]) -> Vec<u8> {
    let mut section = vec![0, 0];
    for (name, value) in lines {
        for (text, mask, flags) in [(name, 7_usize, 0x20_u8), (value, 127, 0)] {
            if text.len() < mask {
                section.push(flags | u8::try_from(text.len()).unwrap());
            } else {
                section.push(flags | u8::try_from(mask).unwrap());
                section.push(u8::try_from(text.len() - mask).unwrap());
            }
            section.extend(text.as_bytes());
        }
    }
    section
}

fn read(lines: &[Line<'_>]) -> Result<Head, Unfit> {
    request(&section(lines), 1000)
}

/// Why GET with these behind it is none.
fn refused(more: &[Line<'_>]) -> Option<Unfit> {
    read(&[&GET, more].concat()).err()
}

#[test]
fn a_head_is_a_request() {
    let more = [("content-length", "7"), ("expect", "100-continue"), ("a", "b"), ("a", "")];
    let head = read(&[&GET[..], &more].concat()).unwrap();
    assert_eq!((head.length, head.expects_continue), (Some(7), true));
    let request = head.request;
    assert_eq!(request.method(), Method::GET);
    assert_eq!(request.uri(), "https://a.example/x?y");
    assert_eq!(request.version(), http::Version::HTTP_3);
    assert_eq!(request.headers().get_all("a").iter().collect::<Vec<_>>(), ["b", ""]);
}

#[test]
fn a_host_stands_for_an_authority_and_an_asterisk_for_no_path() {
    let lines = [(":method", "OPTIONS"), (":scheme", "https"), (":path", "*"), ("host", "a")];
    let request = read(&lines).unwrap().request;
    assert_eq!((request.uri().path(), request.uri().authority()), ("*", None));
}

#[test]
fn connect_has_an_authority_only_and_its_extension_the_rest_too() {
    let connect = [(":method", "CONNECT"), (":authority", "a.example:443")];
    assert_eq!(read(&connect).unwrap().request.uri(), "a.example:443");
    let rest = [(":scheme", "https"), (":path", "/"), (":protocol", "websocket")];
    assert!(read(&[&connect[..], &rest].concat()).is_ok());
    let why = malformed("CONNECT with other pseudo-headers than it has");
    assert_eq!(read(&[&connect[..], &rest[..2]].concat()).err(), Some(why));
    assert_eq!(read(&[&connect[..], &rest[2..]].concat()).err(), Some(why));
    assert_eq!(read(&connect[..1]).err(), Some(malformed("no :authority")));
    assert_eq!(refused(&rest[2..]), Some(malformed(":protocol is for CONNECT")));
}

#[test]
fn pseudo_headers_come_first_once_and_are_known() {
    for (more, why) in [
        (&[(":path", "/admin")][..], "a pseudo-header twice"),
        (&[(":method", "POST")], "a pseudo-header twice"),
        (&[(":authority", "b.example")], "a pseudo-header twice"),
        (&[(":scheme", "http")], "a pseudo-header twice"),
        (&[(":status", "200")], "a pseudo-header that is not known"),
        (&[(":Path", "/")], "a pseudo-header that is not known"),
        (&[(":", "")], "a pseudo-header that is not known"),
        (&[("a", "b"), (":path", "/admin")], "a pseudo-header after a field"),
    ] {
        assert_eq!(refused(more), Some(malformed(why)), "{more:?}");
    }
    for (at, why) in [
        (0, "no :method"),
        (1, "no :scheme"),
        (2, "neither :authority nor a host"),
        (3, "no :path"),
    ] {
        let mut lines = GET.to_vec();
        lines.remove(at);
        assert_eq!(read(&lines).err(), Some(malformed(why)));
    }
    let why = malformed("a pseudo-header's value is not valid");
    for (at, value) in [
        (0, "G T"),
        (0, ""),
        (1, "ftp"),
        (2, ""),
        (2, "user@a.example"),
        (2, "a b"),
        (3, ""),
        (3, "x"),
        (3, "/a b"),
        (3, "/x#fragment"),
        (3, "https://b.example/"),
    ] {
        let mut lines = GET.to_vec();
        lines[at].1 = value;
        assert_eq!(read(&lines).err(), Some(why), "{value:?}");
    }
    let mut lines = GET.to_vec();
    lines[3].1 = "*";
    assert_eq!(read(&lines).err(), Some(malformed("an asterisk is for OPTIONS")));
}

#[test]
fn fields_are_valid_in_lower_case_and_not_about_connections() {
    let (name, value) = ("a field's name is not valid", "a field's value is not valid");
    let connection = "a field that is about a connection";
    let blank = "a field's value begins or ends with a blank";
    for (field, why) in [
        (("X-Upper", "a"), name),
        (("", "a"), name),
        (("a b", "a"), name),
        (("a:", "a"), name),
        (("a", "b\nc"), value),
        (("a", "b\rc"), value),
        (("a", "b\0c"), value),
        (("a", " b"), blank),
        (("a", "b\t"), blank),
        (("connection", "close"), connection),
        (("keep-alive", "1"), connection),
        (("proxy-connection", "close"), connection),
        (("transfer-encoding", "chunked"), connection),
        (("upgrade", "h2c"), connection),
        (("te", "gzip"), "te can only be trailers"),
        (("te", "trailers, gzip"), "te can only be trailers"),
        (("content-length", "+1"), "content-length is not one number"),
        (("content-length", "1, 1"), "content-length is not one number"),
        (("content-length", ""), "content-length is not one number"),
        (("content-length", "99999999999999999999"), "content-length is not one number"),
    ] {
        assert_eq!(refused(&[field]), Some(malformed(why)), "{field:?}");
    }
    let twice = [("content-length", "1"), ("content-length", "1")];
    assert_eq!(refused(&twice), Some(malformed("content-length is not one number")));
    let twice = [("host", "a.example"), ("host", "a.example")];
    assert_eq!(refused(&twice), Some(malformed("more than one host")));
    assert_eq!(refused(&[("te", "trailers")]), None);
}

#[test]
fn trailers_are_fields_only() {
    let read = |lines: &[Line<'_>]| trailers(&section(lines), 100);
    assert_eq!(read(&[("grpc-status", "0")]).unwrap()["grpc-status"], "0");
    let why = malformed("a pseudo-header in the trailers");
    assert_eq!(read(&[(":status", "200")]), Err(why));
    let why = malformed("a field that is about a connection");
    assert_eq!(read(&[("upgrade", "h2c")]), Err(why));
    assert_eq!(read(&[("long", &"x".repeat(100))]), Err(too_large()));
}

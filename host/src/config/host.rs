//! Names and addresses of hosts, as a `Host` field or a URL carries them.

use std::net::{Ipv4Addr, Ipv6Addr};

/// RFC 1035 section 2.3.4, in bytes.
const LABEL_BYTES_MAX: usize = 63;

/// RFC 1035 section 2.3.4 without the root label, in bytes.
const HOST_BYTES_MAX: usize = 253;

/// In lower case; an IPv6 address in brackets and in its short form. Else why it is none.
pub(super) fn canonical(text: &str) -> Result<String, &'static str> {
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address = inner.parse::<Ipv6Addr>().ok().ok_or("not an IPv6 address")?;
        return Ok(format!("[{address}]"));
    }
    if text.is_empty() {
        return Err("empty");
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err("an IPv6 address stands in brackets");
    }
    if !text.is_ascii() {
        return Err("not ASCII; write its `xn--` form");
    }
    if text.contains('/') {
        return Err("a host has no scheme and no path");
    }
    if text.contains(':') {
        return Err("a host has no port");
    }
    if text.ends_with('.') {
        return Err("leave out the final dot");
    }
    if text.len() > HOST_BYTES_MAX || !text.split('.').all(label) {
        return Err("not a host name");
    }
    let numeric =
        text.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if numeric && text.parse::<Ipv4Addr>().is_err() {
        return Err("not an IPv4 address");
    }
    Ok(text.to_ascii_lowercase())
}

/// With underscores, which container networks use.
fn label(label: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && label.bytes().all(word)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn hosts_are_in_lower_case_and_addresses_in_their_short_form() {
        assert_eq!(canonical("API.Example.com").as_deref(), Ok("api.example.com"));
        assert_eq!(canonical("web_1").as_deref(), Ok("web_1"));
        assert_eq!(canonical("127.0.0.1").as_deref(), Ok("127.0.0.1"));
        assert_eq!(canonical("[0:0::0:1]").as_deref(), Ok("[::1]"));
    }

    #[test]
    fn what_is_no_host_says_why() {
        assert_eq!(canonical(""), Err("empty"));
        assert_eq!(canonical("a..b"), Err("not a host name"));
        assert_eq!(canonical("-a"), Err("not a host name"));
        assert_eq!(canonical("a b"), Err("not a host name"));
        assert_eq!(canonical("1.2.3"), Err("not an IPv4 address"));
        assert_eq!(canonical("1.2.3.256"), Err("not an IPv4 address"));
        assert_eq!(canonical("a:80"), Err("a host has no port"));
        assert_eq!(canonical("http://a"), Err("a host has no scheme and no path"));
        assert_eq!(canonical("a."), Err("leave out the final dot"));
        assert_eq!(canonical("::1"), Err("an IPv6 address stands in brackets"));
        assert_eq!(canonical("[a]"), Err("not an IPv6 address"));
        assert_eq!(canonical("bücher.example"), Err("not ASCII; write its `xn--` form"));
    }
}

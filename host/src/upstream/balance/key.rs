//! What of an exchange decides for an endpoint, as a number.
//!
//! SHA-256, which is the same in every worker, after every reload and in every gateway, so that several
//! gateways send a client to the same endpoint.

use std::net::IpAddr;

use aws_lc_rs::digest::{Context, SHA256};
use http::HeaderMap;
use http::header::COOKIE;

use crate::config::HashKey;
use crate::facts::{Attribute, Exchange};

/// The attribute that authentication leaves behind.
const CONSUMER: &str = "consumer";

/// The number of the value that `key` names; absent if the exchange has none. Allocates nothing.
pub(in crate::upstream) fn of(exchange: &Exchange, key: &HashKey) -> Option<u64> {
    let headers = &exchange.request.headers;
    let [number, _] = match key {
        HashKey::Ip => match exchange.client.address.to_canonical() {
            IpAddr::V4(address) => digest(&address.octets()),
            IpAddr::V6(address) => digest(&address.octets()),
        },
        HashKey::Path => digest(exchange.request.path().as_bytes()),
        HashKey::Consumer => match exchange.attribute(CONSUMER)? {
            Attribute::Text(name) => digest(name.as_bytes()),
            Attribute::Integer(number) => digest(&number.to_be_bytes()),
            Attribute::Decimal(_) | Attribute::Boolean(_) => return None,
        },
        HashKey::Header(name) => digest(headers.get(name)?.as_bytes()),
        HashKey::Cookie(name) => digest(cookie(headers, name.as_bytes())?),
    };
    Some(number)
}

/// The value of the first cookie of this name (RFC 6265 section 4.2.1).
fn cookie<'h>(headers: &'h HeaderMap, name: &[u8]) -> Option<&'h [u8]> {
    let pairs = headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';').map(<[u8]>::trim_ascii));
    pairs.filter_map(|pair| pair.strip_prefix(name)).find_map(|rest| rest.strip_prefix(b"="))
}

/// Two independent numbers of a text.
pub(super) fn digest(text: &[u8]) -> [u64; 2] {
    let mut context = Context::new(&SHA256);
    context.update(text);
    let digest = context.finish();
    let mut numbers = digest
        .as_ref()
        .chunks_exact(8)
        .map(|bytes| bytes.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte)));
    [numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::{cookie, digest};

    #[test]
    fn a_cookie_is_found_among_others_and_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", HeaderValue::from_static("asid=1; sid2=2"));
        headers.append("cookie", HeaderValue::from_static("a=1;  sid=x=y ;sid=z"));
        assert_eq!(cookie(&headers, b"sid"), Some(&b"x=y"[..]));
        assert_eq!(cookie(&headers, b"id"), None);
    }

    #[test]
    fn a_text_has_the_same_numbers_everywhere() {
        // The first bytes of SHA-256 of `abc` (FIPS 180-4).
        assert_eq!(digest(b"abc"), [0xba78_16bf_8f01_cfea, 0x4141_40de_5dae_2223]);
    }
}

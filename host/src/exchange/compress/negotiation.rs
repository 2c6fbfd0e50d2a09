//! Which coding a client gets (RFC 9110 section 12.5.3).

use http::header::{ACCEPT_ENCODING, HeaderMap};

use crate::config::Coding;
use crate::exchange::fields::list;
use crate::exchange::reply::thousandths;

/// What a weight says that is not there, in thousandths.
const WHOLE: u16 = 1000;

/// The coding that the client likes best; of those that it likes alike, the first that is offered.
/// None if it accepts none, or would rather have none: a client that says nothing gets nothing that
/// it may not be able to read.
pub(super) fn choose(request: &HeaderMap, offered: &[Coding]) -> Option<Coding> {
    let weight = |coding: &[u8]| weight(request, coding);
    let any = weight(b"*");
    let identity = weight(b"identity").unwrap_or(0);
    let mut best = None;
    for coding in offered {
        let named = weight(coding.as_str().as_bytes()).or_else(|| match coding {
            // RFC 9110 section 8.4.1.3.
            Coding::Gzip => weight(b"x-gzip"),
            Coding::Brotli | Coding::Zstd => None,
        });
        let weight = named.or(any).unwrap_or(0);
        if weight > 0 && weight >= identity && best.is_none_or(|(most, _)| weight > most) {
            best = Some((weight, *coding));
        }
    }
    best.map(|(_, coding)| coding)
}

/// In thousandths, if the client names the coding. One whose weight cannot be read is not accepted.
fn weight(request: &HeaderMap, coding: &[u8]) -> Option<u16> {
    let lines = request.get_all(ACCEPT_ENCODING).iter();
    let mut elements = lines.flat_map(|line| list::elements(line.as_bytes(), b','));
    elements.find_map(|element| {
        let mut parts = list::elements(element, b';');
        if !parts.next()?.eq_ignore_ascii_case(coding) {
            return None;
        }
        let weight = parts.find_map(|part| match part {
            [b'q' | b'Q', b'=', weight @ ..] => Some(thousandths(weight)),
            _ => None,
        });
        Some(weight.unwrap_or(Some(WHOLE)).unwrap_or(0))
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn accepting(values: &[&'static str]) -> HeaderMap {
        let lines = values.iter().map(|value| HeaderValue::from_static(value));
        lines.map(|line| (ACCEPT_ENCODING, line)).collect()
    }

    const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

    #[test]
    fn the_client_decides_by_weight_and_the_gateway_by_order() {
        for (accepted, expected) in [
            (&[][..], None),
            (&[""], None),
            (&["gzip"], Some(Coding::Gzip)),
            (&["GZIP"], Some(Coding::Gzip)),
            (&["x-gzip"], Some(Coding::Gzip)),
            (&["gzip, deflate, br, zstd"], Some(Coding::Brotli)),
            (&["gzip", "zstd"], Some(Coding::Zstd)),
            (&["gzip;q=1.0, br;q=0.9"], Some(Coding::Gzip)),
            (&["gzip; q=0.5, br;q=0.501"], Some(Coding::Brotli)),
            (&["gzip;q=0"], None),
            (&["gzip;q=0, *"], Some(Coding::Brotli)),
            (&["br;q=0, *;q=0.1"], Some(Coding::Zstd)),
            (&["*"], Some(Coding::Brotli)),
            (&["*;q=0"], None),
            (&["*;q=0, gzip"], Some(Coding::Gzip)),
            (&["identity"], None),
            (&["identity, gzip;q=0.5"], None),
            (&["identity;q=0.5, gzip"], Some(Coding::Gzip)),
            (&["identity;q=0, gzip;q=0.1"], Some(Coding::Gzip)),
            (&["identity, gzip"], Some(Coding::Gzip)),
            (&["deflate, compress"], None),
            (&["gzip;q=2"], None),
            (&["gzip;q=abc, br;q=0.1"], Some(Coding::Brotli)),
            (&["gzipped, brotli"], None),
        ] {
            assert_eq!(choose(&accepting(accepted), &ALL), expected, "{accepted:?}");
        }
    }

    #[test]
    fn what_is_not_offered_is_not_chosen() {
        let request = accepting(&["br, gzip;q=0.1"]);
        assert_eq!(choose(&request, &[Coding::Gzip]), Some(Coding::Gzip));
        assert_eq!(choose(&request, &[Coding::Zstd]), None);
    }
}

//! Which of several upstreams a request goes to.
//!
//! A key (the client's address, a header's value) and the route's name are hashed to a place among all
//! weights, so that it is the same in every worker, after every reload and in every gateway; who has an
//! upstream keeps it when its share grows, as long as the order stays. Requests without a key take turns.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_lc_rs::digest::{Context, SHA256};
use http::header::{self, HeaderMap, HeaderValue};

use crate::config::model::{Split, SplitKey};

/// 2^32 divided by the golden ratio: multiples of it fall evenly between all before, so that any few
/// requests in a row are spread by weight almost exactly.
const STRIDE: u32 = 0x9E37_79B9;

/// Bytes of a hash that a cookie's value is made of.
const TOKEN_BYTES: usize = 8;

/// The choice among the upstreams of one route; they are called by their index.
#[derive(Debug)]
pub struct Chooser {
    split: Split,
    route: Box<str>,
    targets: Box<[Target]>,
    /// The sum of all weights, at least 1.
    total: u64,
    turn: AtomicU32,
}

#[derive(Debug)]
struct Target {
    name: Box<str>,
    weight: u64,
    /// The value of the cookie.
    token: String,
}

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Index of the upstream.
    pub index: usize,
    /// What makes the client stay with it: a value of `Set-Cookie`, if it has to be told.
    pub cookie: Option<HeaderValue>,
}

/// Why an upstream is chosen without a look at weights.
enum Bound {
    /// By the header.
    Forced(usize),
    /// By the cookie.
    Stays(usize),
    /// By the hash of a key.
    Hashed(u32),
    /// It is the request's turn.
    Free,
}

impl Chooser {
    /// For the route of this name; `names` are those of the split's upstreams, in its order.
    #[must_use]
    pub fn new<'n>(route: &str, split: &Split, names: impl IntoIterator<Item = &'n str>) -> Self {
        let targets: Box<[Target]> = split
            .targets
            .iter()
            .zip(names)
            .map(|(target, name)| Target {
                name: name.into(),
                weight: target.weight.into(),
                token: token(route, name),
            })
            .collect();
        Self {
            split: split.clone(),
            route: route.into(),
            total: targets.iter().map(|target| target.weight).sum::<u64>().max(1),
            targets,
            turn: AtomicU32::new(0),
        }
    }

    /// As configured.
    #[must_use]
    pub const fn split(&self) -> &Split {
        &self.split
    }

    /// Chooses for a request with these headers of this client. With `is_https` a cookie is for
    /// encrypted connections only.
    pub fn choose(&self, headers: &HeaderMap, client: IpAddr, is_https: bool) -> Choice {
        let index = match self.bound(headers, Some(client)) {
            Bound::Forced(index) | Bound::Stays(index) => return Choice { index, cookie: None },
            Bound::Hashed(place) => self.at(place),
            Bound::Free => self.at(self.turn.fetch_add(1, Ordering::Relaxed).wrapping_mul(STRIDE)),
        };
        Choice { index, cookie: self.cookie(index, is_https) }
    }

    /// What [`Chooser::choose`] would say, if it does not depend on the turn.
    #[must_use]
    pub fn preview(&self, headers: &HeaderMap, client: Option<IpAddr>) -> Option<usize> {
        match self.bound(headers, client) {
            Bound::Forced(index) | Bound::Stays(index) => Some(index),
            Bound::Hashed(place) => Some(self.at(place)),
            Bound::Free => None,
        }
    }

    fn bound(&self, headers: &HeaderMap, client: Option<IpAddr>) -> Bound {
        let Split { by, force_header, .. } = &self.split;
        let forced = force_header.as_ref().and_then(|name| headers.get(name)).and_then(|value| {
            self.targets.iter().position(|target| target.name.as_bytes() == value.as_bytes())
        });
        if let Some(index) = forced {
            return Bound::Forced(index);
        }
        let key = match by {
            SplitKey::Request => None,
            SplitKey::Client => client.map(|client| match client.to_canonical() {
                IpAddr::V4(address) => hash(&self.route, &address.octets()),
                IpAddr::V6(address) => hash(&self.route, &address.octets()),
            }),
            SplitKey::Header(name) => {
                headers.get(name).map(|value| hash(&self.route, value.as_bytes()))
            }
            SplitKey::Cookie(cookie) => {
                // Whose upstream has weight 0 is to leave it.
                let stays = sent(headers, &cookie.name).find_map(|value| {
                    self.targets
                        .iter()
                        .position(|target| target.weight > 0 && target.token.as_bytes() == value)
                });
                return stays.map_or(Bound::Free, Bound::Stays);
            }
        };
        key.map_or(Bound::Free, |[a, b, c, d, ..]| Bound::Hashed(u32::from_be_bytes([a, b, c, d])))
    }

    /// The target at a place between 0 and 2^32, which all weights share.
    fn at(&self, place: u32) -> usize {
        let mut left = (u64::from(place) * self.total) >> 32;
        for (index, target) in self.targets.iter().enumerate() {
            if left < target.weight {
                return index;
            }
            left -= target.weight;
        }
        0
    }

    /// Tells the client to stay (RFC 6265 section 4.1).
    fn cookie(&self, index: usize, is_https: bool) -> Option<HeaderValue> {
        let (SplitKey::Cookie(cookie), Some(target)) = (&self.split.by, self.targets.get(index))
        else {
            return None;
        };
        let age = cookie.ttl.map(|ttl| format!("; Max-Age={}", ttl.as_secs())).unwrap_or_default();
        let secure = if is_https { "; Secure" } else { "" };
        let (name, token, path) = (&cookie.name, &target.token, &cookie.path);
        let text = format!("{name}={token}; Path={path}{age}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::try_from(text).ok()
    }
}

/// The values that the client sends of a cookie.
fn sent<'h>(headers: &'h HeaderMap, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
    let pairs = headers
        .get_all(header::COOKIE)
        .into_iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(move |pair| {
        pair.trim_ascii_start()
            .strip_prefix(name.as_bytes())?
            .strip_prefix(b"=")
            .map(<[u8]>::trim_ascii)
    })
}

fn hash(route: &str, key: &[u8]) -> [u8; TOKEN_BYTES] {
    let mut context = Context::new(&SHA256);
    context.update(route.as_bytes());
    context.update(&[0]);
    context.update(key);
    context.finish().as_ref().first_chunk().copied().unwrap_or_default()
}

/// Names of upstreams are nothing to clients.
fn token(route: &str, upstream: &str) -> String {
    hash(route, upstream.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::Chooser;
    use crate::config::model::{Split, SplitKey, SplitTarget, StickyCookie, UpstreamId};

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn chooser(weights: &[u32], by: SplitKey) -> Chooser {
        let targets = weights
            .iter()
            .enumerate()
            .map(|(index, weight)| SplitTarget { upstream: UpstreamId(index), weight: *weight });
        let force_header = Some(HeaderName::from_static("x-canary"));
        let split = Split { targets: targets.collect(), by, force_header };
        Chooser::new("shop", &split, ["v1", "v2", "v3"])
    }

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        headers
    }

    /// How often each is chosen.
    fn count(chooser: &Chooser, requests: usize) -> [usize; 3] {
        let mut counts = [0; 3];
        for _ in 0..requests {
            counts[chooser.choose(&HeaderMap::new(), CLIENT, false).index] += 1;
        }
        counts
    }

    #[test]
    fn requests_without_a_key_take_turns_by_weight() {
        assert_eq!(count(&chooser(&[1, 1], SplitKey::Request), 10), [5, 5, 0]);
        assert_eq!(count(&chooser(&[90, 10], SplitKey::Request), 10), [9, 1, 0]);
        assert_eq!(count(&chooser(&[0, 7], SplitKey::Request), 10), [0, 10, 0]);
        let [first, second, third] =
            count(&chooser(&[65_535, 65_535, 65_535], SplitKey::Request), 3000);
        for share in [first, second, third] {
            assert!(share.abs_diff(1000) <= 2, "{first} {second} {third}");
        }
    }

    #[test]
    fn a_header_names_the_upstream_if_it_is_one_of_them() {
        let chooser = chooser(&[1, 0], SplitKey::Request);
        let forced = |value| chooser.choose(&headers("x-canary", value), CLIENT, false).index;
        assert_eq!((forced("v2"), forced("v1"), forced("v9"), forced("V2")), (1, 0, 0, 0));
    }

    #[test]
    fn a_key_has_the_same_upstream_and_keeps_it_when_its_share_grows() {
        let by = || SplitKey::Header(HeaderName::from_static("x-user"));
        let (small, large) = (chooser(&[90, 10], by()), chooser(&[50, 50], by()));
        let mut second = 0;
        for user in 0..1000 {
            let headers = headers("x-user", &user.to_string());
            let before = small.choose(&headers, CLIENT, false).index;
            assert_eq!(small.choose(&headers, CLIENT, false).index, before);
            assert_eq!(small.preview(&headers, None), Some(before));
            if before == 1 {
                second += 1;
                assert_eq!(large.choose(&headers, CLIENT, false).index, 1);
            }
        }
        assert!((70..130).contains(&second), "{second} of 1000 at 10 %");
    }

    #[test]
    fn a_cookie_is_set_once_and_brings_the_client_back() {
        let cookie = |ttl| {
            SplitKey::Cookie(StickyCookie { name: "tg".to_owned(), path: "/shop".to_owned(), ttl })
        };
        let even = chooser(&[1, 1], cookie(Some(Duration::from_secs(3600))));
        let first = even.choose(&HeaderMap::new(), CLIENT, false);
        let set = first.cookie.unwrap();
        let (pair, rest) = set.to_str().unwrap().split_once("; ").unwrap();
        assert_eq!(rest, "Path=/shop; Max-Age=3600; HttpOnly; SameSite=Lax");
        assert_eq!(pair.len(), "tg=".len() + 16);
        for _ in 0..4 {
            let again = even.choose(&headers("cookie", &format!("a=b; {pair}")), CLIENT, false);
            assert_eq!((again.index, again.cookie), (first.index, None));
        }

        let session = chooser(&[1, 1], cookie(None));
        let set = session.choose(&headers("cookie", "tg=other"), CLIENT, true).cookie.unwrap();
        assert!(set.to_str().unwrap().ends_with("; Path=/shop; HttpOnly; SameSite=Lax; Secure"));

        // The first has weight 0 now, so who had it goes elsewhere and is told so.
        let drained = chooser(&[0, 1], cookie(None));
        let moved = drained.choose(&headers("cookie", pair), CLIENT, false);
        assert_eq!((moved.index, moved.cookie.is_some()), (1, true));
    }
}

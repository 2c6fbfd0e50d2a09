//! Leaving HTTP: what a client offers to speak instead, and the tunnel if the upstream takes it.
//!
//! An offer goes through the exchange like any request. It is taken when the upstream answers with
//! 101 and no plugin of the response phase puts another answer in its place. From then on the
//! exchange lives in its tunnel, and is finished with it.

mod tunnel;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::{Body as _, Incoming};
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;

use super::{Served, fail, fields};
use crate::body::{Content, RequestBody};
use crate::config;
use crate::exchange::Body;
use crate::facts::{Open, ResponseHead, Source};
use crate::failure::Failure;
use crate::listener;
use crate::snapshot::{Destination, Route};
use crate::upstream::{self, ResponseBody, Upgrading};

/// What `Sec-WebSocket-Key` is hashed with (RFC 6455 section 1.3).
const WEBSOCKET_GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Of HTTP/2 clients, which send none.
const WEBSOCKET_VERSION: HeaderValue = HeaderValue::from_static("13");

/// A client's offer of another protocol, which the route allows.
pub(super) struct Offer {
    on: OnUpgrade,
    /// In lower case.
    protocol: String,
    by: By,
    /// Once the upstream has taken it.
    taken: Option<upstream::Tunnel>,
}

/// How it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
enum By {
    /// `Upgrade` in HTTP/1.1 (RFC 9110 section 7.8).
    Upgrade,
    /// An extended CONNECT in HTTP/2 (RFC 8441).
    Connect {
        /// What the gateway asks the upstream with, since the client has no such key.
        key: String,
    },
}

/// What a client would like to speak.
pub(super) struct Wish {
    on: OnUpgrade,
    by: Method,
    protocols: Vec<HeaderValue>,
}

impl Wish {
    /// Takes it out of a request; an extended CONNECT is a GET for all that follows.
    ///
    /// To be called before the fields about the connection are taken away.
    pub(super) fn take(parts: &mut Parts, body: &Incoming) -> Option<Self> {
        let on = parts.extensions.remove::<OnUpgrade>()?;
        let protocols = match (parts.version, &parts.method) {
            (Version::HTTP_2, &Method::CONNECT) => {
                let protocol = parts.extensions.remove::<Protocol>()?;
                vec![HeaderValue::from_str(protocol.as_str()).ok()?]
            }
            // Whoever has a body to send is never switched.
            (Version::HTTP_11, _) if body.is_end_stream() && names_upgrade(&parts.headers) => {
                parts.headers.get_all(header::UPGRADE).iter().cloned().collect()
            }
            _ => return None,
        };
        let by = parts.method.clone();
        if by == Method::CONNECT {
            parts.method = Method::GET;
        }
        Some(Self { on, by, protocols })
    }

    /// The offer that the route allows: the first of the client's that is on its list. None is no
    /// fault in HTTP/1.1, where an offer may be passed over.
    ///
    /// # Errors
    ///
    /// An extended CONNECT has no meaning but the offer.
    pub(super) fn allowed(self, route: Option<&Route>) -> Result<Option<Box<Offer>>, Failure> {
        let route = route.filter(|route| match &route.destination {
            Destination::Upstream(upstream) => upstream.can_switch(),
            Destination::Split(_, upstreams) => upstreams.iter().all(|it| it.can_switch()),
            Destination::Handler(_) | Destination::Fixed(_) | Destination::Redirect(_) => false,
        });
        let protocol = route.and_then(|route| self.choose(&route.upgrade));
        let is_connect = self.by == Method::CONNECT;
        let Some(protocol) = protocol else {
            return if is_connect { Err(Failure::MethodNotSupported) } else { Ok(None) };
        };
        let by = if is_connect {
            let key = BASE64.encode(fastrand::u128(..).to_le_bytes());
            By::Connect { key }
        } else {
            By::Upgrade
        };
        Ok(Some(Box::new(Offer { on: self.on, protocol, by, taken: None })))
    }

    fn choose(&self, policy: &config::Upgrade) -> Option<String> {
        let lists = self.protocols.iter().map(HeaderValue::as_bytes);
        lists.flat_map(|list| fields::list::elements(list, b',')).find_map(|offered| {
            let allowed = policy.protocols.iter();
            allowed.into_iter().find(|name| offered.eq_ignore_ascii_case(name.as_bytes())).cloned()
        })
    }
}

fn names_upgrade(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::CONNECTION).iter();
    lines
        .flat_map(|line| fields::list::elements(line.as_bytes(), b','))
        .any(|option| option.eq_ignore_ascii_case(b"upgrade"))
}

impl Offer {
    /// Has the upstream asked, in HTTP/1.1.
    pub(super) fn ask(&self, request: &mut Request<RequestBody>) {
        let headers = request.headers_mut();
        // `Connection` names one of them; nothing with trailers follows.
        headers.remove(header::TE);
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        if let Ok(protocol) = HeaderValue::from_str(&self.protocol) {
            headers.insert(header::UPGRADE, protocol);
        }
        if let By::Connect { key } = &self.by
            && self.protocol == "websocket"
            && let Ok(key) = HeaderValue::from_str(key)
        {
            headers.insert(header::SEC_WEBSOCKET_KEY, key);
            headers.entry(header::SEC_WEBSOCKET_VERSION).or_insert(WEBSOCKET_VERSION);
        }
        request.extensions_mut().insert(Upgrading);
    }

    /// Takes the upstream's 101 over into the exchange.
    ///
    /// Another protocol than the one that was offered is not what the client could speak.
    pub(super) fn take_up(
        &mut self,
        served: &Served<'_>,
        open: &mut Open,
        response: Response<ResponseBody>,
    ) -> Content {
        let (parts, body) = response.into_parts();
        let tunnel = body.into_tunnel();
        if tunnel.is_none() || !self.agrees(&parts.headers) {
            return fail(served.snapshot, &served.form, open, Failure::ResponseMalformed).into();
        }
        self.taken = tunnel;
        let mut headers = parts.headers;
        let name = &served.snapshot.settings.gateway.name;
        fields::respond(&mut headers, parts.version, name, &open.id);
        open.respond(Source::Upstream, ResponseHead { status: parts.status, headers });
        Content::Empty
    }

    fn agrees(&self, headers: &HeaderMap) -> bool {
        let mut lines = headers.get_all(header::UPGRADE).iter();
        let told = lines.next().is_some_and(|told| {
            told.as_bytes().trim_ascii().eq_ignore_ascii_case(self.protocol.as_bytes())
        });
        let key = match &self.by {
            By::Connect { key } if self.protocol == "websocket" => key,
            By::Connect { .. } | By::Upgrade => return told && lines.next().is_none(),
        };
        // The client cannot check what it does not see.
        let accept = headers.get(header::SEC_WEBSOCKET_ACCEPT);
        told && accept.is_some_and(|told| told.as_bytes() == accept_of(key).as_bytes())
    }

    /// The tunnel, if the exchange's response still opens it.
    ///
    /// # Errors
    ///
    /// A 2xx without a tunnel would tell the client of a CONNECT that there is one.
    fn opens(&mut self, open: &Open) -> Result<Option<upstream::Tunnel>, Failure> {
        let status = open.response.as_ref().map(|head| head.status);
        match self.taken.take() {
            Some(tunnel) if status == Some(StatusCode::SWITCHING_PROTOCOLS) => Ok(Some(tunnel)),
            _ if self.by == By::Upgrade => Ok(None),
            _ if status.is_some_and(|status| status.is_success()) => {
                Err(Failure::ResponseMalformed)
            }
            _ => Ok(None),
        }
    }
}

/// Sends the exchange's response, and goes on in a tunnel if it opens one.
pub(super) fn respond(
    served: &Served<'_>,
    mut offer: Offer,
    mut open: Open,
    content: Content,
    deadline: tokio::time::Instant,
    cookie: Option<HeaderValue>,
) -> Response<Body> {
    let routed = Some((served, deadline));
    let tunnel = match offer.opens(&open) {
        Ok(Some(tunnel)) => tunnel,
        Ok(None) => return super::respond(served.snapshot, open, content, routed, cookie),
        Err(failure) => {
            let content = fail(served.snapshot, &served.form, &mut open, failure);
            return super::respond(served.snapshot, open, content.into(), routed, cookie);
        }
    };
    let mut headers = open.response.as_ref().map(|head| head.headers.clone()).unwrap_or_default();
    fields::set_request_id(&mut headers, &open.id);
    if let Some(cookie) = cookie {
        headers.append(header::SET_COOKIE, cookie);
    }
    served.route.response_headers.apply(&mut headers);
    fields::frame(&mut headers, fields::Content::Nothing);
    let status = match &offer.by {
        By::Upgrade => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            if let Ok(protocol) = HeaderValue::from_str(&offer.protocol) {
                headers.insert(header::UPGRADE, protocol);
            }
            StatusCode::SWITCHING_PROTOCOLS
        }
        By::Connect { .. } => {
            headers.remove(header::SEC_WEBSOCKET_ACCEPT);
            StatusCode::OK
        }
    };
    let idle_timeout = served.route.upgrade.idle_timeout;
    let record = tunnel::Record::new(open, &served.route.metrics);
    let run = tunnel::run(offer.on, tunnel, idle_timeout, record);
    let mut sent = Response::new(Body::ended());
    *sent.status_mut() = status;
    *sent.headers_mut() = headers;
    sent.extensions_mut().insert(listener::Tunnel::new(run));
    sent
}

/// RFC 6455 section 4.2.2.
fn accept_of(key: &str) -> String {
    let text = format!("{key}{WEBSOCKET_GUID}");
    BASE64.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_accepted_as_in_the_example_of_the_standard() {
        assert_eq!(accept_of("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn an_upgrade_is_meant_only_if_connection_names_it() {
        let named = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONNECTION, HeaderValue::from_static(value));
            }
            names_upgrade(&headers)
        };
        assert!(named(&["Upgrade"]));
        assert!(named(&["keep-alive, UPGRADE"]));
        assert!(named(&["keep-alive", "upgrade"]));
        assert!(!named(&[]));
        assert!(!named(&["keep-alive, upgrades"]));
    }
}

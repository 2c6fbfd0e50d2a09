//! From what a guest asks for to a request that can be sent, and back.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Request, Uri};
use http_body::Body as _;

use crate::body::{RequestBody, Writer};
use crate::facts::{Edit, EditError, HeadLimits};
use crate::plugin::contract::bindings::tidegate::plugin::http_client::{
    ClientError, Outgoing, OutgoingBody,
};
use crate::plugin::contract::bindings::tidegate::plugin::types::Header;

/// More than servers take: Apache stops at 100 lines of 8 KiB.
const HEAD_LIMITS: HeadLimits = HeadLimits { headers: 256, bytes: 64 * 1024 };

/// Fields of a message that are about its connection (RFC 9110 section 7.6.1).
const OF_CONNECTION: [HeaderName; 7] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// A request that is ready to be sent.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) request: Request<RequestBody>,
    /// Of a streamed body.
    pub(super) writer: Option<Writer>,
}

/// Checks what a guest wants to send.
pub(super) fn prepare(outgoing: Outgoing, via: HeaderValue) -> Result<Prepared, ClientError> {
    let Outgoing { method, path, headers: lines, body, .. } = outgoing;
    let method = self::method(&method)?;
    let mut headers = HeaderMap::with_capacity(lines.len() + 3);
    for line in lines {
        append(&mut headers, &line)?;
    }
    headers.append(header::VIA, via);
    let (body, writer) = match body {
        OutgoingBody::None => (RequestBody::empty(), None),
        OutgoingBody::Bytes(bytes) if bytes.is_empty() => (RequestBody::empty(), None),
        OutgoingBody::Bytes(bytes) => {
            headers.insert(header::CONTENT_LENGTH, bytes.len().into());
            (RequestBody::whole(bytes.into()), None)
        }
        OutgoingBody::Streamed => {
            let (body, writer) = RequestBody::written();
            (body, Some(writer))
        }
    };
    // RFC 9110 section 8.6: these methods give content a meaning, also if there is none.
    if body.is_end_stream() && matches!(method, Method::POST | Method::PUT | Method::PATCH) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = target(&path)?;
    *request.headers_mut() = headers;
    Ok(Prepared { request, writer })
}

fn method(text: &str) -> Result<Method, ClientError> {
    match Method::from_bytes(text.as_bytes()) {
        Ok(Method::CONNECT) => Err(ClientError::Invalid("`CONNECT` opens a tunnel".to_owned())),
        Ok(method) => Ok(method),
        Err(_) => Err(ClientError::Invalid(format!("`{}` is no method", text.escape_debug()))),
    }
}

fn target(path: &str) -> Result<Uri, ClientError> {
    let invalid =
        |why: &str| Err(ClientError::Invalid(format!("the path `{}` {why}", path.escape_debug())));
    if !path.starts_with('/') {
        return invalid("does not begin with `/`");
    }
    // The parser would cut a fragment off without a word, and let other characters through.
    let allowed = |byte: u8| byte.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&byte);
    if !path.bytes().all(allowed) {
        return invalid("holds what must be percent-encoded");
    }
    match PathAndQuery::try_from(path) {
        Ok(target) => Ok(Uri::from(target)),
        Err(_) => invalid("is too long"),
    }
}

fn append(headers: &mut HeaderMap, line: &Header) -> Result<(), ClientError> {
    let edit = Edit::name(&line.name)
        .and_then(|name| Ok(Edit::Append(name, Edit::value(&line.value)?)))
        .and_then(|edit| edit.apply(headers, HEAD_LIMITS));
    edit.map_err(|error| {
        let name = line.name.escape_debug();
        ClientError::Invalid(match error {
            EditError::InvalidName => format!("`{name}` is no field name"),
            EditError::InvalidValue => format!("the value of `{name}` holds a control character"),
            EditError::Forbidden => format!("`{name}` is set by the gateway"),
            EditError::TooLarge => format!("there is no room for `{name}`"),
        })
    })
}

/// The field lines of a response that are not about its connection.
pub(super) fn received(mut headers: HeaderMap) -> Vec<Header> {
    drop_connection_fields(&mut headers);
    let line = |(name, value): (&HeaderName, &HeaderValue)| Header {
        name: name.as_str().to_owned(),
        value: value.as_bytes().to_vec(),
    };
    headers.iter().map(line).collect()
}

/// Leaves out what is about the connection of a message.
pub(in crate::plugin) fn drop_connection_fields(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&OF_CONNECTION) {
        headers.remove(name);
    }
}

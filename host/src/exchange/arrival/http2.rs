//! What is wrong with a head of HTTP/2 that its framing did not mind.
//!
//! HTTP/1 needs none of it, because the guard reads it strictly before hyper does.

use http::header;
use http::request::Parts;

use crate::facts::HeadLimits;
use crate::failure::Failure;

/// What a field costs beside its name and value (RFC 9113 section 6.5.2), in bytes.
const FIELD_BYTES: usize = 32;

/// Looks at a head as the client has sent it.
///
/// # Errors
///
/// It is larger than the limits allow, or has a field that section 8 of RFC 9113 calls malformed.
pub(super) fn check(parts: &Parts, limits: HeadLimits) -> Result<(), Failure> {
    let headers = &parts.headers;
    if headers.len() > limits.headers {
        return Err(Failure::RequestHeadTooLarge);
    }
    let mut bytes = pseudo_bytes(parts);
    for (name, value) in headers {
        bytes += FIELD_BYTES + name.as_str().len() + value.len();
        if let [b' ' | b'\t', ..] | [.., b' ' | b'\t'] = value.as_bytes() {
            return Err(Failure::RequestMalformed("a field's value begins or ends with a space"));
        }
    }
    if bytes > limits.bytes {
        return Err(Failure::RequestHeadTooLarge);
    }
    if headers.get_all(header::HOST).iter().nth(1).is_some() {
        return Err(Failure::RequestMalformed("more than one host"));
    }
    Ok(())
}

/// Of `:method`, `:scheme`, `:authority` and `:path`.
fn pseudo_bytes(parts: &Parts) -> usize {
    let field = |name: &str, value: Option<&str>| {
        value.map_or(0, |value| FIELD_BYTES + name.len() + value.len())
    };
    let uri = &parts.uri;
    field(":method", Some(parts.method.as_str()))
        + field(":scheme", uri.scheme_str())
        + field(":authority", uri.authority().map(http::uri::Authority::as_str))
        + field(":path", uri.path_and_query().map(http::uri::PathAndQuery::as_str))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head(fields: &[(&str, &str)]) -> Parts {
        let mut request = Request::get("http://a/b");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn checked(bytes: usize, headers: usize, fields: &[(&str, &str)]) -> Result<(), Failure> {
        check(&head(fields), HeadLimits { headers, bytes })
    }

    #[test]
    fn a_head_counts_as_rfc_9113_has_it() {
        // :method GET, :scheme http, :authority a and :path /b, and x: yz.
        let bytes = 5 * 32 + (7 + 3) + (7 + 4) + (10 + 1) + (5 + 2) + (1 + 2);
        assert_eq!(checked(bytes, 1, &[("x", "yz")]), Ok(()));
        assert_eq!(checked(bytes - 1, 1, &[("x", "yz")]), Err(Failure::RequestHeadTooLarge));
    }

    #[test]
    fn fields_are_counted_line_by_line() {
        assert_eq!(checked(1024, 2, &[("x", "1"), ("x", "2")]), Ok(()));
        let crowded = checked(1024, 2, &[("x", "1"), ("x", "2"), ("x", "3")]);
        assert_eq!(crowded, Err(Failure::RequestHeadTooLarge));
    }

    #[test]
    fn spaces_belong_within_a_value() {
        for (value, is_good) in
            [("a b", true), ("", true), (" a", false), ("a ", false), ("\ta", false), ("\t", false)]
        {
            assert_eq!(checked(1024, 1, &[("x", value)]).is_ok(), is_good, "{value:?}");
        }
    }

    #[test]
    fn there_is_one_host() {
        assert_eq!(checked(1024, 2, &[("host", "a")]), Ok(()));
        assert!(checked(1024, 2, &[("host", "a"), ("host", "a")]).is_err());
    }
}

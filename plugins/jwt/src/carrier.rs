//! Where a token travels in a request, and how it is taken out again.

use tidegate_plugin::{ConfigError, request};

use crate::config::Tokens;
use crate::identity::is_field_name;
use crate::refusal::{Part, Refusal};

/// The places that are looked at; at least one.
#[derive(Debug)]
pub(crate) struct Carriers {
    /// Lower-case names of header fields.
    pub(crate) headers: Vec<String>,
    /// Names of query parameters, as they are after percent-decoding.
    pub(crate) query: Vec<String>,
    /// Names of cookies.
    pub(crate) cookies: Vec<String>,
}

impl Carriers {
    /// Checks the names.
    pub(crate) fn build(tokens: Tokens) -> Result<Self, ConfigError> {
        let Tokens { headers, query, cookies } = tokens;
        for (at, name) in headers.iter().enumerate() {
            if !is_field_name(name) {
                let text = format!("`{name}` is not a header's name");
                return Err(ConfigError::at(format!("/headers/{at}"), text));
            }
        }
        if let Some(at) = query.iter().position(String::is_empty) {
            return Err(ConfigError::at(format!("/query/{at}"), "a parameter has a name"));
        }
        if let Some(at) = cookies.iter().position(|name| !is_field_name(name)) {
            // RFC 6265 section 4.1.1: the name of a cookie is a token, too.
            return Err(ConfigError::at(format!("/cookies/{at}"), "not a cookie's name"));
        }
        if headers.is_empty() && query.is_empty() && cookies.is_empty() {
            return Err(ConfigError::whole("there is no place left to look for a token"));
        }
        let headers = headers.iter().map(|name| name.to_ascii_lowercase()).collect();
        Ok(Self { headers, query, cookies })
    }

    /// The one token of the request. The same token in several places is one token.
    pub(crate) fn find(&self) -> Result<Option<String>, Refusal> {
        let mut found: Option<Vec<u8>> = None;
        let mut take = |token: &[u8]| match &found {
            Some(other) if other != token => Err(Refusal::SeveralTokens),
            Some(_) => Ok(()),
            None => {
                found = Some(token.to_vec());
                Ok(())
            }
        };
        for name in &self.headers {
            for value in request::header_values(name) {
                in_field(name, &value).map_or(Ok(()), &mut take)?;
            }
        }
        if !self.query.is_empty()
            && let Some(query) = request::query()
        {
            in_query(&query, &self.query).try_for_each(|token| take(&token))?;
        }
        if !self.cookies.is_empty() {
            for line in request::header_values("cookie") {
                in_cookie(&line, &self.cookies).try_for_each(&mut take)?;
            }
        }
        found
            .map(|token| String::from_utf8(token).ok().ok_or(Refusal::Malformed(Part::Json)))
            .transpose()
    }

    /// Takes the token out of the request, from every place.
    pub(crate) fn empty(&self) -> Result<(), String> {
        for name in &self.headers {
            rewrite(name, |value| match in_field(name, value) {
                Some(_) => None,
                None => Some(value.to_vec()),
            })?;
        }
        if !self.query.is_empty()
            && let Some(query) = request::query()
        {
            let rest = query_without(&query, &self.query);
            if rest.as_deref() != Some(query.as_str()) {
                request::set_query(rest.as_deref())?;
            }
        }
        if !self.cookies.is_empty() {
            rewrite("cookie", |line| cookie_without(line, &self.cookies))?;
        }
        Ok(())
    }
}

/// Replaces each line of a field by what is left of it.
fn rewrite(name: &str, keep: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Result<(), String> {
    let before = request::header_values(name);
    let after: Vec<Vec<u8>> = before.iter().filter_map(|value| keep(value)).collect();
    if after == before {
        return Ok(());
    }
    let failed = |error| format!("the header {name} cannot be rewritten: {error:?}");
    request::remove_header(name).map_err(failed)?;
    for value in after {
        request::append_header(name, value).map_err(failed)?;
    }
    Ok(())
}

/// The token in a field value, if there is one. `authorization` must say `Bearer`, because other
/// schemes are other plugins' business; in any other field the scheme may be left out.
pub(crate) fn in_field<'a>(name: &str, value: &'a [u8]) -> Option<&'a [u8]> {
    let value = value.trim_ascii();
    let token = match value.split_first_chunk::<6>() {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"bearer") => match rest.first() {
            Some(b' ' | b'\t') => rest.trim_ascii(),
            None => rest,
            Some(_) => without_scheme(name, value)?,
        },
        _ => without_scheme(name, value)?,
    };
    (!token.is_empty()).then_some(token)
}

fn without_scheme<'a>(name: &str, value: &'a [u8]) -> Option<&'a [u8]> {
    (name != "authorization").then_some(value)
}

/// The values of the query parameters with these names that are not empty.
pub(crate) fn in_query<'a>(query: &'a str, names: &'a [String]) -> impl Iterator<Item = Vec<u8>> {
    query
        .split('&')
        .filter(|pair| is_named(pair, names))
        .filter_map(|pair| pair.split_once('='))
        .map(|(_, value)| percent_decoded(value))
        .filter(|value| !value.is_empty())
}

/// The query without the parameters with these names; `None` if nothing is left.
pub(crate) fn query_without(query: &str, names: &[String]) -> Option<String> {
    let rest: Vec<&str> = query.split('&').filter(|pair| !is_named(pair, names)).collect();
    (!rest.is_empty()).then(|| settable(&rest.join("&")))
}

/// A query as the host takes it: clients send what RFC 3986 section 3.4 does not allow, such as
/// brackets, and mean the percent-encoded form.
fn settable(query: &str) -> String {
    let mut settable = String::with_capacity(query.len());
    for (at, char) in query.char_indices() {
        let is_escape = || {
            query
                .get(at + 1..at + 3)
                .is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
        };
        if char.is_ascii_alphanumeric()
            || "-._~!$&'()*+,;=:@/?".contains(char)
            || (char == '%' && is_escape())
        {
            settable.push(char);
        } else {
            let mut bytes = [0; 4];
            for byte in char.encode_utf8(&mut bytes).bytes() {
                settable.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    settable
}

fn is_named(pair: &str, names: &[String]) -> bool {
    let name = percent_decoded(pair.split_once('=').map_or(pair, |(name, _)| name));
    names.iter().any(|known| known.as_bytes() == name)
}

/// The values of the cookies with these names in one `cookie` line that are not empty.
pub(crate) fn in_cookie<'a>(line: &'a [u8], names: &'a [String]) -> impl Iterator<Item = &'a [u8]> {
    cookies(line)
        .filter(|(name, _)| is_cookie(name, names))
        .map(|(_, value)| value)
        .filter(|value| !value.is_empty())
}

/// One `cookie` line without the cookies with these names; `None` if nothing is left.
pub(crate) fn cookie_without(line: &[u8], names: &[String]) -> Option<Vec<u8>> {
    let rest: Vec<&[u8]> = line
        .split(|byte| *byte == b';')
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty())
        .filter(|pair| !is_cookie(name_of(pair), names))
        .collect();
    (!rest.is_empty()).then(|| rest.join(b"; ".as_slice()))
}

fn is_cookie(name: &[u8], names: &[String]) -> bool {
    names.iter().any(|known| known.as_bytes() == name)
}

fn name_of(pair: &[u8]) -> &[u8] {
    pair.split(|byte| *byte == b'=').next().unwrap_or(pair).trim_ascii()
}

/// RFC 6265 section 4.2.1, with or without quotes around a value.
fn cookies(line: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    line.split(|byte| *byte == b';').filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = pair.split_at_checked(at)?;
        let value = value.strip_prefix(b"=")?.trim_ascii();
        let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        Some((name.trim_ascii(), bare.unwrap_or(value)))
    })
}

/// As upstreams read a query: `%41` is `A`, `+` is a space; what is not an escape stays.
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len());
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        decoded.push(match (byte, tail) {
            (b'%', [high, low, after @ ..]) => match (nibble(*high), nibble(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => byte,
            },
            (b'+', _) => b' ',
            _ => byte,
        });
    }
    decoded
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[track_caller]
    fn check_field(name: &str, value: &str, token: Option<&str>) {
        let found = in_field(name, value.as_bytes()).map(|token| str::from_utf8(token).unwrap());
        assert_eq!(found, token, "{name}: {value}");
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        check_field("authorization", "Bearer a.b.c", Some("a.b.c"));
        check_field("authorization", "bearer a.b.c", Some("a.b.c"));
        check_field("authorization", "BEARER \t a.b.c  ", Some("a.b.c"));
    }

    #[test]
    fn another_scheme_or_none_at_all_is_not_a_token() {
        for value in ["Basic dTpw", "a.b.c", "Bearer", "Bearer ", "", "Bearera.b.c", "Bearer=a"] {
            check_field("authorization", value, None);
        }
    }

    #[test]
    fn in_a_field_of_its_own_a_token_needs_no_scheme() {
        check_field("x-jwt", "a.b.c", Some("a.b.c"));
        check_field("x-jwt", "Bearer a.b.c", Some("a.b.c"));
        check_field("x-jwt", "Bearera.b.c", Some("Bearera.b.c"));
        check_field("x-jwt", "Bearer", None);
    }

    #[test]
    fn a_query_parameter_is_found_by_its_decoded_name() {
        let found = |query| -> Vec<Vec<u8>> { in_query(query, &names(&["jwt"])).collect() };
        assert_eq!(found("a=1&jwt=a.b.c"), [b"a.b.c"]);
        assert_eq!(found("%6Awt=a%2Eb.c"), [b"a.b.c"]);
        assert_eq!(found("jwt=a&jwt=b"), [b"a", b"b"]);
        assert_eq!(found("jwt=%zz%4"), [b"%zz%4"]);
        assert!(found("jwt=&jwt&JWT=a&xjwt=a").is_empty());
    }

    #[test]
    fn a_query_loses_the_token_and_nothing_else() {
        let rest = |query| query_without(query, &names(&["jwt"]));
        assert_eq!(rest("a=1&jwt=x&b=%20&&c"), Some("a=1&b=%20&&c".to_owned()));
        assert_eq!(rest("a=1&%6awt=x"), Some("a=1".to_owned()));
        assert_eq!(rest("jwt=x&jwt=y"), None);
    }

    #[test]
    fn what_a_query_may_not_hold_is_encoded_when_it_is_rewritten() {
        let rest = |query| query_without(query, &names(&["jwt"]));
        assert_eq!(rest("jwt=x&f[a]=1%20%2&ü"), Some("f%5Ba%5D=1%20%252&%C3%BC".to_owned()));
    }

    #[test]
    fn a_cookie_is_found_between_others_and_without_its_quotes() {
        let found = |line: &'static str| -> Vec<&[u8]> {
            let names: &'static Vec<String> = Box::leak(Box::new(names(&["session"])));
            in_cookie(line.as_bytes(), names).collect()
        };
        assert_eq!(found("a=1; session=a.b.c; b=2"), [b"a.b.c"]);
        assert_eq!(found("session=\"a.b.c\""), [b"a.b.c"]);
        assert_eq!(found("session=a=b"), [b"a=b"]);
        assert!(found("Session=a; sessions=b; session=; session").is_empty());
    }

    #[test]
    fn a_cookie_line_loses_the_token_and_nothing_else() {
        let rest = |line: &str| {
            cookie_without(line.as_bytes(), &names(&["session"]))
                .map(|line| String::from_utf8(line).unwrap())
        };
        assert_eq!(rest("a=1;session=x; b=\"2\""), Some("a=1; b=\"2\"".to_owned()));
        assert_eq!(rest("session=x; session=y"), None);
    }
}

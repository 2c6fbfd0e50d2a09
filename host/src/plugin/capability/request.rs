//! `request`: the request's head.

use http::Version;
use tidegate_macros::host_calls;
use wasmtime::Result;

use super::{fields, values};
use crate::facts::{Edit, EditError, Exchange};
use crate::plugin::contract::bindings::tidegate::plugin::request::Host;
use crate::plugin::contract::bindings::tidegate::plugin::types::{Header, HeaderError};
use crate::plugin::guest::{Guest, Moment};
use crate::telemetry::metrics::Interface;

/// Of a path or query that a plugin sets, in bytes.
const TARGET_BYTES_MAX: usize = 8 * 1024;

#[host_calls(Interface::Request)]
impl Host for Guest {
    fn method(&mut self) -> Result<String> {
        Ok(self.exchange("request.method")?.request.method.as_str().to_owned())
    }

    fn scheme(&mut self) -> Result<String> {
        Ok(self.exchange("request.scheme")?.request.scheme.as_str().to_owned())
    }

    fn host(&mut self) -> Result<String> {
        Ok(self.exchange("request.host")?.request.host.clone().into())
    }

    fn version(&mut self) -> Result<String> {
        let version = self.exchange("request.version")?.request.version;
        Ok(match version {
            Version::HTTP_10 => "HTTP/1.0",
            Version::HTTP_2 => "HTTP/2",
            Version::HTTP_3 => "HTTP/3",
            _ => "HTTP/1.1",
        }
        .to_owned())
    }

    fn path(&mut self) -> Result<String> {
        Ok(self.exchange("request.path")?.request.path().to_owned())
    }

    fn query(&mut self) -> Result<Option<String>> {
        Ok(self.exchange("request.query")?.request.query().map(str::to_owned))
    }

    fn set_path(&mut self, path: String) -> Result<Result<(), String>> {
        let request = &mut self.writable("request.set-path")?.request;
        if !path.starts_with('/') {
            return Ok(Err("a path begins with `/`".to_owned()));
        }
        if let Some(problem) = target_problem(&path, b"/") {
            return Ok(Err(problem));
        }
        request.path = Some(path.into());
        request.path_is_final = true;
        Ok(Ok(()))
    }

    fn set_query(&mut self, query: Option<String>) -> Result<Result<(), String>> {
        let request = &mut self.writable("request.set-query")?.request;
        if let Some(problem) = query.as_deref().and_then(|query| target_problem(query, b"/?")) {
            return Ok(Err(problem));
        }
        request.query = Some(query.map(Into::into));
        Ok(Ok(()))
    }

    fn header(&mut self, name: String) -> Result<Vec<Vec<u8>>> {
        Ok(values(&self.exchange("request.header")?.request.headers, &name))
    }

    fn headers(&mut self) -> Result<Vec<Header>> {
        Ok(fields(&self.exchange("request.headers")?.request.headers))
    }

    fn trailers(&mut self) -> Result<Vec<Header>> {
        self.trailers_in("request.trailers", [Moment::Request, Moment::RequestStream])
    }

    fn set_header(&mut self, name: String, value: Vec<u8>) -> Result<Result<(), HeaderError>> {
        let exchange = self.writable("request.set-header")?;
        Ok(edit(exchange, &name, |name| Ok(Edit::Set(name, Edit::value(&value)?))))
    }

    fn append_header(&mut self, name: String, value: Vec<u8>) -> Result<Result<(), HeaderError>> {
        let exchange = self.writable("request.append-header")?;
        Ok(edit(exchange, &name, |name| Ok(Edit::Append(name, Edit::value(&value)?))))
    }

    fn default_header(&mut self, name: String, value: Vec<u8>) -> Result<Result<(), HeaderError>> {
        let exchange = self.writable("request.default-header")?;
        Ok(edit(exchange, &name, |name| Ok(Edit::Default(name, Edit::value(&value)?))))
    }

    fn remove_header(&mut self, name: String) -> Result<Result<(), HeaderError>> {
        let exchange = self.writable("request.remove-header")?;
        Ok(edit(exchange, &name, |name| Ok(Edit::Remove(name))))
    }
}

impl Guest {
    fn writable(&mut self, call: &'static str) -> Result<&mut Exchange> {
        self.exchange_in(call, &[Moment::Request], "the request phase, with the head not sent yet")
    }
}

fn edit(
    exchange: &mut Exchange,
    name: &str,
    make: impl FnOnce(http::HeaderName) -> Result<Edit, EditError>,
) -> Result<(), HeaderError> {
    let edit = make(Edit::name(name)?)?;
    Ok(edit.apply(&mut exchange.request.headers, exchange.head_limits)?)
}

/// What keeps `text` from standing in a request target (RFC 3986 section 3.3 and 3.4).
fn target_problem(text: &str, also: &[u8]) -> Option<String> {
    if text.len() > TARGET_BYTES_MAX {
        return Some(format!("longer than {TARGET_BYTES_MAX} bytes"));
    }
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = match byte {
            b'%' => match after.split_first_chunk::<2>() {
                Some((digits, after)) if digits.iter().all(u8::is_ascii_hexdigit) => after,
                _ => return Some("a percent sign without two hexadecimal digits".to_owned()),
            },
            b if b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(b) => after,
            b if also.contains(b) => after,
            b => return Some(format!("`{}` has to be percent-encoded", b.escape_ascii())),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::target_problem;

    #[test]
    fn only_what_may_stand_in_a_target_is_accepted() {
        assert_eq!(target_problem("/a/b%20c;v=1", b"/"), None);
        assert_eq!(target_problem("/a b", b"/"), Some("` ` has to be percent-encoded".to_owned()));
        assert_eq!(
            target_problem("/a%2", b"/"),
            Some("a percent sign without two hexadecimal digits".to_owned())
        );
        assert_eq!(target_problem("/a?b", b"/"), Some("`?` has to be percent-encoded".to_owned()));
        assert_eq!(target_problem("a=/?b", b"/?"), None);
    }
}

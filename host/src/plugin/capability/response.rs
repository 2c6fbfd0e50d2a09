//! `response`: the response's head.

use http::StatusCode;
use tidegate_macros::host_calls;
use wasmtime::Result;

use super::{fields, values};
use crate::facts::{Edit, EditError, ResponseHead, Source};
use crate::plugin::contract::bindings::tidegate::plugin::response::Host;
use crate::plugin::contract::bindings::tidegate::plugin::types::{self, Header, HeaderError};
use crate::plugin::guest::{Guest, Moment};
use crate::telemetry::metrics::Interface;

/// Edits that one exchange may have waiting for a response.
const DEFERRED_MAX: usize = 128;

#[host_calls(Interface::Response)]
impl Host for Guest {
    fn status(&mut self) -> Result<u16> {
        // 499, as in the summary, if the client left before there was a response.
        Ok(self.readable("response.status")?.map_or(499, |head| head.status.as_u16()))
    }

    fn source(&mut self) -> Result<types::Source> {
        self.readable("response.source")?;
        Ok(self.exchange("response.source")?.source.into())
    }

    fn set_status(&mut self, status: u16) -> Result<Result<(), String>> {
        let exchange =
            self.exchange_in("response.set-status", &[Moment::Response], "the response phase")?;
        let Some(head) = &mut exchange.response else {
            return Err(wasmtime::format_err!("there is no response"));
        };
        Ok(match StatusCode::from_u16(status) {
            Ok(code) if (200..600).contains(&status) && !matches!(status, 204 | 205 | 304) => {
                head.status = code;
                Ok(())
            }
            _ => Err("the status must be from 200 to 599 and allow a body".to_owned()),
        })
    }

    fn header(&mut self, name: String) -> Result<Vec<Vec<u8>>> {
        let head = self.readable("response.header")?;
        Ok(head.map_or_else(Vec::new, |head| values(&head.headers, &name)))
    }

    fn headers(&mut self) -> Result<Vec<Header>> {
        Ok(self.readable("response.headers")?.map_or_else(Vec::new, |head| fields(&head.headers)))
    }

    fn trailers(&mut self) -> Result<Vec<Header>> {
        self.trailers_in("response.trailers", [Moment::Response, Moment::ResponseStream])
    }

    fn set_header(&mut self, name: String, value: Vec<u8>) -> Result<Result<(), HeaderError>> {
        self.edit("response.set-header", &name, |name| Ok(Edit::Set(name, Edit::value(&value)?)))
    }

    fn append_header(&mut self, name: String, value: Vec<u8>) -> Result<Result<(), HeaderError>> {
        self.edit("response.append-header", &name, |name| {
            Ok(Edit::Append(name, Edit::value(&value)?))
        })
    }

    fn default_header(&mut self, name: String, value: Vec<u8>) -> Result<Result<(), HeaderError>> {
        self.edit("response.default-header", &name, |name| {
            Ok(Edit::Default(name, Edit::value(&value)?))
        })
    }

    fn remove_header(&mut self, name: String) -> Result<Result<(), HeaderError>> {
        self.edit("response.remove-header", &name, |name| Ok(Edit::Remove(name)))
    }
}

impl Guest {
    /// The response's head; absent in the log phase of an exchange that never had one.
    fn readable(&mut self, call: &'static str) -> Result<Option<&ResponseHead>> {
        let moments = [Moment::Response, Moment::ResponseStream, Moment::Log];
        let exchange = self.exchange_in(call, &moments, "the response and log phases")?;
        Ok(exchange.response.as_ref())
    }

    /// Applies an edit, or keeps it for the response that comes.
    fn edit(
        &mut self,
        call: &'static str,
        name: &str,
        make: impl FnOnce(http::HeaderName) -> Result<Edit, EditError>,
    ) -> Result<Result<(), HeaderError>> {
        let moments = [Moment::Request, Moment::Response];
        let exchange = self.exchange_in(call, &moments, "the request and response phases")?;
        let edit = match Edit::name(name).and_then(make) {
            Ok(edit) => edit,
            Err(error) => return Ok(Err(error.into())),
        };
        let limits = exchange.head_limits;
        if let Some(head) = &mut exchange.response {
            return Ok(edit.apply(&mut head.headers, limits).map_err(Into::into));
        }
        if exchange.deferred.len() >= DEFERRED_MAX {
            return Ok(Err(HeaderError::TooLarge));
        }
        exchange.deferred.push(edit);
        Ok(Ok(()))
    }
}

impl From<Source> for types::Source {
    fn from(source: Source) -> Self {
        match source {
            Source::Upstream => Self::Upstream,
            Source::Plugin => Self::Plugin,
            Source::Handler => Self::Handler,
            Source::Gateway => Self::Gateway,
        }
    }
}

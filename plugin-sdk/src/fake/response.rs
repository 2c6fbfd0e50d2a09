//! The response's head, as the exchange of the current phase has it.

use super::fields;
use super::outcome::Edit;
use super::phase::{self, Phase, exchange};
use crate::Source;
use crate::answer::{Header, HeaderError};

const READING: &[Phase] =
    &[Phase::Response, Phase::ResponseHeld, Phase::ResponseStream, Phase::Log];
const WRITING: &[Phase] =
    &[Phase::Request, Phase::RequestHeld, Phase::Response, Phase::ResponseHeld];
const STATUS_WRITING: &[Phase] = &[Phase::Response, Phase::ResponseHeld];

pub(crate) fn status() -> u16 {
    exchange("response.status", READING, |exchange, _| exchange.response.status)
}

pub(crate) fn source() -> Source {
    exchange("response.source", READING, |exchange, _| exchange.response.source)
}

pub(crate) fn set_status(status: u16) -> Result<(), String> {
    exchange("response.set-status", STATUS_WRITING, |exchange, _| match status {
        204 | 205 | 304 => Err(format!("status {status} has no body")),
        200..=599 => {
            exchange.response.status = status;
            Ok(())
        }
        other => Err(format!("status {other} is not from 200 to 599")),
    })
}

pub(crate) fn header(name: &str) -> Vec<Vec<u8>> {
    exchange("response.header", READING, |exchange, _| {
        fields::values(&exchange.response.lines, name)
    })
}

pub(crate) fn headers() -> Vec<Header> {
    exchange("response.headers", READING, |exchange, _| exchange.response.lines.clone())
}

pub(crate) fn set_header(name: &str, value: &[u8]) -> Result<(), HeaderError> {
    exchange("response.set-header", WRITING, |exchange, phase| {
        let line = fields::line(name, value)?;
        match phase {
            Phase::Request | Phase::RequestHeld => exchange.edits.push(Edit::Set(line)),
            _ => fields::set(&mut exchange.response.lines, line)?,
        }
        Ok(())
    })
}

pub(crate) fn append_header(name: &str, value: &[u8]) -> Result<(), HeaderError> {
    exchange("response.append-header", WRITING, |exchange, phase| {
        let line = fields::line(name, value)?;
        match phase {
            Phase::Request | Phase::RequestHeld => exchange.edits.push(Edit::Append(line)),
            _ => fields::append(&mut exchange.response.lines, line)?,
        }
        Ok(())
    })
}

pub(crate) fn default_header(name: &str, value: &[u8]) -> Result<(), HeaderError> {
    exchange("response.default-header", WRITING, |exchange, phase| {
        let line = fields::line(name, value)?;
        match phase {
            Phase::Request | Phase::RequestHeld => exchange.edits.push(Edit::Default(line)),
            _ => fields::default(&mut exchange.response.lines, line)?,
        }
        Ok(())
    })
}

pub(crate) fn remove_header(name: &str) -> Result<(), HeaderError> {
    exchange("response.remove-header", WRITING, |exchange, phase| {
        let name = fields::field_name(name)?;
        match phase {
            Phase::Request | Phase::RequestHeld => exchange.edits.push(Edit::Remove(name)),
            _ => fields::remove(&mut exchange.response.lines, &name),
        }
        Ok(())
    })
}

pub(crate) fn trailers() -> Vec<Header> {
    phase::trailers("response.trailers", &[Phase::ResponseHeld, Phase::ResponseStream])
}

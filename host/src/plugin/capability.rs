//! What a guest may call: one file for each interface of `wit/`.

mod answer_stream;
mod body;
mod cache;
mod clock;
mod consumers;
mod counter;
mod crypto;
mod exchange;
mod http_client;
mod kv;
mod log;
mod metrics;
mod output;
mod request;
mod response;
mod secret;

use wasmtime::Result;
use wasmtime::component::{HasSelf, Linker};

use super::contract::bindings::Plugin;
use super::contract::bindings::tidegate::plugin::types;
use super::guest::{Guest, Moment};
use super::handler::Handling;
use crate::facts::{EditError, Exchange};

/// Offers every interface of the contract, and WASI without rights.
pub(super) fn link(linker: &mut Linker<Guest>) -> Result<()> {
    Plugin::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wasmtime_wasi::p2::add_to_linker_async(linker)
}

/// Offers the world `wasi:http/proxy`, and the rest of WASI 0.2 without rights.
pub(super) fn link_proxy(linker: &mut Linker<Guest>) -> Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
}

impl types::Host for Guest {}

impl Guest {
    /// The exchange, in any phase.
    fn exchange(&mut self, call: &'static str) -> Result<&mut Exchange> {
        match &mut self.exchange {
            Some(exchange) => Ok(exchange),
            None => Err(outside(call, "a request, response or log phase")),
        }
    }

    /// The exchange, if now is one of `moments`.
    fn exchange_in(
        &mut self,
        call: &'static str,
        moments: &[Moment],
        allowed: &'static str,
    ) -> Result<&mut Exchange> {
        if moments.contains(&self.moment) {
            self.exchange(call)
        } else {
            Err(outside(call, allowed))
        }
    }

    /// The field lines after the body, in one of these body phases.
    fn trailers_in(
        &mut self,
        call: &'static str,
        moments: [Moment; 2],
    ) -> Result<Vec<types::Header>> {
        self.exchange_in(call, &moments, "the body phase")?;
        let trailers = self.trailers.as_ref().ok_or_else(|| outside(call, "the body phase"))?;
        Ok(fields(trailers))
    }

    /// What a handler reads from and writes to.
    fn handling(&mut self, call: &'static str) -> Result<&mut Handling> {
        self.handling.as_deref_mut().ok_or_else(|| outside(call, "`handle`"))
    }

    fn in_phase(&self, call: &'static str) -> Result<()> {
        if self.moment == Moment::Loading {
            return Err(outside(call, "a request, response or log phase"));
        }
        Ok(())
    }
}

fn outside(call: &'static str, allowed: &'static str) -> wasmtime::Error {
    wasmtime::format_err!("`{call}` was called outside {allowed}")
}

impl From<EditError> for types::HeaderError {
    fn from(error: EditError) -> Self {
        match error {
            EditError::InvalidName => Self::InvalidName,
            EditError::InvalidValue => Self::InvalidValue,
            EditError::Forbidden => Self::Forbidden,
            EditError::TooLarge => Self::TooLarge,
        }
    }
}

fn values(headers: &http::HeaderMap, name: &str) -> Vec<Vec<u8>> {
    headers.get_all(name).iter().map(|value| value.as_bytes().to_vec()).collect()
}

fn fields(headers: &http::HeaderMap) -> Vec<types::Header> {
    headers
        .iter()
        .map(|(name, value)| types::Header {
            name: name.as_str().to_owned(),
            value: value.as_bytes().to_vec(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::contract::{CAPABILITIES, FREE};
    use crate::telemetry::metrics::Interface;

    #[test]
    fn host_calls_are_counted_by_every_interface_of_the_contract() {
        for name in FREE.iter().chain(&CAPABILITIES).filter(|name| **name != "types") {
            let known = Interface::ALL.iter().any(|interface| interface.as_str() == *name);
            assert!(known, "`Interface` has no {name}");
        }
    }

    #[test]
    fn every_function_that_is_offered_can_be_traced() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/plugin/capability");
        for entry in std::fs::read_dir(folder).expect("a folder of the sources") {
            let file = entry.expect("an entry").path();
            let Ok(text) = std::fs::read_to_string(&file) else { continue };
            let mut before = "";
            for line in text.lines() {
                if line.starts_with("impl ") && line.ends_with("Host for Guest {") {
                    assert!(before.starts_with("#[host_calls("), "{}: {line}", file.display());
                }
                before = line;
            }
        }
    }
}

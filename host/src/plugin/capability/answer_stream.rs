//! `answer-stream`: an answer that is sent while it is made, for handlers.

use tidegate_macros::host_calls;
use wasmtime::Result;

use crate::plugin::call::accept;
use crate::plugin::contract::bindings::tidegate::plugin::answer_stream::{Host, StreamError};
use crate::plugin::contract::bindings::tidegate::plugin::types::{Answer, Header};
use crate::plugin::guest::{Guest, Moment};
use crate::telemetry::metrics::Interface;

#[host_calls(Interface::AnswerStream)]
impl Host for Guest {
    fn start(&mut self, status: u16, headers: Vec<Header>) -> Result<Result<(), StreamError>> {
        let call = "answer-stream.start";
        if self.handling(call)?.has_started() {
            return Ok(Err(StreamError::Started));
        }
        if !(200..600).contains(&status) {
            return Ok(Err(StreamError::InvalidStatus));
        }
        let exchange = self.exchange_in(call, &[Moment::Handler], "`handle`")?;
        let answer = Answer { status, headers, body: Vec::new() };
        let Ok((head, _)) = accept(answer, exchange.head_limits) else {
            return Ok(Err(StreamError::InvalidHeader));
        };
        let attributes = std::mem::take(&mut exchange.attributes);
        let started = self.handling(call)?.start(head, &attributes);
        self.exchange(call)?.attributes = attributes;
        Ok(started)
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<Result<(), StreamError>> {
        Ok(self.handling("answer-stream.write")?.write(bytes).await)
    }
}

//! One host call, from the guest's call to its return.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use wasmtime::Result;
use wasmtime::component::Resource;

use super::show::Show;
use super::{Tracer, write_all};
use crate::clock;
use crate::plugin::guest::Guest;
use crate::state::secret::Ending;
use crate::telemetry::metrics::Interface;

/// A host call under way; empty if the plugin is not traced.
#[must_use = "a call has an end"]
pub(in crate::plugin) struct Call(Option<Box<Traced>>);

struct Traced {
    tracer: Arc<Tracer>,
    /// All up to the result.
    line: String,
    began: Instant,
    hides_result: bool,
}

/// Shows the arguments of a call.
pub(in crate::plugin) struct Arguments<'a> {
    show: Show<'a>,
    is_first: bool,
    hides_result: bool,
}

impl Guest {
    /// Counts a host call, and has it shown if the plugin is traced.
    #[inline]
    pub(in crate::plugin) fn enter(
        &mut self,
        interface: Interface,
        function: &'static str,
        arguments: impl FnOnce(&mut Arguments<'_>),
    ) -> Call {
        self.host_calls.count(interface);
        let tracer = self.shared.tracer.as_ref();
        Call(tracer.map(|tracer| self.traced(tracer, interface, function, arguments)))
    }

    #[cold]
    fn traced(
        &self,
        tracer: &Arc<Tracer>,
        interface: Interface,
        function: &'static str,
        arguments: impl FnOnce(&mut Arguments<'_>),
    ) -> Box<Traced> {
        let request_id = self.exchange.as_ref().map_or("-", |exchange| &exchange.id);
        let mut line = tracer.lead(request_id, self.moment.as_str(), clock::unix());
        write_all(&mut line, format_args!("{}.{function}(", interface.as_str()));
        let show = Show::new(&mut line, tracer.wanted.secrets);
        let mut shown = Arguments { show, is_first: true, hides_result: false };
        arguments(&mut shown);
        // The value behind a name that is a credential's is one, whichever way it goes.
        let hides_result = shown.hides_result || shown.show.hides();
        line.push(')');
        if !tracer.wanted.secrets
            && let Cow::Owned(redacted) = self.redact(line.as_bytes(), Ending::Whole)
        {
            line = String::from_utf8_lossy(&redacted).into_owned();
        }
        Box::new(Traced { tracer: Arc::clone(tracer), line, began: clock::now(), hides_result })
    }
}

impl Arguments<'_> {
    /// Shows the next argument; what follows the name of a credential is left out.
    pub(in crate::plugin) fn show<T: Serialize>(&mut self, argument: &T) {
        if !std::mem::take(&mut self.is_first) {
            self.show.text(", ");
        }
        self.show.part(argument);
    }

    /// Shows the numbers of the next argument, which is a resource or a list of them.
    pub(in crate::plugin) fn handle(&mut self, argument: &impl Handles) {
        self.show(&argument.numbers());
    }

    /// Shows the next argument without the texts and bytes in it.
    pub(in crate::plugin) fn hide<T: Serialize>(&mut self, argument: &T) {
        if !std::mem::take(&mut self.is_first) {
            self.show.text(", ");
        }
        self.show.hidden(argument);
    }

    /// Leaves out the texts and bytes of the result.
    pub(in crate::plugin) const fn hide_result(&mut self) {
        self.hides_result = true;
    }
}

/// What stands for something that the host keeps.
pub(in crate::plugin) trait Handles {
    /// One, or one of each.
    type Numbers: Serialize;

    /// By which the host knows it.
    fn numbers(&self) -> Self::Numbers;
}

impl<T: 'static> Handles for Resource<T> {
    type Numbers = u32;

    fn numbers(&self) -> u32 {
        self.rep()
    }
}

impl<T: 'static> Handles for Vec<Resource<T>> {
    type Numbers = Vec<u32>;

    fn numbers(&self) -> Vec<u32> {
        self.iter().map(Resource::rep).collect()
    }
}

impl Call {
    /// The same for a function that gives a resource.
    #[inline]
    pub(in crate::plugin) fn end_handle<T: 'static, E: Serialize>(
        self,
        result: &Result<std::result::Result<Resource<T>, E>>,
    ) {
        if let Some(mut traced) = self.0 {
            let shown = result.as_ref().map(|given| given.as_ref().map(Resource::rep));
            traced.end(shown);
        }
    }

    /// The guest has its result. Without this, by a drop, the call is shown as unfinished.
    #[inline]
    pub(in crate::plugin) fn end<T: Serialize>(self, result: &Result<T>) {
        if let Some(mut traced) = self.0 {
            traced.end(result.as_ref());
        }
    }
}

impl Traced {
    #[cold]
    fn end<T: Serialize>(&mut self, result: std::result::Result<T, &wasmtime::Error>) {
        let took = self.took();
        let mut line = std::mem::take(&mut self.line);
        line.push_str(" = ");
        match result {
            Ok(value) => {
                let mut show = Show::new(&mut line, self.tracer.wanted.secrets);
                if self.hides_result {
                    show.hidden(&value);
                } else {
                    show.value(&value);
                }
            }
            Err(error) => write_all(&mut line, format_args!("! {error}")),
        }
        self.tracer.end(line, took);
    }

    fn took(&self) -> Duration {
        clock::now().saturating_duration_since(self.began)
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        // What has ended has taken the line.
        if !self.line.is_empty() {
            let mut line = std::mem::take(&mut self.line);
            line.push_str(" = ? unfinished");
            self.tracer.end(line, self.took());
        }
    }
}

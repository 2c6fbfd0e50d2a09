//! One live copy of a plugin and the calls that it serves.

use std::future::Future;
use std::pin::Pin;

use serde::Serialize;
use tokio::time::Instant as Deadline;
use tracing::Instrument as _;
use wasmtime::Store;
use wasmtime::component::{Func, Instance, Resource, TypedFunc};
use wasmtime_wasi_http::p2::types::{HostIncomingRequest, HostResponseOutparam};

use super::pool::Pool;
use super::underway::{Drive, Underway};
use super::{Instances, allow};
use crate::clock;
use crate::plugin::contract::Exports;
use crate::plugin::contract::bindings::tidegate::plugin::types::{RequestAction, ResponseAction};
use crate::plugin::contract::log_phase::exports::tidegate::plugin::log_phase::Summary;
use crate::plugin::contract::on_handle::exports::tidegate::plugin::handler::Handled;
use crate::plugin::fault::Fault;
use crate::plugin::guest::{Guest, Moment};
use crate::plugin::meter::{Meter, Spent};
use crate::plugin::renewal::{Memory, Pristine};
use crate::plugin::span;

/// One live copy of a plugin.
pub(super) struct Live {
    pub(super) store: Store<Guest>,
    pub(super) functions: Functions,
    /// How many it has answered, if it is pooled.
    pub(super) calls: u32,
    /// Of the call that it is lent for.
    pub(super) meter: Option<Meter>,
    /// Of one that is made new again after each call.
    pub(super) new: Option<New>,
}

/// What is known of an instance that is new.
pub(super) struct New {
    pub(super) memory: Memory,
    /// Bytes of all memories and tables.
    pub(super) memory_used: usize,
}

pub(super) struct Functions {
    pub(super) request: Option<TypedFunc<(), (RequestAction,)>>,
    pub(super) request_body: Option<Func>,
    pub(super) response: Option<TypedFunc<(), (ResponseAction,)>>,
    pub(super) response_body: Option<Func>,
    pub(super) log: Option<TypedFunc<(Summary,), ()>>,
    pub(super) tick: Option<TypedFunc<(), ()>>,
    pub(super) handle: Option<TypedFunc<(), (Handled,)>>,
    pub(super) incoming: Option<Incoming>,
}

/// `handle` of `wasi:http/incoming-handler`.
type Incoming = TypedFunc<(Resource<HostIncomingRequest>, Resource<HostResponseOutparam>), ()>;

/// A guest that runs.
///
/// Its type is forgotten, because what waits for it is a future within a future many times over,
/// and the compiler looks through all of them, at each several times, to see that they may be sent.
pub(super) type Running<'s, T> = Pin<Box<dyn Future<Output = wasmtime::Result<T>> + Send + 's>>;

impl Functions {
    pub(super) fn of(
        store: &mut Store<Guest>,
        instance: &Instance,
        exports: &Exports,
    ) -> wasmtime::Result<Self> {
        let request = exports.request.as_ref();
        let response = exports.response.as_ref();
        let log = exports.log.as_ref();
        let handle = exports.handle.as_ref();
        let incoming = exports.incoming.as_ref();
        let tick = exports.timer.as_ref().map(|timer| &timer.tick);
        let (request_body, response_body) = (&exports.request_body, &exports.response_body);
        let request_body = request_body.and_then(|at| instance.get_func(&mut *store, at));
        let response_body = response_body.and_then(|at| instance.get_func(&mut *store, at));
        Ok(Self {
            request_body,
            response_body,
            request: request.map(|at| instance.get_typed_func(&mut *store, at)).transpose()?,
            response: response.map(|at| instance.get_typed_func(&mut *store, at)).transpose()?,
            log: log.map(|at| instance.get_typed_func(&mut *store, at)).transpose()?,
            incoming: incoming.map(|at| instance.get_typed_func(&mut *store, at)).transpose()?,
            handle: handle.map(|at| instance.get_typed_func(&mut *store, at)).transpose()?,
            tick: tick.map(|at| instance.get_typed_func(&mut *store, at)).transpose()?,
        })
    }
}

impl Live {
    /// Makes an instance that has answered new again; whether it is.
    pub(super) fn renew(&mut self, pristine: &Pristine) -> bool {
        let Some(New { memory, memory_used }) = &self.new else { return false };
        self.store.data_mut().forget()
            && self.store.data().memory_used() == *memory_used
            && memory.restore(&mut self.store, pristine)
    }

    /// Has the guest do something within its limits; gives what came of it, and what it took. A drop
    /// ends the instance, and finishes the exchange if it has one.
    pub(super) async fn run<T: Serialize + Send + 'static>(
        mut self: Box<Self>,
        instances: &Instances,
        moment: Moment,
        run: impl for<'s> FnOnce(&'s mut Self) -> Running<'s, T>,
    ) -> (Box<Self>, Result<T, Fault>, Spent) {
        let Instances { engine, budget, shared, .. } = instances;
        let is_pooled = instances.pool.as_ref().is_some_and(Pool::keeps_state);
        let isolation = if is_pooled { "pooled" } else { "request" };
        let instance = if is_pooled && self.calls > 0 { "pooled" } else { "fresh" };
        let meter = self.meter.take().unwrap_or_else(|| Meter::begin(clock::now()));
        let guest = self.store.data_mut();
        let exchange = guest.exchange.as_deref();
        let span = span::begin(&shared.label, moment, (isolation, instance), exchange);
        guest.moment = moment;
        guest.messages = 0;
        guest.until = shared.client.as_ref().map(|_| Deadline::now() + budget.wall);
        allow(&mut self.store, engine, budget.cpu);
        let underway = Underway::begin(self, run);
        // Ticks of timers have a thread of their own already.
        let may_leave = moment != Moment::Timer;
        let drive = Drive { instances, may_leave, meter };
        let (mut live, result, spent) = drive.run(underway).instrument(span.clone()).await;
        let guest = live.store.data_mut();
        guest.calls.end_all();
        span::end(&span, &result, spent, guest.host_calls);
        guest.flush();
        if result.is_ok() {
            guest.emit_printed();
        }
        if let Some(tracer) = &shared.tracer {
            let request_id = guest.exchange.as_ref().map_or("-", |exchange| &exchange.id);
            tracer.phase(request_id, moment.as_str(), &result, spent.duration);
        }
        (live, result, spent)
    }
}

//! The right to call an instance: for one call, or for as long as a body streams.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use serde::Serialize;
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

use super::live::{Live, Running};
use super::{Instances, Part, Permit};
use crate::facts::{self, Open};
use crate::plugin::Plugin;
use crate::plugin::contract::bindings::tidegate::plugin::types::{
    BodyAction, RequestAction, ResponseAction,
};
use crate::plugin::contract::log_phase::exports::tidegate::plugin::log_phase::Summary;
use crate::plugin::contract::on_handle::exports::tidegate::plugin::handler::Handled;
use crate::plugin::fault::Fault;
use crate::plugin::guest::Moment;
use crate::plugin::handler::{Handling, RequestStream};
use crate::plugin::meter::Spent;
use crate::plugin::proxy::{self, Outcome};
use crate::plugin::stage::Side;

/// An instance, while it does not run, and what its last call took.
struct Seat {
    live: Option<Box<Live>>,
    spent: Spent,
}

impl Seat {
    fn new(live: Box<Live>) -> Self {
        Self { live: Some(live), spent: Spent::default() }
    }

    /// Has the guest do something. A drop ends the instance.
    async fn run<T: Serialize + Send + 'static>(
        &mut self,
        instances: &Instances,
        moment: Moment,
        run: impl for<'s> FnOnce(&'s mut Live) -> Running<'s, T>,
    ) -> Result<T, Fault> {
        let Some(live) = self.live.take() else {
            return Err(Fault::Contract("the instance is gone".to_owned()));
        };
        let (live, result, spent) = live.run(instances, moment, run).await;
        (self.live, self.spent) = (Some(live), spent);
        result
    }

    /// Calls a function about an exchange. A drop finishes the exchange and ends the instance.
    async fn call<T: Serialize + Send + 'static>(
        &mut self,
        instances: &Instances,
        moment: Moment,
        open: Open,
        run: impl for<'s> FnOnce(&'s mut Live) -> Running<'s, T>,
    ) -> (Open, Result<T, Fault>) {
        let Some(live) = &mut self.live else {
            return (open, Err(Fault::Contract("the instance is gone".to_owned())));
        };
        live.store.data_mut().exchange = Some(open);
        let result = self.run(instances, moment, run).await;
        let live = self.live.as_mut().expect("`run` puts it back");
        let open = live.store.data_mut().exchange.take();
        (open.expect("nothing but this function takes it"), result)
    }

    /// Calls a body phase.
    async fn body(
        &mut self,
        instances: &Instances,
        (side, moment): (Side, Moment),
        open: Open,
        part: &Part,
    ) -> (Open, Result<BodyAction, Fault>) {
        if let Some(live) = &mut self.live {
            live.store.data_mut().trailers = Some(part.trailers.clone().unwrap_or_default());
        }
        let (bytes, last) = (part.bytes.clone(), part.last);
        let called = self
            .call(instances, moment, open, move |live| {
                let function = match side {
                    Side::Request => live.functions.request_body,
                    Side::Response => live.functions.response_body,
                };
                Box::pin(async move {
                    let store = &mut live.store;
                    let function = function.ok_or_else(|| absent("body phase"))?;
                    let function = function.typed::<(&[u8], bool), (BodyAction,)>(&mut *store)?;
                    Ok(function.call_async(store, (&*bytes, last)).await?.0)
                })
            })
            .await;
        if let Some(live) = &mut self.live {
            live.store.data_mut().trailers = None;
        }
        called
    }
}

fn absent(what: &str) -> wasmtime::Error {
    wasmtime::format_err!("no {what}")
}

/// An instance that is lent for one call; a drop retires it.
pub(in crate::plugin) struct Lease<'p> {
    seat: Seat,
    instances: &'p Instances,
    permit: Permit<'p>,
}

impl<'p> Lease<'p> {
    pub(super) fn new(live: Box<Live>, instances: &'p Instances, permit: Permit<'p>) -> Self {
        Self { seat: Seat::new(live), instances, permit }
    }

    /// Calls `on-request`. A drop here retires the instance and finishes the exchange.
    pub(in crate::plugin) async fn request(
        &mut self,
        open: Open,
    ) -> (Open, Result<RequestAction, Fault>) {
        self.seat
            .call(self.instances, Moment::Request, open, |live| {
                Box::pin(async move {
                    let function = live.functions.request.ok_or_else(|| absent("request phase"))?;
                    Ok(function.call_async(&mut live.store, ()).await?.0)
                })
            })
            .await
    }

    /// Calls `on-response`. A drop here retires the instance and finishes the exchange.
    pub(in crate::plugin) async fn response(
        &mut self,
        open: Open,
    ) -> (Open, Result<ResponseAction, Fault>) {
        self.seat
            .call(self.instances, Moment::Response, open, |live| {
                Box::pin(async move {
                    let function =
                        live.functions.response.ok_or_else(|| absent("response phase"))?;
                    Ok(function.call_async(&mut live.store, ()).await?.0)
                })
            })
            .await
    }

    /// Calls a body phase with the whole body, while the head is held.
    pub(in crate::plugin) async fn body(
        &mut self,
        side: Side,
        open: Open,
        part: &Part,
    ) -> (Open, Result<BodyAction, Fault>) {
        let moment = match side {
            Side::Request => Moment::Request,
            Side::Response => Moment::Response,
        };
        self.seat.body(self.instances, (side, moment), open, part).await
    }

    /// Calls `on-complete`.
    pub(in crate::plugin) async fn log(
        &mut self,
        open: Open,
        summary: Summary,
    ) -> (Open, Result<(), Fault>) {
        self.seat
            .call(self.instances, Moment::Log, open, |live| {
                Box::pin(async move {
                    let function = live.functions.log.ok_or_else(|| absent("log phase"))?;
                    function.call_async(&mut live.store, (summary,)).await
                })
            })
            .await
    }

    /// Calls `handle`, and hands back what the guest left of `handling`. A drop here retires the
    /// instance.
    pub(in crate::plugin) async fn handle(
        &mut self,
        aside: Open,
        handling: Box<Handling>,
    ) -> (Open, Box<Handling>, Result<Handled, Fault>) {
        let Some(live) = &mut self.seat.live else {
            return (aside, handling, Err(Fault::Contract("the instance is gone".to_owned())));
        };
        live.store.data_mut().handling = Some(handling);
        let (aside, result) = self
            .seat
            .call(self.instances, Moment::Handler, aside, |live| {
                Box::pin(async move {
                    let function = live.functions.handle.ok_or_else(|| absent("handler"))?;
                    Ok(function.call_async(&mut live.store, ()).await?.0)
                })
            })
            .await;
        let handling =
            self.seat.live.as_mut().and_then(|live| live.store.data_mut().handling.take());
        (aside, handling.expect("nothing but this function takes it"), result)
    }

    /// Calls `handle` of `wasi:http`; what the guest sets goes to `set`. A drop here retires the
    /// instance.
    pub(in crate::plugin) async fn incoming(
        &mut self,
        aside: Open,
        request: http::Request<RequestStream>,
        set: impl FnOnce(Outcome) + Send + Sync + 'static,
    ) -> (Open, Result<(), Fault>) {
        let scheme = match aside.request.scheme {
            facts::Scheme::Http => Scheme::Http,
            facts::Scheme::Https => Scheme::Https,
        };
        self.seat
            .call(self.instances, Moment::Handler, aside, |live| {
                Box::pin(async move {
                    let function =
                        live.functions.incoming.ok_or_else(|| absent("incoming handler"))?;
                    let mut http = live.store.data_mut().http();
                    let request = request.map(|body| body.map_err(|error| proxy::error_of(&error)));
                    let request = http.new_incoming_request(scheme, request)?;
                    let out = http.new_response_outparam_from_callback(set)?;
                    function.call_async(&mut live.store, (request, out)).await
                })
            })
            .await
    }

    /// Calls `on-tick`.
    pub(in crate::plugin) async fn tick(&mut self) -> Result<(), Fault> {
        self.seat
            .run(self.instances, Moment::Timer, |live| {
                Box::pin(async move {
                    let function = live.functions.tick.ok_or_else(|| absent("timer"))?;
                    function.call_async(&mut live.store, ()).await
                })
            })
            .await
    }

    /// How long the last call took.
    pub(in crate::plugin) const fn took(&self) -> Duration {
        self.seat.spent.duration
    }

    /// Puts an instance that has answered back into the pool, unless it has served enough.
    pub(in crate::plugin) fn give_back(self) {
        if let Some(live) = self.seat.live {
            self.instances.take_back(live);
        }
    }

    /// Keeps the instance, and the right to it, for longer than this borrow of its `plugin`.
    pub(in crate::plugin) fn keep(self, plugin: &Arc<Plugin>) -> Kept {
        // Given back by the drop of what is kept.
        std::mem::forget(self.permit);
        Kept { seat: self.seat, plugin: Arc::clone(plugin) }
    }
}

/// An instance that is kept while a body streams; a drop retires it.
pub(in crate::plugin) struct Kept {
    seat: Seat,
    plugin: Arc<Plugin>,
}

impl Kept {
    pub(in crate::plugin) const fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// How long the last call took.
    pub(in crate::plugin) const fn took(&self) -> Duration {
        self.seat.spent.duration
    }

    /// Calls a body phase with one part.
    pub(in crate::plugin) async fn body(
        &mut self,
        side: Side,
        open: Open,
        part: &Part,
    ) -> (Open, Result<BodyAction, Fault>) {
        let moment = match side {
            Side::Request => Moment::RequestStream,
            Side::Response => Moment::ResponseStream,
        };
        self.seat.body(&self.plugin.instances, (side, moment), open, part).await
    }

    /// Puts an instance that has seen a body to its end back into the pool.
    pub(in crate::plugin) fn give_back(mut self) {
        if let Some(live) = self.seat.live.take() {
            self.plugin.instances.take_back(live);
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let Instances { permits, metrics, .. } = &self.plugin.instances;
        permits.add_permits(1);
        metrics.instances.dec();
    }
}

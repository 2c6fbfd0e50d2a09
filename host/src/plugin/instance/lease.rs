//! The right to call an instance: for one call, or for as long as a body streams.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

use super::live::Live;
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
use crate::plugin::proxy::{self, Outcome};
use crate::plugin::stage::Side;

/// An instance that is lent for one call; a drop retires it.
pub(in crate::plugin) struct Lease<'p> {
    pub(super) live: Live,
    pub(super) instances: &'p Instances,
    pub(super) _permit: Permit<'p>,
}

impl Lease<'_> {
    /// Calls `on-request`. A drop here retires the instance and finishes the exchange.
    pub(in crate::plugin) async fn request(
        &mut self,
        open: Open,
    ) -> (Open, Result<RequestAction, Fault>) {
        let function = self.live.functions.request;
        self.live
            .call(self.instances, Moment::Request, open, |store| {
                Box::pin(async move {
                    let function =
                        function.ok_or_else(|| wasmtime::format_err!("no request phase"))?;
                    Ok(function.call_async(store, ()).await?.0)
                })
            })
            .await
    }

    /// Calls `on-response`. A drop here retires the instance and finishes the exchange.
    pub(in crate::plugin) async fn response(
        &mut self,
        open: Open,
    ) -> (Open, Result<ResponseAction, Fault>) {
        let function = self.live.functions.response;
        self.live
            .call(self.instances, Moment::Response, open, |store| {
                Box::pin(async move {
                    let function =
                        function.ok_or_else(|| wasmtime::format_err!("no response phase"))?;
                    Ok(function.call_async(store, ()).await?.0)
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
        self.live.body(self.instances, (side, moment), open, part).await
    }

    /// Calls `on-complete`.
    pub(in crate::plugin) async fn log(
        &mut self,
        open: Open,
        summary: Summary,
    ) -> (Open, Result<(), Fault>) {
        let function = self.live.functions.log;
        self.live
            .call(self.instances, Moment::Log, open, |store| {
                Box::pin(async move {
                    let function = function.ok_or_else(|| wasmtime::format_err!("no log phase"))?;
                    function.call_async(store, (summary,)).await
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
        let function = self.live.functions.handle;
        self.live.store.data_mut().handling = Some(handling);
        let (aside, result) = self
            .live
            .call(self.instances, Moment::Handler, aside, |store| {
                Box::pin(async move {
                    let function = function.ok_or_else(|| wasmtime::format_err!("no handler"))?;
                    Ok(function.call_async(store, ()).await?.0)
                })
            })
            .await;
        let handling = self.live.store.data_mut().handling.take();
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
        let function = self.live.functions.incoming;
        let scheme = match aside.request.scheme {
            facts::Scheme::Http => Scheme::Http,
            facts::Scheme::Https => Scheme::Https,
        };
        self.live
            .call(self.instances, Moment::Handler, aside, |store| {
                Box::pin(async move {
                    let function =
                        function.ok_or_else(|| wasmtime::format_err!("no incoming handler"))?;
                    let mut http = store.data_mut().http();
                    let request = request.map(|body| body.map_err(|error| proxy::error_of(&error)));
                    let request = http.new_incoming_request(scheme, request)?;
                    let out = http.new_response_outparam_from_callback(set)?;
                    function.call_async(store, (request, out)).await
                })
            })
            .await
    }

    /// Calls `on-tick`.
    pub(in crate::plugin) async fn tick(&mut self) -> Result<(), Fault> {
        let function = self.live.functions.tick;
        self.live
            .run(self.instances, Moment::Timer, |store| {
                Box::pin(async move {
                    let function = function.ok_or_else(|| wasmtime::format_err!("no timer"))?;
                    function.call_async(store, ()).await
                })
            })
            .await
    }

    /// How long the last call took.
    pub(in crate::plugin) const fn took(&self) -> Duration {
        self.live.spent.duration
    }

    /// Puts an instance that has answered back into the pool, unless it has served enough.
    pub(in crate::plugin) fn give_back(self) {
        let Self { live, instances, _permit } = self;
        instances.take_back(live);
    }

    /// Keeps the instance, and the right to it, for longer than this borrow of its `plugin`.
    pub(in crate::plugin) fn keep(self, plugin: &Arc<Plugin>) -> Kept {
        let Self { live, _permit: permit, .. } = self;
        // Given back by the drop of what is kept.
        std::mem::forget(permit);
        Kept { live: Some(live), plugin: Arc::clone(plugin) }
    }
}

/// An instance that is kept while a body streams; a drop retires it.
pub(in crate::plugin) struct Kept {
    /// Until it is given back.
    live: Option<Live>,
    plugin: Arc<Plugin>,
}

impl Kept {
    pub(in crate::plugin) const fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// How long the last call took.
    pub(in crate::plugin) fn took(&self) -> Duration {
        self.live.as_ref().map_or(Duration::ZERO, |live| live.spent.duration)
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
        match &mut self.live {
            Some(live) => live.body(&self.plugin.instances, (side, moment), open, part).await,
            None => (open, Err(Fault::Contract("the instance was given back".to_owned()))),
        }
    }

    /// Puts an instance that has seen a body to its end back into the pool.
    pub(in crate::plugin) fn give_back(mut self) {
        if let Some(live) = self.live.take() {
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

//! What the host keeps for one instance: the exchange it serves and what it may use.

use std::borrow::Cow;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use http::HeaderMap;
use tokio::time::Instant;
use wasmtime::ResourceLimiter;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::client::{Calls, Client};
use super::handler::Handling;
use super::proxy::Outgoing;
use super::trace::Tracer;
use crate::config::Grants;
use crate::facts::Open;
use crate::state::cache::Cache;
use crate::state::consumer::Consumers;
use crate::state::secret::{Ending, Secrets};
use crate::state::{counter, kv, output};
use crate::telemetry::metrics::{HostCalls, Interface, PluginMetrics};

/// Messages that one call of a phase may log.
pub(super) const MESSAGES_PER_CALL: u32 = 64;
/// Bytes that are kept of what one call prints.
const PRINTED_BYTES_MAX: usize = 4096;

/// Resources of WASI, such as streams and header maps, that a guest may hold at once. A guest that
/// leaks them is stopped before the host's memory shows it.
const RESOURCES_MAX: usize = 4096;

/// When a guest is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// `describe` or `configure`.
    Loading,
    /// `on-request`.
    Request,
    /// `on-request-body`, while the body streams; after `need-body` it is `Request`.
    RequestStream,
    /// `on-response`.
    Response,
    /// `on-response-body`, while the body streams; after `need-body` it is `Response`.
    ResponseStream,
    /// `on-complete`.
    Log,
    /// `on-tick`.
    Timer,
    /// `handle`.
    Handler,
}

impl Moment {
    /// The word for it in logs, metrics and traces.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Loading => "configure",
            Self::Request => "request",
            Self::RequestStream => "request_body",
            Self::Response => "response",
            Self::ResponseStream => "response_body",
            Self::Log => "log",
            Self::Timer => "timer",
            Self::Handler => "handler",
        }
    }
}

/// What all instances of a plugin share.
pub(super) struct Shared {
    /// Whose counters, keys and values it has.
    pub(super) name: Box<str>,
    /// What logs call it: of a canary another than `name`.
    pub(super) label: Box<str>,
    /// Empty if the file says nothing: what is granted then has no scope.
    pub(super) grants: Grants,
    pub(super) cache: Arc<Cache>,
    pub(super) consumers: Arc<ArcSwap<Consumers>>,
    pub(super) counters: Arc<counter::Counters>,
    pub(super) kv: Arc<kv::Space>,
    pub(super) outputs: Arc<ArcSwap<output::Outputs>>,
    /// There if `http-client` is granted.
    pub(super) client: Option<Client>,
    pub(super) metrics: Arc<PluginMetrics>,
    pub(super) secrets: Arc<ArcSwap<Secrets>>,
    pub(super) memory_bytes: usize,
    /// Absent if nobody wants to see what the plugin does.
    pub(super) tracer: Option<Arc<Tracer>>,
}

/// The data of an instance's store.
pub(super) struct Guest {
    pub(super) shared: Arc<Shared>,
    /// Here while a phase runs.
    pub(super) exchange: Option<Open>,
    pub(super) moment: Moment,
    /// Field lines after the body; here in a body phase only.
    pub(super) trailers: Option<HeaderMap>,
    /// Here while a handler runs.
    pub(super) handling: Option<Box<Handling>>,
    /// Epoch ticks that this call may still use.
    pub(super) ticks_left: u64,
    pub(super) messages: u32,
    /// Not yet in the metrics.
    pub(super) host_calls: HostCalls,
    /// Requests of its own that are under way.
    pub(super) calls: Calls,
    /// When the call's time from start to end is over; only for those who may wait in it.
    pub(super) until: Option<Instant>,
    /// What the guest said last of an error while it was loaded, such as a panic's message.
    pub(super) last_words: Option<String>,
    /// Of all memories and tables.
    memory_used: usize,
    memory_refused: bool,
    wasi: Option<Box<Wasi>>,
}

/// WASI without any right; made when a guest first asks for it.
struct Wasi {
    context: WasiCtx,
    http: WasiHttpCtx,
    outgoing: Outgoing,
    table: ResourceTable,
    printed: Printed,
}

impl Guest {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            exchange: None,
            moment: Moment::Loading,
            trailers: None,
            handling: None,
            ticks_left: 0,
            messages: 0,
            host_calls: HostCalls::default(),
            calls: Calls::default(),
            until: None,
            last_words: None,
            memory_used: 0,
            memory_refused: false,
            wasi: None,
        }
    }

    /// Adds what was counted since the last call of this to the metrics.
    pub(super) fn flush(&mut self) {
        self.shared.metrics.called_host(&std::mem::take(&mut self.host_calls));
        // What configuring needs is no part of what serving does.
        if self.moment != Moment::Loading {
            self.shared.metrics.uses(self.memory_used);
        }
    }

    /// Forgets what the calls so far have left; whether nothing of it can be left anywhere else.
    pub(super) fn forget(&mut self) -> bool {
        self.last_words = None;
        self.trailers = None;
        self.memory_refused = false;
        self.exchange.is_none() && self.handling.is_none() && self.wasi.is_none()
    }

    /// Whether memory was asked for beyond the budget since the last call of this.
    pub(super) fn take_memory_refused(&mut self) -> bool {
        std::mem::take(&mut self.memory_refused)
    }

    /// Bytes of all memories and tables.
    pub(super) const fn memory_used(&self) -> usize {
        self.memory_used
    }

    /// What explains a trap in the guest's own words, if it left any.
    pub(super) fn take_words(&mut self) -> Option<String> {
        self.take_printed().or_else(|| self.last_words.take())
    }

    /// What the guest printed to standard output and error since the last call of this.
    pub(super) fn take_printed(&mut self) -> Option<String> {
        let printed = self.wasi.as_ref()?.printed.take();
        if printed.is_empty() {
            return None;
        }
        let is_cut = printed.len() == PRINTED_BYTES_MAX;
        let shown = self.redact(&printed, if is_cut { Ending::Cut } else { Ending::Whole });
        Some(String::from_utf8_lossy(&shown).trim_end().to_owned())
    }

    /// Without the secrets that the plugin may read.
    pub(super) fn redact<'t>(&self, text: &'t [u8], ending: Ending) -> Cow<'t, [u8]> {
        let granted = self.shared.grants.secrets();
        if granted.is_empty() {
            return Cow::Borrowed(text);
        }
        self.shared.secrets.load().redact(granted, text, ending)
    }
}

/// A call may be dropped half-way, with its client.
impl Drop for Guest {
    fn drop(&mut self) {
        self.flush();
    }
}

impl ResourceLimiter for Guest {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(desired.saturating_sub(current)))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(desired.saturating_sub(current).saturating_mul(size_of::<usize>())))
    }
}

impl Guest {
    fn grow(&mut self, bytes: usize) -> bool {
        let used = self.memory_used.saturating_add(bytes);
        let allowed = used <= self.shared.memory_bytes;
        if allowed {
            self.memory_used = used;
        } else {
            self.memory_refused = true;
        }
        allowed
    }
}

impl WasiView for Guest {
    /// Asked for by each host call.
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.host_calls.count(Interface::Wasi);
        let wasi = self.wasi();
        WasiCtxView { ctx: &mut wasi.context, table: &mut wasi.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.host_calls.count(Interface::Wasi);
        let until = self.until;
        let wasi = self.wasi();
        wasi.outgoing.end_at(until);
        let (ctx, hooks) = (&mut wasi.http, &mut wasi.outgoing);
        WasiHttpCtxView { ctx, table: &mut wasi.table, hooks }
    }
}

impl Guest {
    fn wasi(&mut self) -> &mut Wasi {
        self.wasi.get_or_insert_with(|| {
            let printed = Printed::default();
            let context = WasiCtxBuilder::new()
                .stdout(printed.clone())
                .stderr(printed.clone())
                .allow_tcp(false)
                .allow_udp(false)
                .allow_ip_name_lookup(false)
                .build();
            let mut table = ResourceTable::new();
            table.set_max_capacity(RESOURCES_MAX);
            let (http, outgoing) = (WasiHttpCtx::new(), Outgoing::new(Arc::clone(&self.shared)));
            Box::new(Wasi { context, http, outgoing, table, printed })
        })
    }
}

/// The beginning of what a guest prints; the rest is swallowed.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Printed {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl tokio::io::AsyncWrite for Printed {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = PRINTED_BYTES_MAX.saturating_sub(kept.len()).min(bytes.len());
        kept.extend(bytes.iter().take(room));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

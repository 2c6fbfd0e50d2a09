//! The contract of `wit/` in Rust, and whether a component keeps it.

use wasmtime::component::types::{Component as ComponentType, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex};

use crate::telemetry::metrics::Phase;

pub(super) mod proxy;

#[expect(missing_docs, reason = "generated; wit/ documents every item")]
#[allow(clippy::all, clippy::pedantic, clippy::restriction, reason = "generated")]
#[allow(unreachable_pub, unnameable_types, unused_qualifications, reason = "generated")]
pub mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "tidegate:plugin/plugin",
        imports: {
            "tidegate:plugin/http-client": async | trappable,
            // These wait: for the client, or for room.
            "tidegate:plugin/body.read": async | trappable,
            "tidegate:plugin/body.read-all": async | trappable,
            "tidegate:plugin/answer-stream.write": async | trappable,
            default: trappable,
        },
        with: { "tidegate:plugin/http-client.call": crate::plugin::client::Call },
        exports: { default: async },
        require_store_data_send: true,
        // For `trace`, which shows whatever crosses the boundary.
        additional_derives: [serde::Serialize],
    });
}

#[expect(missing_docs, reason = "generated; wit/ documents every item")]
#[allow(clippy::all, clippy::pedantic, clippy::restriction, reason = "generated")]
#[allow(unreachable_pub, unnameable_types, unused_qualifications, reason = "generated")]
pub mod log_phase {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "tidegate:plugin/on-log",
        exports: { default: async },
        require_store_data_send: true,
        with: { "tidegate:plugin/types": super::bindings::tidegate::plugin::types },
    });
}

#[expect(missing_docs, reason = "generated; wit/ documents every item")]
#[allow(clippy::all, clippy::pedantic, clippy::restriction, reason = "generated")]
#[allow(unreachable_pub, unnameable_types, unused_qualifications, reason = "generated")]
pub mod on_handle {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "tidegate:plugin/on-handle",
        exports: { default: async },
        require_store_data_send: true,
        additional_derives: [serde::Serialize],
        with: { "tidegate:plugin/types": super::bindings::tidegate::plugin::types },
    });
}

/// The package whose interfaces this host knows.
const PACKAGE: &str = "tidegate:plugin/";
/// The version of the contract in `wit/`.
pub const VERSION: &str = "0.1.0";
/// Versions with this prefix are compatible: before 1.0 the minor number is the breaking one.
const COMPATIBLE: &str = "0.1.";

/// Interfaces that every plugin may import.
pub(super) const FREE: [&str; 8] =
    ["types", "request", "response", "exchange", "body", "answer-stream", "clock", "log"];
/// Interfaces that need a grant of the same name.
pub const CAPABILITIES: [&str; 9] =
    ["cache", "consumers", "counter", "crypto", "http-client", "kv", "metrics", "output", "secret"];
/// Parts of WASI 0.2 that are linked, without any right: no file, no socket, no environment.
pub(super) const WASI: [&str; 6] =
    ["wasi:io/", "wasi:cli/", "wasi:clocks/", "wasi:random/", "wasi:filesystem/", "wasi:sockets/"];

/// What a component exports of the contract.
#[derive(Debug, Clone, Default)]
pub struct Exports {
    /// Absent in a component of `wasi:http`, which has no other of these.
    pub(super) lifecycle: Option<Lifecycle>,
    /// Absent if the plugin has no such phase.
    pub(super) request: Option<ComponentExportIndex>,
    pub(super) request_body: Option<ComponentExportIndex>,
    pub(super) response: Option<ComponentExportIndex>,
    pub(super) response_body: Option<ComponentExportIndex>,
    pub(super) log: Option<ComponentExportIndex>,
    /// `handle`; absent if it cannot be the end of a route.
    pub(super) handle: Option<ComponentExportIndex>,
    /// No phase, but something to call too.
    pub(super) timer: Option<Timer>,
    /// `handle` of `wasi:http/incoming-handler`, in place of all others.
    pub(super) incoming: Option<ComponentExportIndex>,
}

/// Where `lifecycle` is.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    pub(super) describe: ComponentExportIndex,
    pub(super) configure: ComponentExportIndex,
}

/// The functions of `timer`.
#[derive(Debug, Clone)]
pub(super) struct Timer {
    pub(super) period: ComponentExportIndex,
    pub(super) tick: ComponentExportIndex,
}

/// Why a component cannot be a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Unfit {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

/// The interface of the contract that an import or export names, without package and version.
pub(super) fn interface(name: &str) -> Option<&str> {
    let own = name.strip_prefix(PACKAGE)?;
    Some(own.split_once('@').map_or(own, |(interface, _)| interface))
}

/// Whether `bytes` begin like a component, with what else they may be.
pub(super) fn check_preamble(bytes: &[u8]) -> Result<(), Unfit> {
    match bytes.first_chunk::<8>() {
        Some([0, b'a', b's', b'm', 0x0d, 0, 1, 0]) => Ok(()),
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => Err(Unfit::new(
            "is a core module, not a component",
            "build it for wasm32-wasip2, or wrap it with `wasm-tools component new`",
        )),
        _ => Err(Unfit::new(
            "is not WebAssembly",
            "the file must be a component in the binary format, as `cargo build --target \
             wasm32-wasip2` writes it",
        )),
    }
}

/// The capabilities that a component imports, sorted.
///
/// # Errors
///
/// All imports that this host does not offer.
pub(super) fn imports(component: &Component) -> Result<Vec<&'static str>, Vec<Unfit>> {
    let mut capabilities = Vec::new();
    let mut unfit = Vec::new();
    let component_type: ComponentType = component.component_type();
    for (import, _) in component_type.imports(component.engine()) {
        match known_import(import) {
            Ok(Some(capability)) => capabilities.push(capability),
            Ok(None) => {}
            Err(problem) => unfit.push(problem),
        }
    }
    capabilities.sort_unstable();
    if unfit.is_empty() { Ok(capabilities) } else { Err(unfit) }
}

fn known_import(import: &str) -> Result<Option<&'static str>, Unfit> {
    let Some(own) = import.strip_prefix(PACKAGE) else {
        if WASI.iter().any(|interface| import.starts_with(interface)) && import.contains("@0.2.") {
            return Ok(None);
        }
        let hint = if import.starts_with("wasi:http/") {
            "a plugin makes no HTTP requests by wasi:http; with componentize-js use `--disable http \
             fetch-event`. A component that exports `wasi:http/incoming-handler@0.2.x` and nothing of \
             `tidegate:plugin` can be the end of a route"
        } else {
            "a plugin may import the interfaces of `tidegate:plugin` and of WASI 0.2 (io, cli, \
             clocks, random, filesystem, sockets)"
        };
        return Err(Unfit::new(format!("imports `{import}`, which is not offered"), hint));
    };
    let (name, version) = own.split_once('@').unwrap_or((own, ""));
    check_version(import, version)?;
    if FREE.contains(&name) {
        return Ok(None);
    }
    CAPABILITIES.iter().find(|known| **known == name).map(|known| Some(*known)).ok_or_else(|| {
        Unfit::new(
            format!("imports `{import}`, which is not part of the contract"),
            format!("interfaces are {}, {}", FREE.join(", "), CAPABILITIES.join(", ")),
        )
    })
}

fn check_version(item: &str, version: &str) -> Result<(), Unfit> {
    if version.starts_with(COMPATIBLE) {
        return Ok(());
    }
    Err(Unfit::new(
        format!("is built for `{item}`, another version of the contract"),
        format!(
            "this gateway supports {COMPATIBLE}x (it has {VERSION}); build the plugin against that"
        ),
    ))
}

/// Finds what a component exports of the contract.
///
/// # Errors
///
/// A missing `lifecycle`, neither a phase nor a handler, or another version of the contract.
pub(super) fn exports(component: &Component) -> Result<Exports, Vec<Unfit>> {
    let mut unfit = Vec::new();
    let mut names = Vec::new();
    let component_type: ComponentType = component.component_type();
    for (export, item) in component_type.exports(component.engine()) {
        if let (Some(own), ComponentItem::ComponentInstance(_)) =
            (export.strip_prefix(PACKAGE), &item.ty)
        {
            let (name, version) = own.split_once('@').unwrap_or((own, ""));
            match check_version(export, version) {
                Ok(()) => names.push((name.to_owned(), export.to_owned())),
                Err(problem) => unfit.push(problem),
            }
        }
    }
    if !unfit.is_empty() {
        return Err(unfit);
    }
    let find = |interface: &str, function: &str| {
        let (_, export) = names.iter().find(|(name, _)| name == interface)?;
        let instance = component.get_export_index(None, export)?;
        component.get_export_index(Some(&instance), function)
    };
    let timer = find("timer", "period-ms").zip(find("timer", "on-tick"));
    let (Some(describe), Some(configure)) =
        (find("lifecycle", "describe"), find("lifecycle", "configure"))
    else {
        return Err(vec![Unfit::new(
            format!("does not export `{PACKAGE}lifecycle@{VERSION}`"),
            "every plugin exports `lifecycle`; the SDK's export macro does it",
        )]);
    };
    let exports = Exports {
        lifecycle: Some(Lifecycle { describe, configure }),
        request: find("request-phase", "on-request"),
        request_body: find("request-body-phase", "on-request-body"),
        response: find("response-phase", "on-response"),
        response_body: find("response-body-phase", "on-response-body"),
        log: find("log-phase", "on-complete"),
        timer: timer.map(|(period, tick)| Timer { period, tick }),
        handle: find("handler", "handle"),
        incoming: None,
    };
    exports.check()?;
    Ok(exports)
}

impl Exports {
    /// The phases, in the order in which they run.
    pub(super) fn phases(&self) -> Vec<&'static str> {
        Phase::ALL.into_iter().filter(|phase| self.has(*phase)).map(Phase::label).collect()
    }

    /// Whether a phase is there.
    pub(super) const fn has(&self, phase: Phase) -> bool {
        match phase {
            Phase::Request => self.request.is_some(),
            Phase::RequestBody => self.request_body.is_some(),
            Phase::Response => self.response.is_some(),
            Phase::ResponseBody => self.response_body.is_some(),
            Phase::Log => self.log.is_some(),
            Phase::Timer => self.timer.is_some(),
            Phase::Handler => self.handle.is_some() || self.incoming.is_some(),
        }
    }

    /// Whether there is a phase to call, and none that would never be.
    fn check(&self) -> Result<(), Vec<Unfit>> {
        if self.phases().is_empty() {
            return Err(vec![Unfit::new(
                "exports no phase",
                "a plugin exports one or more of `request-phase`, `response-phase`, `log-phase`, \
                 `timer` and `handler` of `tidegate:plugin`; in Rust: \
                 `tidegate_plugin::export!(MyPlugin: OnRequest)`",
            )]);
        }
        let pairs = [
            ("request", self.request.is_some(), self.request_body.is_some()),
            ("response", self.response.is_some(), self.response_body.is_some()),
        ];
        let unasked = |(side, head, body): (&str, bool, bool)| {
            (body && !head).then(|| {
                Unfit::new(
                    format!("exports `{side}-body-phase` without `{side}-phase`"),
                    format!("a body is shown only if `on-{side}` asks for it; export that too"),
                )
            })
        };
        let unfit: Vec<Unfit> = pairs.into_iter().filter_map(unasked).collect();
        if unfit.is_empty() { Ok(()) } else { Err(unfit) }
    }
}

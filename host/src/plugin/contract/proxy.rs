//! The world `wasi:http/proxy` of WASI 0.2, as far as a component shows it.

use memchr::memmem;
use wasmtime::component::Component;
use wasmtime::component::types::Component as ComponentType;

use super::{Exports, PACKAGE, Unfit, WASI};

/// What a component of this world exports, but for the last number of the version.
const INCOMING: &str = "wasi:http/incoming-handler@0.2.";
/// What it may import beside the other interfaces of WASI.
const HTTP: [&str; 2] = ["wasi:http/types@0.2.", "wasi:http/outgoing-handler@0.2."];

/// Whether it is worth a closer look: names stand in the binary as they are.
pub(in crate::plugin) fn is_mentioned(bytes: &[u8]) -> bool {
    memmem::find(bytes, INCOMING.as_bytes()).is_some()
}

/// What a component of this world exports; `None` of any other. One that exports something of
/// Tidegate's contract is none, because toolchains add `wasi:http` to what they were asked for.
pub(in crate::plugin) fn exports(component: &Component) -> Option<Exports> {
    let component_type: ComponentType = component.component_type();
    let names = || component_type.exports(component.engine()).map(|(name, _)| name);
    if names().any(|name| name.starts_with(PACKAGE)) {
        return None;
    }
    let name = names().find(|name| name.starts_with(INCOMING))?;
    let instance = component.get_export_index(None, name)?;
    let incoming = component.get_export_index(Some(&instance), "handle")?;
    Some(Exports { incoming: Some(incoming), ..Exports::default() })
}

/// The imports that a component of this world cannot have here.
pub(in crate::plugin) fn unfit_imports(component: &Component) -> Vec<Unfit> {
    let component_type: ComponentType = component.component_type();
    let known = |import: &str| {
        let wasi = WASI.iter().any(|prefix| import.starts_with(prefix)) && import.contains("@0.2.");
        wasi || HTTP.iter().any(|prefix| import.starts_with(prefix))
    };
    let unknown = component_type.imports(component.engine()).filter(|(name, _)| !known(name));
    unknown
        .map(|(import, _)| {
            Unfit::new(
                format!("imports `{import}`, which is not offered"),
                "a component of `wasi:http` may import the interfaces of WASI 0.2 (http, io, cli, \
                 clocks, random, filesystem, sockets)",
            )
        })
        .collect()
}

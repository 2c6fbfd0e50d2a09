//! What a component imports, against what it was granted.

use wasmtime::component::Component;

use super::all;
use crate::config;
use crate::plugin::contract::{self, Exports};
use crate::plugin::{Fault, Origin, Place};

/// Whether the component keeps the contract and imports only what was granted.
pub(super) fn check(
    config: &config::Plugin,
    component: &Component,
    origin: &Origin,
) -> Result<Exports, Vec<Fault>> {
    let imports = contract::imports(component);
    let exports = contract::exports(component);
    let (imports, exports) = match (imports, exports) {
        (Ok(imports), Ok(exports)) => (imports, exports),
        (imports, exports) => {
            let unfit = imports.err().into_iter().chain(exports.err()).flatten().collect();
            return Err(all(config, unfit));
        }
    };
    let granted = |capability: &str| match &config.grants {
        Some(grants) => grants.iter().any(|grant| grant == capability),
        None => *origin == Origin::Embedded,
    };
    let missing: Vec<&str> = imports.iter().copied().filter(|import| !granted(import)).collect();
    if missing.is_empty() {
        return Ok(exports);
    }
    let mut wanted: Vec<&str> = config.grants.iter().flatten().map(String::as_str).collect();
    wanted.extend(&missing);
    let wanted: Vec<String> = wanted.iter().map(|grant| format!("\"{grant}\"")).collect();
    Err(vec![Fault {
        place: Place::Grants,
        message: format!(
            "plugin `{}` needs what is not granted: {}",
            config.name,
            missing.join(", ")
        ),
        hint: Some(format!("if you trust it with that, write `grants = [{}]`", wanted.join(", "))),
    }])
}

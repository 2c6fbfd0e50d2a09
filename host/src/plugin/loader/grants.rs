//! What a component imports, against what it was granted.

use wasmtime::component::Component;

use super::all;
use crate::config::{Grants, Plugin, scope_example};
use crate::plugin::contract::{self, Exports};
use crate::plugin::{Fault, Origin, Place};

/// Whether the component keeps the contract and imports only what was granted.
pub(super) fn check(
    config: &Plugin,
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
        Some(grants) => grants.has(capability),
        None => *origin == Origin::Embedded && scope_example(capability).is_none(),
    };
    let missing: Vec<&str> = imports.iter().copied().filter(|import| !granted(import)).collect();
    if missing.is_empty() {
        return Ok(exports);
    }
    let Plugin { name, grants, .. } = config;
    let embedded = *origin == Origin::Embedded && grants.is_none();
    // What an embedded component has without the key, it would lose by the key.
    let beside = if embedded { imports.as_slice() } else { missing.as_slice() };
    let message = format!("plugin `{name}` needs what is not granted: {}", missing.join(", "));
    Err(vec![Fault {
        place: Place::Grants,
        message,
        hint: Some(format!(
            "if you trust it with that, write {}",
            line(name, grants.as_ref().unwrap_or(&Grants::default()), beside)
        )),
    }])
}

/// What to write so that `more` is granted beside what is.
fn line(plugin: &str, grants: &Grants, more: &[&str]) -> String {
    if grants.is_plain() && more.iter().all(|capability| scope_example(capability).is_none()) {
        let all: Vec<String> =
            grants.names().chain(more.iter().copied()).map(|name| format!("\"{name}\"")).collect();
        return format!("`grants = [{}]`", all.join(", "));
    }
    // Lines of a list have to come along into the table.
    let kept = grants.names().filter(|_| grants.is_plain());
    let lines: Vec<String> = kept
        .chain(more.iter().copied())
        .map(|capability| match scope_example(capability) {
            Some(example) => format!("`{example}`"),
            None => format!("`{capability} = true`"),
        })
        .collect();
    format!("in `[plugins.{plugin}.grants]`: {}", lines.join(", "))
}

#[cfg(test)]
mod tests {
    use super::{Grants, line};
    use crate::config::{KvScope, Scope};

    #[test]
    fn a_list_grows_by_what_is_missing() {
        let grants = [("kv", Scope::Whole)].into_iter().collect();
        assert_eq!(line("auth", &grants, &["counter"]), "`grants = [\"kv\", \"counter\"]`");
    }

    #[test]
    fn what_needs_a_scope_makes_a_table_of_the_list() {
        let grants = [("kv", Scope::Whole)].into_iter().collect();
        assert_eq!(
            line("auth", &grants, &["counter", "http-client"]),
            "in `[plugins.auth.grants]`: `kv = true`, `counter = true`, \
             `http-client = { hosts = [\"https://api.example.com\"] }`"
        );
    }

    #[test]
    fn a_table_is_told_only_what_is_missing() {
        let scope = KvScope { space: Some("sessions".to_owned()), prefixes: Vec::new() };
        let grants: Grants = [("kv", Scope::Kv(scope))].into_iter().collect();
        assert_eq!(
            line("auth", &grants, &["counter"]),
            "in `[plugins.auth.grants]`: `counter = true`"
        );
    }
}

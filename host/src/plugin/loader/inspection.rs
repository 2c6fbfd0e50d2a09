//! What a component is and needs, told whether it can be loaded or not.

use std::path::Path;
use std::sync::PoisonError;

use wasmtime::component::{Component, InstancePre};
use wasmtime_wizer::{ComponentContext, WasmtimeWizerComponent, Wizer};

use super::{
    Description, Fault, Guest, LOADING_CPU, LOADING_MEMORY_BYTES, Loader, Origin, Unfit, all,
    config, contract, describe, find, identity, instance, run_to_end,
};
use crate::plugin::Anatomy;

/// What is known of a component without a configuration.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// Where it was found.
    pub origin: Origin,
    /// SHA-256 of the file, in hexadecimal.
    pub digest: String,
    /// Of the file.
    pub bytes: usize,
    /// What it is made of; empty if it could not be read.
    pub anatomy: Anatomy,
    /// What it says of itself; absent if it cannot be asked.
    pub description: Option<Description>,
    /// Whether instances can start from a snapshot of one that is configured.
    pub snapshot: Snapshot,
    /// What keeps it from being loaded, but for its configuration and its grants.
    pub faults: Vec<Fault>,
}

/// Whether instances can start from a snapshot of one that is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Snapshot {
    /// It could not be tried.
    Untried,
    /// They can.
    Possible,
    /// Each has to be configured anew; why.
    Impossible(String),
}

/// Linkers put them into any order.
fn interfaces(names: &[String]) -> Vec<&str> {
    let mut interfaces: Vec<&str> =
        names.iter().filter_map(|name| contract::interface(name)).collect();
    interfaces.sort_unstable();
    interfaces
}

impl Inspection {
    /// The interfaces of the contract that it exports, without package and version, sorted.
    #[must_use]
    pub fn exports(&self) -> Vec<&str> {
        interfaces(&self.anatomy.exports)
    }

    /// The interfaces of the contract that it imports, without package and version, sorted.
    #[must_use]
    pub fn imports(&self) -> Vec<&str> {
        interfaces(&self.anatomy.imports)
    }

    /// The capabilities among its imports, sorted.
    #[must_use]
    pub fn grants(&self) -> Vec<&str> {
        let mut grants = self.imports();
        grants.retain(|name| contract::CAPABILITIES.contains(name));
        grants
    }

    /// What it imports besides the contract.
    #[must_use]
    pub fn foreign_imports(&self) -> Vec<&str> {
        let imports = self.anatomy.imports.iter().map(String::as_str);
        imports.filter(|name| contract::interface(name).is_none()).collect()
    }

    /// The versions of the contract that it was built for, sorted; more than one is a mistake.
    #[must_use]
    pub fn contract_versions(&self) -> Vec<&str> {
        let names = self.anatomy.imports.iter().chain(&self.anatomy.exports);
        let own = names.filter(|name| contract::interface(name).is_some());
        let mut versions: Vec<&str> =
            own.filter_map(|name| Some(name.split_once('@')?.1)).collect();
        versions.sort_unstable();
        versions.dedup();
        versions
    }
}

impl Loader {
    /// Looks at a component with the eyes of [`Loader::load`], but without its configuration and as
    /// if everything were granted. Blocks while it compiles.
    ///
    /// # Errors
    ///
    /// There is no such component. Whatever else is wrong is part of the inspection.
    pub fn inspect(
        &self,
        config: &config::Plugin,
        plugins_dir: &Path,
    ) -> Result<Inspection, Fault> {
        let source = find(&config.component, plugins_dir)?;
        let mut inspection = Inspection {
            digest: identity::hex_digest(&source.bytes),
            bytes: source.bytes.len(),
            origin: source.origin,
            anatomy: Anatomy::default(),
            description: None,
            snapshot: Snapshot::Untried,
            faults: Vec::new(),
        };
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.engine.cache().load(std::iter::once(inspection.digest.as_str()));
        if let Err(faults) = self.examine(config, &source.bytes, &mut inspection) {
            inspection.faults = faults;
        }
        self.engine.cache().save(&inspection.digest);
        Ok(inspection)
    }

    fn examine(
        &self,
        config: &config::Plugin,
        bytes: &[u8],
        inspection: &mut Inspection,
    ) -> Result<(), Vec<Fault>> {
        contract::check_preamble(bytes).map_err(|unfit| vec![Fault::component(config, unfit)])?;
        inspection.anatomy = Anatomy::of(bytes).map_err(|error| {
            let unfit = Unfit::new(format!("cannot be read: {error}"), "the file may be damaged");
            vec![Fault::component(config, unfit)]
        })?;
        let wizer = Wizer::new();
        let (context, instrumented) = match wizer.instrument_component(bytes) {
            Ok((context, bytes)) => (Some(context), bytes),
            Err(error) => {
                inspection.snapshot = Snapshot::Impossible(error.root_cause().to_string());
                (None, bytes.to_vec())
            }
        };
        let component = self.compile(config, &instrumented)?;
        let exports = keeps_contract(config, &component)?;
        let pre = self.link(config, &component)?;
        self.try_out(config, &pre, &exports, context.map(|context| (wizer, context)), inspection)
    }

    fn try_out(
        &self,
        config: &config::Plugin,
        pre: &InstancePre<Guest>,
        exports: &contract::Exports,
        wizer: Option<(Wizer, ComponentContext<'_>)>,
        inspection: &mut Inspection,
    ) -> Result<(), Vec<Fault>> {
        let shared = self.shared(config, 0, LOADING_MEMORY_BYTES);
        run_to_end(config, async {
            let mut store = instance::new_store(&self.engine, &shared);
            instance::allow(&mut store, &self.engine, LOADING_CPU);
            let instance = match pre.instantiate_async(&mut store).await {
                Ok(instance) => instance,
                Err(error) => {
                    return Err(vec![Fault::trapped(config, "starting", &error, &mut store)]);
                }
            };
            inspection.description = Some(describe(config, &mut store, &instance, exports).await?);
            if let Some((wizer, context)) = wizer {
                let mut state = WasmtimeWizerComponent { store: &mut store, instance };
                inspection.snapshot = match wizer.snapshot_component(&context, &mut state).await {
                    Ok(_) => Snapshot::Possible,
                    Err(error) => Snapshot::Impossible(error.root_cause().to_string()),
                };
            }
            Ok(())
        })
    }
}

fn keeps_contract(
    config: &config::Plugin,
    component: &Component,
) -> Result<contract::Exports, Vec<Fault>> {
    match (contract::imports(component), contract::exports(component)) {
        (Ok(_), Ok(exports)) => Ok(exports),
        (imports, exports) => {
            Err(all(config, imports.err().into_iter().chain(exports.err()).flatten().collect()))
        }
    }
}

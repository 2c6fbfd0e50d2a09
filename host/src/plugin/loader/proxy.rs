//! Components of `wasi:http`: what their table may say, and how they are made ready.

use std::sync::Arc;

use wasmtime::component::{Component, Linker};

use super::{LOADING_CPU, Loader, Prepared, Timing, all, run_to_end};
use crate::config::{self, Isolation};
use crate::plugin::contract::bindings::exports::tidegate::plugin::lifecycle::Description;
use crate::plugin::contract::{self, Exports, Unfit};
use crate::plugin::guest::{Guest, Shared};
use crate::plugin::instance::{self, Image};
use crate::plugin::{Fault, capability};

impl Loader {
    /// Checks and starts an instance, so that what fails does so here.
    pub(super) fn prepare_proxy(
        &self,
        config: &config::Plugin,
        component: &Component,
        exports: Exports,
        shared: &Arc<Shared>,
    ) -> Result<Prepared, Vec<Fault>> {
        let mut faults = refused_keys(config);
        faults.extend(all(config, contract::proxy::unfit_imports(component)));
        if !faults.is_empty() {
            return Err(faults);
        }
        let link = |error: wasmtime::Error| {
            let hint = "build it against WASI 0.2";
            vec![Fault::component(config, Unfit::new(format!("does not link: {error:#}"), hint))]
        };
        let pre = self.proxies().and_then(|linker| linker.instantiate_pre(component));
        let pre = pre.map_err(link)?;
        run_to_end(config, async {
            let mut store = instance::new_store(&self.engine, shared);
            instance::allow(&mut store, &self.engine, LOADING_CPU);
            if let Err(error) = pre.instantiate_async(&mut store).await {
                return Err(vec![Fault::trapped(config, "starting", &error, &mut store)]);
            }
            Ok(Prepared {
                image: Image { pre, exports, config: None, renewal: None },
                description: describe(config),
                timing: Timing::default(),
                period: None,
            })
        })
    }

    fn proxies(&self) -> wasmtime::Result<&Linker<Guest>> {
        if let Some(linker) = self.proxies.get() {
            return Ok(linker);
        }
        let mut linker = Linker::new(self.engine.wasmtime());
        capability::link_proxy(&mut linker)?;
        Ok(self.proxies.get_or_init(|| linker))
    }
}

/// What only components of the contract can follow.
fn refused_keys(config: &config::Plugin) -> Vec<Fault> {
    let name = &config.name;
    let mut faults = Vec::new();
    if config.config.expose() != "{}" {
        let message =
            format!("plugin `{name}` is a component of `wasi:http` and takes no `config`");
        let hint = "there is no interface by which it could be told; leave `config` out";
        faults.push(Fault::config(String::new(), message, Some(hint.to_owned())));
    }
    if config.isolation != Isolation::Request {
        let unfit = Unfit::new(
            "is one of `wasi:http`, whose instances are not used again",
            "such components may expect a fresh instance for each request; leave `isolation` out",
        );
        faults.push(Fault::component(config, unfit));
    }
    faults
}

/// What the component would say of itself.
fn describe(config: &config::Plugin) -> Description {
    let name = match &config.component {
        config::Component::Named(name) => name.clone(),
        config::Component::File(file) => {
            file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
        }
    };
    let summary = "a component of wasi:http/proxy".to_owned();
    Description { name, version: String::new(), summary, config_schema: "{}".to_owned() }
}

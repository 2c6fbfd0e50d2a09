//! What [`export!`](crate::export) puts between the host and a plugin.

use std::cell::OnceCell;

use crate::bindings::on_handle::exports::tidegate::plugin::handler;
use crate::bindings::on_log::exports::tidegate::plugin::log_phase;
use crate::bindings::on_request::exports::tidegate::plugin::request_phase;
use crate::bindings::on_request_body::exports::tidegate::plugin::request_body_phase;
use crate::bindings::on_response::exports::tidegate::plugin::response_phase;
use crate::bindings::on_response_body::exports::tidegate::plugin::response_body_phase;
use crate::bindings::on_timer::exports::tidegate::plugin::timer;
use crate::bindings::plugin::exports::tidegate::plugin::lifecycle;
use crate::{
    BodyAction, Handled, Handler, OnLog, OnRequest, OnRequestBody, OnResponse, OnResponseBody,
    OnTick, Plugin, RequestAction, ResponseAction, Summary, config,
};

/// A plugin as a component: what the exporting crate adds to the plugin's type.
pub trait Component {
    /// The plugin's type.
    type Plugin: Plugin;

    /// The component's name.
    const NAME: &'static str;

    /// The component's version.
    const VERSION: &'static str;

    /// Lends the place where the configured plugin is kept.
    fn with_slot<R>(visit: impl FnOnce(&Slot<Self::Plugin>) -> R) -> R;
}

/// Where an instance keeps its configured plugin; empty before `configure`.
pub type Slot<P> = OnceCell<P>;

/// The component's name for a crate's name: first-party crates are called `plugin-<name>`.
#[must_use]
pub const fn name(package: &'static str) -> &'static str {
    match package.as_bytes() {
        [b'p', b'l', b'u', b'g', b'i', b'n', b'-', _, ..] => package.split_at("plugin-".len()).1,
        _ => package,
    }
}

fn with_plugin<C: Component, R>(visit: impl FnOnce(&C::Plugin) -> R) -> R {
    C::with_slot(|slot| {
        visit(slot.get().expect("the host calls `configure` with success before any phase"))
    })
}

/// The JSON Schema of a plugin's configuration.
pub(crate) fn schema<P: Plugin>() -> String {
    schemars::schema_for!(P::Config).as_value().to_string()
}

impl<C: Component> lifecycle::Guest for C {
    fn describe() -> lifecycle::Description {
        lifecycle::Description {
            name: C::NAME.to_owned(),
            version: C::VERSION.to_owned(),
            summary: C::Plugin::SUMMARY.to_owned(),
            config_schema: schema::<C::Plugin>(),
        }
    }

    fn configure(json: String) -> Result<(), lifecycle::ConfigError> {
        report_panics();
        let plugin = config::parse(&json).and_then(C::Plugin::configure).map_err(|error| {
            lifecycle::ConfigError { pointer: error.pointer, message: error.message }
        })?;
        let kept = C::with_slot(|slot| slot.set(plugin).is_ok());
        assert!(kept, "the host calls `configure` once");
        Ok(())
    }
}

impl<C: Component<Plugin: OnRequest>> request_phase::Guest for C {
    fn on_request() -> RequestAction {
        with_plugin::<C, _>(OnRequest::on_request)
    }
}

impl<C: Component<Plugin: OnRequestBody>> request_body_phase::Guest for C {
    fn on_request_body(bytes: Vec<u8>, last: bool) -> BodyAction {
        with_plugin::<C, _>(|plugin| plugin.on_request_body(bytes, last))
    }
}

impl<C: Component<Plugin: OnResponse>> response_phase::Guest for C {
    fn on_response() -> ResponseAction {
        with_plugin::<C, _>(OnResponse::on_response)
    }
}

impl<C: Component<Plugin: OnResponseBody>> response_body_phase::Guest for C {
    fn on_response_body(bytes: Vec<u8>, last: bool) -> BodyAction {
        with_plugin::<C, _>(|plugin| plugin.on_response_body(bytes, last))
    }
}

impl<C: Component<Plugin: OnTick>> timer::Guest for C {
    fn period_ms() -> u64 {
        with_plugin::<C, _>(|plugin| u64::try_from(plugin.period().as_millis()).unwrap_or(u64::MAX))
    }

    fn on_tick() {
        with_plugin::<C, _>(OnTick::on_tick);
    }
}

impl<C: Component<Plugin: OnLog>> log_phase::Guest for C {
    fn on_complete(summary: Summary) {
        with_plugin::<C, _>(|plugin| plugin.on_complete(&summary));
    }
}

impl<C: Component<Plugin: Handler>> handler::Guest for C {
    fn handle() -> Handled {
        with_plugin::<C, _>(Handler::handle)
    }
}

/// Lets a panic say what and where in the gateway's log; the trap that follows says neither.
fn report_panics() {
    #[cfg(target_family = "wasm")]
    std::panic::set_hook(Box::new(|panic| crate::log::error(panic.to_string())));
}

/// Makes a component of a plugin: names the type and the phases that it implements, and [`Handler`]
/// if it can be the end of a route.
///
/// ```
/// use tidegate_plugin::{ConfigError, NoConfig, OnLog, OnRequest, Plugin, RequestAction, Summary};
///
/// struct Hello;
///
/// impl Plugin for Hello {
///     type Config = NoConfig;
///     const SUMMARY: &'static str = "says hello";
///     fn configure(_: NoConfig) -> Result<Self, ConfigError> {
///         Ok(Self)
///     }
/// }
///
/// impl OnRequest for Hello {
///     fn on_request(&self) -> RequestAction {
///         RequestAction::Forward
///     }
/// }
///
/// impl OnLog for Hello {
///     fn on_complete(&self, _: &Summary) {}
/// }
///
/// tidegate_plugin::export!(Hello: OnLog, OnRequest);
/// ```
///
/// The component exports exactly these phases, in whatever order they are named, so the host does
/// not call the others. Its name and version are the crate's, the name without a leading
/// `plugin-`. In a native build, as for tests, this only checks that the phases are implemented:
///
/// ```compile_fail,E0277
/// # use tidegate_plugin::{ConfigError, NoConfig, Plugin};
/// # struct Hello;
/// # impl Plugin for Hello {
/// #     type Config = NoConfig;
/// #     const SUMMARY: &'static str = "says hello";
/// #     fn configure(_: NoConfig) -> Result<Self, ConfigError> { Ok(Self) }
/// # }
/// tidegate_plugin::export!(Hello: OnResponse);
/// ```
#[macro_export]
macro_rules! export {
    ($plugin:ty: $($phase:ident),+ $(,)?) => {
        const _: () = {
            ::std::thread_local! {
                static PLUGIN: $crate::guest::Slot<$plugin> =
                    const { $crate::guest::Slot::new() };
            }

            struct Component;

            impl $crate::guest::Component for Component {
                type Plugin = $plugin;

                const NAME: &'static str = $crate::guest::name(::std::env!("CARGO_PKG_NAME"));
                const VERSION: &'static str = ::std::env!("CARGO_PKG_VERSION");

                fn with_slot<R>(
                    visit: impl ::std::ops::FnOnce(&$crate::guest::Slot<$plugin>) -> R,
                ) -> R {
                    PLUGIN.with(visit)
                }
            }

            $crate::__export_lifecycle!(Component);
            $($crate::__export_phase!($phase Component);)+
        };
    };
}

/// Exports the interface that every plugin has.
#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_lifecycle {
    ($component:ident) => {
        $crate::bindings::plugin::export_plugin!(
            $component with_types_in $crate::bindings::plugin
        );
    };
}

/// Exports one phase.
#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_phase {
    (OnRequest $component:ident) => {
        $crate::bindings::on_request::export_on_request!(
            $component with_types_in $crate::bindings::on_request
        );
    };
    (OnRequestBody $component:ident) => {
        $crate::bindings::on_request_body::export_on_request_body!(
            $component with_types_in $crate::bindings::on_request_body
        );
    };
    (OnResponse $component:ident) => {
        $crate::bindings::on_response::export_on_response!(
            $component with_types_in $crate::bindings::on_response
        );
    };
    (OnResponseBody $component:ident) => {
        $crate::bindings::on_response_body::export_on_response_body!(
            $component with_types_in $crate::bindings::on_response_body
        );
    };
    (OnTick $component:ident) => {
        $crate::bindings::on_timer::export_on_timer!(
            $component with_types_in $crate::bindings::on_timer
        );
    };
    (OnLog $component:ident) => {
        $crate::bindings::on_log::export_on_log!(
            $component with_types_in $crate::bindings::on_log
        );
    };
    (Handler $component:ident) => {
        $crate::bindings::on_handle::export_on_handle!(
            $component with_types_in $crate::bindings::on_handle
        );
    };
    ($other:ident $component:ident) => {
        ::std::compile_error!(
            "a plugin is one or more of `OnRequest`, `OnRequestBody`, `OnResponse`, `OnResponseBody`, `OnLog`, `OnTick` and `Handler`"
        );
    };
}

/// A native build exports nothing, so that many plugins can be linked into one test.
#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_lifecycle {
    ($component:ident) => {
        const _: fn() = || $crate::guest::check_plugin::<$component>();
    };
}

/// A native build checks only that the phase is there.
#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_phase {
    (OnRequest $component:ident) => {
        const _: fn() = || $crate::guest::check_on_request::<$component>();
    };
    (OnRequestBody $component:ident) => {
        const _: fn() = || $crate::guest::check_on_request_body::<$component>();
    };
    (OnResponse $component:ident) => {
        const _: fn() = || $crate::guest::check_on_response::<$component>();
    };
    (OnResponseBody $component:ident) => {
        const _: fn() = || $crate::guest::check_on_response_body::<$component>();
    };
    (OnTick $component:ident) => {
        const _: fn() = || $crate::guest::check_on_tick::<$component>();
    };
    (OnLog $component:ident) => {
        const _: fn() = || $crate::guest::check_on_log::<$component>();
    };
    (Handler $component:ident) => {
        const _: fn() = || $crate::guest::check_handler::<$component>();
    };
    ($other:ident $component:ident) => {
        ::std::compile_error!(
            "a plugin is one or more of `OnRequest`, `OnRequestBody`, `OnResponse`, `OnResponseBody`, `OnLog`, `OnTick` and `Handler`"
        );
    };
}

/// Compiles for components only.
pub const fn check_plugin<C: lifecycle::Guest>() {}

/// Compiles for components with a request phase only.
pub const fn check_on_request<C: request_phase::Guest>() {}

/// Compiles for components with a body phase of requests only.
pub const fn check_on_request_body<C: request_body_phase::Guest>() {}

/// Compiles for components with a body phase of responses only.
pub const fn check_on_response_body<C: response_body_phase::Guest>() {}

/// Compiles for components with a response phase only.
pub const fn check_on_response<C: response_phase::Guest>() {}

/// Compiles for components with a timer only.
pub const fn check_on_tick<C: timer::Guest>() {}

/// Compiles for components with a log phase only.
pub const fn check_on_log<C: log_phase::Guest>() {}

/// Compiles for components that can be the end of a route only.
pub const fn check_handler<C: handler::Guest>() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_of_a_first_party_crate_has_the_name_without_the_prefix() {
        assert_eq!(name("plugin-rate-limit"), "rate-limit");
        assert_eq!(name("hello"), "hello");
        assert_eq!(name("plugin-"), "plugin-");
        assert_eq!(name("my-plugin-x"), "my-plugin-x");
    }
}

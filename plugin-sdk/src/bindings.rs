//! What wit-bindgen makes of `wit/`: one module for each world, with the types of the first.
//!
//! The only place of this crate with unsafe code; none of it is written by hand.
#![allow(unsafe_code, reason = "the canonical ABI passes pointers")]
#![allow(missing_docs, reason = "the documentation is in the WIT, not every item needs one")]
#![allow(clippy::all, clippy::pedantic, clippy::restriction, reason = "generated")]
#![allow(unreachable_pub, unnameable_types, unused_qualifications, reason = "generated")]

pub mod plugin {
    wit_bindgen::generate!({
        path: "../wit",
        world: "plugin",
        pub_export_macro: true,
        export_macro_name: "export_plugin",
        default_bindings_module: "tidegate_plugin::bindings::plugin",
        additional_derives: [PartialEq],
        generate_all,
    });
}

pub mod on_request {
    wit_bindgen::generate!({
        path: "../wit",
        world: "on-request",
        pub_export_macro: true,
        export_macro_name: "export_on_request",
        default_bindings_module: "tidegate_plugin::bindings::on_request",
        with: { "tidegate:plugin/types@0.1.0": crate::bindings::plugin::tidegate::plugin::types },
    });
}

pub mod on_response {
    wit_bindgen::generate!({
        path: "../wit",
        world: "on-response",
        pub_export_macro: true,
        export_macro_name: "export_on_response",
        default_bindings_module: "tidegate_plugin::bindings::on_response",
        with: { "tidegate:plugin/types@0.1.0": crate::bindings::plugin::tidegate::plugin::types },
    });
}

pub mod on_request_body {
    wit_bindgen::generate!({
        path: "../wit",
        world: "on-request-body",
        pub_export_macro: true,
        export_macro_name: "export_on_request_body",
        default_bindings_module: "tidegate_plugin::bindings::on_request_body",
        with: { "tidegate:plugin/types@0.1.0": crate::bindings::plugin::tidegate::plugin::types },
    });
}

pub mod on_response_body {
    wit_bindgen::generate!({
        path: "../wit",
        world: "on-response-body",
        pub_export_macro: true,
        export_macro_name: "export_on_response_body",
        default_bindings_module: "tidegate_plugin::bindings::on_response_body",
        with: { "tidegate:plugin/types@0.1.0": crate::bindings::plugin::tidegate::plugin::types },
    });
}

pub mod on_timer {
    wit_bindgen::generate!({
        path: "../wit",
        world: "on-timer",
        pub_export_macro: true,
        export_macro_name: "export_on_timer",
        default_bindings_module: "tidegate_plugin::bindings::on_timer",
    });
}

pub mod on_log {
    wit_bindgen::generate!({
        path: "../wit",
        world: "on-log",
        pub_export_macro: true,
        export_macro_name: "export_on_log",
        default_bindings_module: "tidegate_plugin::bindings::on_log",
        additional_derives: [PartialEq],
        with: { "tidegate:plugin/types@0.1.0": crate::bindings::plugin::tidegate::plugin::types },
    });
}

pub mod on_handle {
    wit_bindgen::generate!({
        path: "../wit",
        world: "on-handle",
        pub_export_macro: true,
        export_macro_name: "export_on_handle",
        default_bindings_module: "tidegate_plugin::bindings::on_handle",
        additional_derives: [PartialEq],
        with: { "tidegate:plugin/types@0.1.0": crate::bindings::plugin::tidegate::plugin::types },
    });
}

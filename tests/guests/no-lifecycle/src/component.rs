//! Made by hand, because the SDK exports `lifecycle` always.

#![allow(unsafe_code, missing_docs, reason = "generated")]
#![allow(clippy::all, clippy::pedantic, clippy::restriction, reason = "generated")]
#![allow(unreachable_pub, unnameable_types, unused_qualifications, reason = "generated")]

use exports::tidegate::plugin::request_phase::{Guest, RequestAction};

wit_bindgen::generate!({
    path: "../../../wit",
    world: "tidegate:plugin/on-request",
    generate_all,
});

struct NoLifecycle;

impl Guest for NoLifecycle {
    fn on_request() -> RequestAction {
        RequestAction::Forward
    }
}

export!(NoLifecycle);

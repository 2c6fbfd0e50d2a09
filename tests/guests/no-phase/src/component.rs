//! Made by hand, because the SDK asks for a phase.

#![allow(unsafe_code, missing_docs, reason = "generated")]
#![allow(clippy::all, clippy::pedantic, clippy::restriction, reason = "generated")]
#![allow(unreachable_pub, unnameable_types, unused_qualifications, reason = "generated")]

use exports::tidegate::plugin::lifecycle::{ConfigError, Description, Guest};

wit_bindgen::generate!({
    path: "../../../wit",
    world: "tidegate:plugin/plugin",
    generate_all,
});

struct NoPhase;

impl Guest for NoPhase {
    fn describe() -> Description {
        Description {
            name: "no-phase".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "does nothing".to_owned(),
            config_schema: "{}".to_owned(),
        }
    }

    fn configure(_: String) -> Result<(), ConfigError> {
        Ok(())
    }
}

export!(NoPhase);

//! Made by hand, because the SDK knows one version.

#![allow(unsafe_code, missing_docs, reason = "generated")]
#![allow(clippy::all, clippy::pedantic, clippy::restriction, reason = "generated")]
#![allow(unreachable_pub, unnameable_types, unused_qualifications, reason = "generated")]

wit_bindgen::generate!({
    inline: r"
        package tidegate:plugin@0.2.0;

        interface lifecycle {
            configure: func(config: string) -> result<_, string>;
        }

        interface request-phase {
            on-request: func();
        }

        world plugin {
            export lifecycle;
            export request-phase;
        }
    ",
});

struct OldContract;

impl exports::tidegate::plugin::lifecycle::Guest for OldContract {
    fn configure(_: String) -> Result<(), String> {
        Ok(())
    }
}

impl exports::tidegate::plugin::request_phase::Guest for OldContract {
    fn on_request() {}
}

export!(OldContract);

//! An interface of somebody else.

#![allow(unsafe_code, missing_docs, reason = "generated")]
#![allow(clippy::all, clippy::pedantic, clippy::restriction, reason = "generated")]
#![allow(unreachable_pub, unnameable_types, unused_qualifications, reason = "generated")]

wit_bindgen::generate!({
    inline: r"
        package company:tools@1.0.0;

        interface vault {
            read: func(name: string) -> string;
        }

        world tool {
            import vault;
        }
    ",
});

//! Answers and writes what no gateway may send, as the path says.

use tidegate_plugin::{Answer, ConfigError, NoConfig, OnRequest, Plugin, RequestAction, request};

struct Lies;

impl Plugin for Lies {
    type Config = NoConfig;

    const SUMMARY: &'static str = "breaks the rules for answers and headers";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl OnRequest for Lies {
    fn on_request(&self) -> RequestAction {
        let path = request::path();
        let lie = path.rsplit('/').next().unwrap_or_default();
        match lie {
            "status" => Answer::new(999).into(),
            "informational" => Answer::new(101).into(),
            "framing" => Answer::new(200).header("transfer-encoding", "chunked").into(),
            "length" => Answer::new(200).header("content-length", "1").text("longer").into(),
            "splitting" => Answer::new(200).header("x-a", "b\r\nset-cookie: c=d").into(),
            "name" => Answer::new(200).header("a b", "c").into(),
            _ => report(),
        }
    }
}

/// Answers with what the host said to each write.
fn report() -> RequestAction {
    let tries: [(&str, &[u8]); 8] = [
        ("x-good", b"a\tb \xff"),
        ("x-bad", b"b\r\nset-cookie: c=d"),
        ("x-null", b"\0"),
        ("a b", b"c"),
        ("", b"c"),
        ("Host", b"evil.test"),
        ("content-length", b"1"),
        ("connection", b"close"),
    ];
    let words = tries.map(|(name, value)| match request::set_header(name, value) {
        Ok(()) => "ok",
        Err(error) => error.name(),
    });
    let paths =
        ["/a b", "a", "/a\r\nb", "/a?b", "/a%zz"].map(|path| request::set_path(path).is_ok());
    Answer::json(200, &(words, paths)).into()
}

tidegate_plugin::export!(Lies: OnRequest);

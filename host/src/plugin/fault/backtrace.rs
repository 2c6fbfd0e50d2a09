//! Where in its code a guest was stopped.

use std::fmt::Write as _;

use wasmtime::{FrameSymbol, WasmBacktrace};

/// Parts of paths that are not of the plugin's own code: the standard library, what cargo fetched,
/// and the SDK.
const FOREIGN: [&str; 5] =
    ["/rustc/", "/library/std/", "/library/core/", "/.cargo/registry/", "/plugin-sdk/src/"];

/// The functions, innermost first, each with file and line where the component has debug information;
/// functions that the compiler has put into others are named, too.
pub(super) fn describe(backtrace: &WasmBacktrace) -> String {
    let mut text = String::new();
    for frame in backtrace.frames() {
        if frame.symbols().is_empty() {
            push(&mut text, frame.func_name(), None);
        }
        for symbol in frame.symbols() {
            push(&mut text, symbol.name().or(frame.func_name()), place(symbol));
        }
    }
    text
}

/// The innermost place that the plugin's author has written, if the component has debug information.
pub(super) fn own_place(backtrace: &WasmBacktrace) -> Option<String> {
    let symbols = backtrace.frames().iter().flat_map(wasmtime::FrameInfo::symbols);
    symbols.filter_map(place).find(|place| !FOREIGN.iter().any(|foreign| place.contains(foreign)))
}

fn push(text: &mut String, name: Option<&str>, place: Option<String>) {
    let separator = if text.is_empty() { "" } else { " < " };
    let name = rustc_demangle::demangle(name.unwrap_or("?"));
    // Writing to a String does not fail.
    let _infallible = write!(text, "{separator}{name:#}");
    if let Some(place) = place {
        let _infallible = write!(text, " ({place})");
    }
}

fn place(symbol: &FrameSymbol) -> Option<String> {
    Some(format!("{}:{}", symbol.file()?, symbol.line()?))
}

use crate::cli::run;

struct Ended {
    code: u8,
    out: String,
    err: String,
}

fn ended(arguments: &[&str]) -> Ended {
    let arguments = ["tidegate", "plugin"].iter().chain(arguments);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = run(arguments.copied(), &mut out, &mut err);
    let text = |bytes| String::from_utf8(bytes).expect("a text");
    Ended { code, out: text(out), err: text(err) }
}

#[test]
fn the_schema_alone_is_json() {
    let ended = ended(&["inspect", "jwt", "--schema"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    let schema: serde_json::Value = serde_json::from_str(&ended.out).expect("JSON");
    assert!(schema["properties"]["issuers"].is_object(), "{schema:#}");
}

#[test]
fn a_component_that_cannot_be_loaded_is_shown_and_gives_1() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("core.wasm");
    std::fs::write(&file, b"\0asm\x01\0\0\0").expect("written");
    let ended = ended(&["inspect", file.to_str().expect("a text")]);
    assert_eq!(ended.code, 1);
    assert!(ended.out.contains("\nsize       8 B\n"), "{}", ended.out);
    assert!(ended.err.contains("is a core module, not a component"), "{}", ended.err);
    assert!(ended.err.contains("= hint: build it for wasm32-wasip2"), "{}", ended.err);
}

#[test]
fn what_is_not_there_gives_2_or_1_with_what_there_is() {
    let missing = ended(&["inspect", "missing/x.wasm"]);
    assert_eq!((missing.code, missing.out.as_str()), (2, ""));
    assert!(missing.err.contains("there is no file `missing/x.wasm`"), "{}", missing.err);
    let unknown = ended(&["inspect", "jwtt"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("did you mean `jwt`?"), "{}", unknown.err);
}

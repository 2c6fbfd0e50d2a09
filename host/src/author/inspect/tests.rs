use super::*;

fn embedded(name: &str) -> Report {
    inspect(&Component::Named(name.to_owned())).expect("it is embedded")
}

#[test]
fn a_component_is_told_with_what_it_needs() {
    let report = embedded("rate-limit");
    let text = report.text();
    for line in [
        "name       rate-limit 0.1.0\n",
        "file       rate-limit (part of the gateway)\n",
        "contract   0.1.0\n",
        "grants     grants = [\"counter\", \"metrics\"]\n",
        "others     none\n",
        "snapshot   yes, instances start configured\n",
        "backtrace  with function names\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    assert!(report.is_fit());
    assert_eq!(report.schema().expect("a schema")["type"], "object");
    assert_eq!(report.json()["grants"], json!(["counter", "metrics"]));
    assert_eq!(report.json()["snapshot"], json!(true));
}

#[test]
fn what_is_no_component_is_told_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("text.wasm");
    std::fs::write(&file, "not WebAssembly").expect("written");
    let report = inspect(&Component::File(file)).expect("a report");
    assert!(!report.is_fit());
    assert!(report.findings()[0].message().ends_with("is not WebAssembly"));
    assert_eq!(report.json()["bytes"], json!(15));
    assert_eq!(report.json()["snapshot"], Value::Null);
}

#[test]
fn sizes_are_in_the_unit_that_people_use() {
    assert_eq!(size(1023), "1023 B");
    assert_eq!(size(1536), "1.5 KiB");
    assert_eq!(size(5 << 20), "5.0 MiB");
}

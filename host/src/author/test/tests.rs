use tempfile::TempDir;

use super::*;

/// A folder with one fixture.
fn folder(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.toml");
    fs::write(&file, text).expect("written");
    (folder, file)
}

fn tried(file: &Path, options: &Options) -> Report {
    run(None, file.to_owned(), options).unwrap_or_else(|error| panic!("{error}"))
}

/// All that is said of a fixture's cases.
fn said(text: &str) -> String {
    let (_folder, file) = folder(text);
    tried(&file, &Options::default()).text()
}

const LIMIT: &str =
    "component = \"rate-limit\"\n[config]\nlimit = 2\nper = \"hour\"\nby = \"ip\"\n";

#[test]
fn cases_share_the_state_of_their_file() {
    let text = format!(
        "{LIMIT}
[[case]]
name = \"two are let through\"
repeat = 2
expect = {{ status = 200, answered_by = \"upstream\", forwarded = true }}

[[case]]
name = \"the third is not\"
expect = {{ status = 429, answered_by = \"plugin\", forwarded = false, headers = {{ retry-after = {{ matches = \"^[0-9]+$\" }} }} }}

[[case]]
name = \"somebody else is\"
request = {{ client = \"192.0.2.9\" }}
expect = {{ status = 200, attributes = {{ \"ratelimit.remaining\" = 1 }} }}
"
    );
    let said = said(&text);
    assert!(said.contains("ok     two are let through\n"), "{said}");
    assert!(said.contains("ok     the third is not\n"), "{said}");
    assert!(said.contains("ok     somebody else is\n"), "{said}");
}

#[test]
fn what_is_sent_and_answered_is_compared() {
    let text = format!(
        "{LIMIT}
[[case]]
name = \"a\"
request = {{ method = \"POST\", url = \"https://api.example.com/a?b=1\", headers = {{ x-a = [\"1\", \"2\"] }}, body = \"ping\" }}
upstream = {{ status = 201, headers = {{ x-b = [\"3\", \"4\"] }}, body = \"pong\" }}
expect = {{ status = 201, method = \"POST\", path = \"/a\", query = \"b=1\", body = \"pong\", body_matches = \"^p\", upstream_body = \"ping\", headers = {{ x-b = [\"3\", \"4\"], x-c = {{ absent = true }} }}, upstream_headers = {{ x-a = [\"1\", \"2\"], x-forwarded-proto = \"https\", x-forwarded-for = \"192.0.2.1\", host = \"api.example.com\" }} }}

[[case]]
name = \"b\"
upstream = {{ unreachable = true }}
expect = {{ status = 502, answered_by = \"gateway\", forwarded = false }}
"
    );
    let said = said(&text);
    assert!(said.contains("ok     a\n") && said.contains("ok     b\n"), "{said}");
}

#[test]
fn what_differs_is_shown_at_what_was_expected() {
    let text = format!(
        "{LIMIT}
[[case]]
name = \"wrong\"
expect = {{ status = 403, answered_by = \"plugin\", headers = {{ x-a = \"1\" }}, logs = [\"no\"] }}

[[case]]
name = \"empty\"
"
    );
    let said = said(&text);
    for part in [
        "FAILED wrong\n",
        "a.toml:9:21",
        "case `wrong`: the status is 200, not 403",
        "the answer's source is \"upstream\", not \"plugin\"",
        "the header `x-a` is absent",
        "no message was logged with \"no\"",
        "FAILED empty\n",
        "case `empty`: nothing is expected",
        "write `expect = { status = 200, answered_by = \"upstream\" }`, or let `--update` do it",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

#[test]
fn update_writes_what_came() {
    let text = format!(
        "{LIMIT}\n[[case]]\nname = \"a\"\nexpect = {{ status = 403, body = \"x\" }}\n\n[[case]]\nname = \"b\"\n"
    );
    let (_folder, file) = folder(&text);
    let update = Options { update: true, ..Options::default() };
    assert_eq!(tried(&file, &update).updates, 3);
    let updated = fs::read_to_string(&file).expect("a text");
    let wanted = text.replace("403", "200").replace("\"x\"", "\"\"")
        + "expect = { status = 200, answered_by = \"upstream\" }\n";
    assert_eq!(updated, wanted);
    let again = tried(&file, &Options::default());
    assert_eq!((again.failed(), again.cases.len()), (0, 2), "{}", again.text());
}

#[test]
fn a_filter_shows_some_cases_and_tries_those_before_them() {
    let text = format!(
        "{LIMIT}\n[[case]]\nname = \"first\"\nrepeat = 2\n\n[[case]]\nname = \"then\"\nexpect = {{ status = 429 }}\n"
    );
    let (_folder, file) = folder(&text);
    let options = Options { filter: Some("the".to_owned()), ..Options::default() };
    let report = tried(&file, &options);
    assert_eq!((report.failed(), report.cases.len()), (0, 1), "{}", report.text());
}

#[test]
fn lines_that_a_plugin_writes_are_compared() {
    let said = said(
        "component = \"access-log\"\n\n[[case]]\nname = \"one line\"\n\
         request = { url = \"/a\" }\nexpect = { status = 200, lines = { stdout = \"/a\" } }\n",
    );
    assert!(said.contains("ok     one line\n"), "{said}");
}

#[test]
fn a_configuration_that_is_refused_is_shown_in_the_fixture() {
    let (_folder, file) =
        folder("component = \"rate-limit\"\n[config]\nlimit = 0\nper = \"hour\"\n");
    let error = run(None, file, &Options::default()).expect_err("it is refused").to_string();
    assert!(error.contains("a.toml:3:9"), "{error}");
}

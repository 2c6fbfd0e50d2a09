//! The documentation is true: its configurations load, its links lead somewhere, and its tables say
//! what the code does.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use tidegate::config::{self, Loaded};
use tidegate::failure::Failure;
use tidegate::plugin::{Engine, FunctionCache, Services};
use tidegate::snapshot::{Builder, Purpose};
use tidegate::state::output::Outputs;

/// Long enough for every key that an example takes from the environment.
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The components of this workspace that are no part of the gateway.
mod built {
    #![allow(dead_code, missing_docs, unreachable_pub, reason = "generated, more than is needed")]

    type Plugin = std::path::PathBuf;

    fn component(file: &str) -> Plugin {
        file.into()
    }

    include!(concat!(env!("OUT_DIR"), "/guests.rs"));
}

/// A whole configuration that a reader may copy.
struct Example {
    /// File and line.
    place: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the workspace").to_owned()
}

/// The files below these places that have this ending, sorted.
fn files(places: &[&str], ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left: Vec<PathBuf> = places.iter().map(|place| root().join(place)).collect();
    while let Some(place) = left.pop() {
        if place.is_dir() {
            left.extend(fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()));
        } else if place.to_str().is_some_and(|path| path.ends_with(ending)) {
            found.push(place);
        }
    }
    found.sort();
    found
}

/// Everything written for readers.
fn documents() -> Vec<PathBuf> {
    let places = [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "benches/side-by-side/README.md",
        "docs",
        "examples",
        "plugin-sdk",
        "plugins",
        "wit",
    ];
    files(&places, ".md")
}

fn name_of(file: &Path) -> String {
    file.strip_prefix(root()).unwrap().display().to_string()
}

/// The blocks of TOML that are a whole file, and the files themselves.
fn examples() -> Vec<Example> {
    let mut examples = Vec::new();
    for file in documents() {
        let text = fs::read_to_string(&file).unwrap();
        let mut block: Option<Example> = None;
        for (index, line) in text.lines().enumerate() {
            match (line, &mut block) {
                ("```toml", None) => {
                    let place = format!("{}:{}", name_of(&file), index + 2);
                    block = Some(Example { place, text: String::new() });
                }
                ("```", Some(_)) => examples.extend(block.take()),
                (line, Some(block)) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (_, None) => {}
            }
        }
        assert!(block.is_none(), "{} has a block without an end", name_of(&file));
    }
    examples.retain(|example| example.text.contains("[[listeners]]"));
    for file in files(&["examples"], "gateway.toml") {
        let text = fs::read_to_string(&file).unwrap();
        examples.push(Example { place: name_of(&file), text });
    }
    examples
}

/// What the examples refer to, in a folder: components, a certificate with its key, and a secret.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("plugins")).unwrap();
    fs::copy(built::hello(), folder.path().join("plugins/hello.wasm")).unwrap();
    fs::copy(built::shop(), folder.path().join("plugins/shop.wasm")).unwrap();
    fs::copy(built::mock(), folder.path().join("plugins/mock.wasm")).unwrap();
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.path().join("cert.pem"), certified.cert.pem()).unwrap();
    fs::write(folder.path().join("key.pem"), certified.signing_key.serialize_pem()).unwrap();
    let authority = tidegate_tests::tls::authority("clients");
    fs::write(folder.path().join("clients.pem"), authority.pem()).unwrap();
    for (name, host) in
        [("default", "example.com"), ("wildcard", "*.example.com"), ("shop", "shop.example.com")]
    {
        let issued = authority.issue(&[host]);
        fs::write(folder.path().join(format!("{name}.pem")), &issued.pem).unwrap();
        fs::write(folder.path().join(format!("{name}.key")), &issued.key).unwrap();
    }
    // An empty sequence: nobody looks into it.
    fs::write(folder.path().join("shop.der"), [0x30, 0x00]).unwrap();
    fs::create_dir(folder.path().join("keys")).unwrap();
    fs::write(folder.path().join("keys/partner.key"), SECRET).unwrap();
    folder
}

/// Loads an example as a gateway.toml in this folder. Of the environment it has what has no default
/// and is written as variables are.
fn load(example: &Example, folder: &Path) -> Loaded {
    let file = folder.join("gateway.toml");
    fs::write(&file, &example.text).unwrap();
    let environment = |name: &str| {
        let has_default = example.text.contains(&format!("${{{name}:-"));
        let is_set = !has_default && !name.contains(|c: char| c.is_ascii_lowercase());
        is_set.then(|| SECRET.to_owned())
    };
    match config::load(&file, &environment) {
        Ok(loaded) => loaded,
        Err(findings) => panic!("{}:\n{findings}", example.place),
    }
}

/// What `tidegate check` builds with.
fn builder(cache: &Path) -> Builder {
    let text = "[[listeners]]\naddress = \"127.0.0.1:0\"\n";
    let limits = config::load_text("gateway.toml", text, &|_| None).unwrap().config.limits;
    let services = Services::new(&limits, Outputs::open(&[], None).unwrap());
    let cache = FunctionCache::new(Some(cache.to_owned()));
    Builder::new(Arc::new(Engine::new(100, cache).unwrap()), services)
}

#[test]
fn every_configuration_that_the_documentation_shows_is_a_good_one() {
    let examples = examples();
    assert!(examples.len() > 20, "only {} examples were found", examples.len());
    let folder = folder();
    let builder = builder(&folder.path().join("cache"));
    for example in examples {
        let loaded = load(&example, folder.path());
        let is_whole = example.text.contains("[[routes]]");
        if is_whole {
            assert_eq!(loaded.warnings, [], "{}", example.place);
        }
        if let Err(findings) = builder.build(&loaded, None, Purpose::Check) {
            panic!("{}:\n{findings}", example.place);
        }
    }
}

#[test]
fn the_configuration_of_the_readme_is_the_example_for_django() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let example = fs::read_to_string(root().join("examples/django/gateway.toml")).unwrap();
    assert!(readme.contains(&format!("```toml\n{example}```\n")));
}

#[test]
fn the_plugin_of_the_readme_is_that_of_the_sdk() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let sdk = fs::read_to_string(root().join("plugin-sdk/README.md")).unwrap();
    let (_, code) = readme.split_once("```rust\n").unwrap();
    let (code, _) = code.split_once("```\n").unwrap();
    assert!(sdk.contains(code), "plugin-sdk/README.md does not hold:\n{code}");
}

#[test]
fn the_plugin_for_bodies_is_the_one_that_the_crates_documentation_tests() {
    let sdk = fs::read_to_string(root().join("plugin-sdk/README.md")).unwrap();
    let lib = fs::read_to_string(root().join("plugin-sdk/src/lib.rs")).unwrap();
    let (_, code) = sdk.split_once("on the same instance:\n\n```rust\n").unwrap();
    let (code, _) = code.split_once("```\n").unwrap();
    for line in code.lines().filter(|line| !line.is_empty()) {
        assert!(lib.contains(&format!("//! {line}\n")), "{line}");
    }
}

#[test]
fn every_link_within_the_documentation_leads_somewhere() {
    let mut broken = Vec::new();
    for file in documents() {
        let text = fs::read_to_string(&file).unwrap();
        for target in links(&text) {
            if !leads_somewhere(&file, &text, target) {
                broken.push(format!("{}: {target}", name_of(&file)));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

/// The targets of all inline links outside blocks of code.
fn links(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in prose(text) {
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("](") {
            let Some((target, after)) = after.split_once(')') else { break };
            found.push(target);
            rest = after;
        }
    }
    found
}

/// The lines outside blocks of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut within = false;
    text.lines().filter(move |line| {
        if line.trim_start().starts_with("```") {
            within = !within;
            return false;
        }
        !within
    })
}

fn leads_somewhere(file: &Path, text: &str, target: &str) -> bool {
    if target.starts_with("https://") {
        return true;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let other = file.parent().unwrap().join(path);
    if path.is_empty() {
        return headings(text).contains(anchor);
    }
    if anchor.is_empty() {
        return other.exists();
    }
    fs::read_to_string(other).is_ok_and(|text| headings(&text).contains(anchor))
}

/// What headings are called in links: lower-case, hyphens for spaces, without punctuation.
fn headings(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_failure_is_explained_with_its_token_and_status() {
    let page = fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let failures = [
        Failure::RequestMalformed(""),
        Failure::RequestHeadTimeout,
        Failure::RequestBodyTimeout,
        Failure::RequestHeadTooLarge,
        Failure::RequestBodyTooLarge,
        Failure::ClientGone,
        Failure::RouteNotFound,
        Failure::MethodNotSupported,
        Failure::Overloaded(""),
        Failure::DnsError,
        Failure::DestinationUnavailable,
        Failure::BreakerOpen { retry_after_s: 1 },
        Failure::UpstreamOverloaded(""),
        Failure::ConnectionRefused,
        Failure::ConnectionTimeout,
        Failure::ConnectionTerminated,
        Failure::ConnectionError,
        Failure::TlsCertificateError,
        Failure::TlsProtocolError,
        Failure::TlsAlertReceived,
        Failure::ResponseMalformed,
        Failure::ResponseTimeout,
        Failure::RouteTimeout,
        Failure::RouteGone,
        Failure::PluginTrap,
        Failure::PluginTimeout,
    ];
    for failure in failures {
        let row = format!("\n| `{}` | {} |", failure.token(), failure.status());
        assert!(page.contains(&row), "{row}");
    }
    let framing = Failure::Malformed { status: 400, reason: "" };
    let row = format!("\n| `{}` | 400, 414, 417, 431, 501, 505 |", framing.token());
    assert!(page.contains(&row), "{row}");
}

/// Metrics that a document lists: the type and labels of each by its name, `_total` included.
type Listed = std::collections::BTreeMap<String, (String, BTreeSet<String>)>;

/// The words in backticks of a cell.
fn ticked(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// As docs/metrics.md has them.
fn documented_metrics() -> Listed {
    let page = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `tidegate_"));
    rows.map(|row| {
        let (name, rest) = row.split_once("` | ").unwrap();
        let mut cells = rest.split(" |");
        let kind = cells.next().unwrap().trim().to_owned();
        (format!("tidegate_{name}"), (kind, ticked(cells.next().unwrap())))
    })
    .collect()
}

/// As `/metrics` shows them; labels only of those that have a sample.
fn shown_metrics(text: &str) -> Listed {
    let mut shown = Listed::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|it| it.split_once(' ')) {
            let suffix = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            shown.insert(format!("{name}{suffix}"), (kind.to_owned(), BTreeSet::new()));
        } else if let Some((series, labels)) = line.split_once('{')
            && let Some((_, known)) = shown.get_mut(series.trim_end_matches("_count"))
        {
            // No value in this test holds a comma.
            let names = labels.split(',').filter_map(|label| label.split_once('='));
            known.extend(names.map(|(name, _)| name.to_owned()));
        }
    }
    shown
}

#[tokio::test]
async fn every_metric_is_documented_with_its_type_and_labels() {
    use tidegate_tests::{gateway, guest, origin};

    let origin = origin::replying("ok").await;
    let answers = guest::answers().config(r#"{ path = "/stop" }"#);
    let gateway = gateway::before(&origin).route("/", [answers]).start().await;
    for path in ["/", "/stop"] {
        gateway.get(path).await;
    }
    gateway.metric_becomes("tidegate_request_duration_seconds_count{route=\"root\"}", 2.0).await;

    let shown = shown_metrics(gateway.admin("/metrics").await.text());
    let documented = documented_metrics();
    let names = |metrics: &Listed| metrics.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&documented), names(&shown));
    for (name, (kind, labels)) in &shown {
        let (documented_kind, documented_labels) = &documented[name];
        assert_eq!(documented_kind, kind, "{name}");
        if !labels.is_empty() {
            assert_eq!(documented_labels, labels, "{name}");
        }
    }
    assert!(shown.values().filter(|(_, labels)| !labels.is_empty()).count() > 20);
}

#[test]
fn the_component_of_wasi_http_that_is_shown_is_the_one_that_is_tested() {
    let page = fs::read_to_string(root().join("docs/plugins.md")).unwrap();
    let code = fs::read_to_string(root().join("tests/guests/shop/src/component.rs")).unwrap();
    assert!(page.contains(&format!("```rust\n{code}```")));
}

#[test]
fn every_interface_of_the_contract_is_in_its_index() {
    let index = fs::read_to_string(root().join("wit/README.md")).unwrap();
    for file in files(&["wit"], ".wit") {
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(index.contains(&format!("[{name}]({name})")), "{name}");
        for line in fs::read_to_string(&file).unwrap().lines() {
            if let Some(interface) = line.strip_prefix("interface ") {
                let interface = interface.trim_end_matches(" {");
                assert!(index.contains(&format!("`{interface}`")), "{interface}");
            }
        }
    }
}

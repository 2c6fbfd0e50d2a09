//! What is refused when it is loaded, with a text that says where and what to do.

use tidegate_tests::guest::{self, Plugin};
use tidegate_tests::{gateway, origin, process};

use crate::TIDEGATE;

/// The findings of a gateway that has this plugin only.
async fn findings(plugin: Plugin) -> String {
    let origin = origin::replying("ok").await;
    gateway::before(&origin).route("/", [plugin]).refusal().await
}

#[track_caller]
fn says(findings: &str, texts: &[&str]) {
    for text in texts {
        assert!(findings.contains(text), "`{text}` is not in\n{findings}");
    }
}

#[tokio::test]
async fn an_import_that_nobody_offers() {
    let findings = findings(guest::unknown_import()).await;
    says(
        &findings,
        &[
            "imports `company:tools/vault@1.0.0`, which is not offered",
            "gateway.toml:",
            "component = ",
            "^^^^",
            "hint: a plugin may import the interfaces of `tidegate:plugin`",
        ],
    );
}

#[tokio::test]
async fn a_version_of_the_contract_that_is_not_supported() {
    let findings = findings(guest::old_contract()).await;
    says(&findings, &["tidegate:plugin/lifecycle@0.2.0", "0.1.0"]);
}

#[tokio::test]
async fn a_component_without_lifecycle() {
    let findings = findings(guest::no_lifecycle()).await;
    says(&findings, &["does not export `tidegate:plugin/lifecycle@0.1.0`"]);
}

#[tokio::test]
async fn a_component_without_a_phase() {
    let findings = findings(guest::no_phase()).await;
    says(&findings, &["exports no phase", "`log-phase`, `timer` and `handler`"]);
}

#[tokio::test]
async fn capabilities_that_were_not_granted() {
    let findings = findings(guest::capabilities().grants("kv")).await;
    says(
        &findings,
        &[
            "plugin `capabilities` needs what is not granted: ",
            "write `grants = [\"kv\", \"counter\", \"crypto\", \"metrics\", \"output\"]`",
        ],
    );
}

#[tokio::test]
async fn a_configuration_that_the_plugin_refuses_is_shown_at_its_value() {
    let plugin =
        guest::refuses().key("[plugins.refuses.config]\ngroups = [{ size = 3 }, { size = 11 }]");
    let findings = findings(plugin).await;
    says(
        &findings,
        &[
            "a size is from 1 to 10",
            "groups = [{ size = 3 }, { size = 11 }]\n",
            "                                  ^^",
        ],
    );
}

#[tokio::test]
async fn a_key_that_the_plugin_does_not_know() {
    let plugin = guest::refuses().config("{ groups = [], colour = \"red\" }");
    let findings = findings(plugin).await;
    says(&findings, &["unknown field `colour`", "colour = \"red\""]);
}

#[tokio::test]
async fn a_panic_in_configure() {
    let findings = findings(guest::panics().config("{ panic = true }")).await;
    says(&findings, &["plugin `panics` failed in `configure`", "panicking"]);
}

#[tokio::test]
async fn an_endless_loop_in_configure() {
    let findings = findings(guest::loops().config(r#"{ phase = "configure" }"#)).await;
    says(&findings, &["plugin `loops` failed in"]);
}

#[tokio::test]
async fn a_component_that_is_nowhere() {
    let findings = findings(guest::component("rate-limits")).await;
    says(&findings, &["there is no component `rate-limits`", "did you mean `rate-limit`?"]);
}

#[tokio::test]
async fn files_that_are_no_components() {
    let origin = origin::replying("ok").await;
    let findings = gateway::before(&origin)
        .file("plugins/text.wasm", "not wasm")
        .file("plugins/core.wasm", b"\0asm\x01\0\0\0")
        .route("/", [guest::component("text"), guest::component("core")])
        .refusal()
        .await;
    says(
        &findings,
        &[
            "component `text` is not WebAssembly",
            "component `core` is a core module, not a component",
            "2 errors in ",
        ],
    );
}

#[tokio::test]
async fn every_mistake_is_shown_at_once_and_check_says_what_a_start_says() {
    let origin = origin::replying("ok").await;
    let builder = gateway::before(&origin)
        .route_with(
            "/a",
            [guest::refuses().config("{ groups = [{ size = 0 }] }")],
            "upstream = \"orign\"",
        )
        .route_with("/b", [guest::unknown_import()], "upstream = \"origin\"\ntimeot = \"1s\"");
    let (folder, _file) = builder.write();

    let check = process::run(TIDEGATE, &["check", "gateway.toml"], folder.path()).await;
    assert_eq!(check.code, Some(1));
    let run = process::run(TIDEGATE, &["run", "gateway.toml"], folder.path()).await;
    assert_eq!(run.code, Some(1));
    assert_eq!(check.stderr, run.stderr);
    says(
        &check.stderr,
        &["`orign`", "did you mean `origin`?", "timeot", "did you mean `timeout`?"],
    );
}

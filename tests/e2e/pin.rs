//! Components that are pinned by digest or signature.

use std::fs;
use std::path::Path;

use tidegate_tests::{gateway, guest, minisign, origin, process};

use crate::TIDEGATE;

#[tokio::test]
async fn a_component_of_another_digest_is_refused_with_the_one_that_was_found() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).route("/", [guest::empty()]).start().await;
    let digest = gateway.status().await["plugins"][0]["digest"].as_str().unwrap().to_owned();

    let pinned = |digest: &str| guest::empty().key(&format!("sha256 = {digest:?}"));
    let gateway = gateway::before(&origin).route("/", [pinned(&digest)]).start().await;
    assert_eq!(gateway.get("/").await.text(), "ok");

    let other = "0".repeat(64);
    let findings = gateway::before(&origin).route("/", [pinned(&other)]).refusal().await;
    for part in [
        "the component of plugin `empty` is not the one that is pinned",
        &format!("sha256 = \"{other}\"\n"),
        &format!("write `sha256 = \"{digest}\"`"),
    ] {
        assert!(findings.contains(part), "{part}: {findings}");
    }
}

#[tokio::test]
async fn components_from_files_are_signed_by_a_trusted_key() {
    let origin = origin::replying("ok").await;
    let content = fs::read(guest::empty().component()).unwrap();
    let signer = minisign::signer(1);
    let trusted = format!("trusted_keys = [{:?}]", signer.public_key());
    let signed_by = |signer: &minisign::Signer| {
        gateway::before(&origin)
            .setting(&trusted)
            .file("plugins/policy.wasm", &content)
            .file("plugins/policy.wasm.minisig", signer.sign(&content))
            .route("/", [guest::component("policy")])
            // An embedded component came with the gateway itself.
            .route("/log", [guest::component("access-log").config(r#"{ output = "stdout" }"#)])
    };
    let gateway = signed_by(&signer).start().await;
    assert_eq!(gateway.get("/").await.text(), "ok");

    let findings = signed_by(&minisign::signer(2)).refusal().await;
    // Both keys have the same id, as a forged one would.
    assert!(findings.contains("is not that of"), "{findings}");

    // A file that changes without its signature is refused, and taken up with it.
    let other = fs::read(guest::outside().component()).unwrap();
    let refused = gateway.running().refused_count() + 1;
    fs::write(gateway.path("plugins/policy.wasm"), &other).unwrap();
    gateway.running().wait_for_refused(refused).await;
    assert_eq!(gateway.get("/").await.text(), "ok");
    fs::write(gateway.path("plugins/policy.wasm.minisig"), signer.sign(&other)).unwrap();
    gateway.serves(2).await;
    assert_eq!(gateway.get("/").await.status(), 500);
}

#[tokio::test]
async fn a_missing_or_foreign_signature_is_refused_with_the_way_out() {
    let origin = origin::replying("ok").await;
    let signer = minisign::signer(1);
    let trusted = format!("trusted_keys = [{:?}]", signer.public_key());
    let findings =
        gateway::before(&origin).route("/", [guest::empty().key(&trusted)]).refusal().await;
    assert!(findings.contains("cannot be read: No such file"), "{findings}");
    assert!(findings.contains("minisign -Sm "), "{findings}");

    let named = guest::empty().key(&trusted).key("signature = \"empty.sig\"");
    let findings =
        gateway::before(&origin).file("empty.sig", "nonsense").route("/", [named]).refusal().await;
    assert!(findings.contains("empty.sig` is not a signature of minisign"), "{findings}");
}

#[tokio::test]
async fn a_rollback_puts_the_signature_back_as_well() {
    let origin = origin::replying("ok").await;
    let [first, second] =
        [guest::empty(), guest::keeps()].map(|guest| fs::read(guest.component()).unwrap());
    let signer = minisign::signer(1);
    let gateway = gateway::before(&origin)
        .setting("cache_dir = \"cache\"")
        .setting(&format!("trusted_keys = [{:?}]", signer.public_key()))
        .file("plugins/policy.wasm", &first)
        .file("plugins/policy.wasm.minisig", signer.sign(&first))
        .route("/", [guest::component("policy")])
        .start()
        .await;
    let signature = fs::read(gateway.path("plugins/policy.wasm.minisig")).unwrap();
    fs::write(gateway.path("plugins/policy.wasm.minisig"), signer.sign(&second)).unwrap();
    fs::write(gateway.path("plugins/policy.wasm"), &second).unwrap();
    gateway.serves(2).await;
    assert_eq!(gateway.get("/").await.header("x-calls"), Some("1"));

    let file = gateway.path("gateway.toml");
    let arguments = ["plugin", "rollback", "policy", file.to_str().unwrap()];
    let ended = process::run(TIDEGATE, &arguments, Path::new("/")).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(fs::read(gateway.path("plugins/policy.wasm.minisig")).unwrap(), signature);
    gateway.serves(3).await;
    assert_eq!(gateway.get("/").await.header("x-calls"), None);
}

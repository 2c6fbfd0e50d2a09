//! Several files.

use std::path::{Path, PathBuf};

use super::super::Component;
use super::folder::Folder;

const MAIN: &str = r#"
include = ["conf.d/*.toml", "extra.toml", "none/*.toml"]

[[listeners]]
address = "127.0.0.1:8080"
tls = { certificate = "cert.pem", key = "/etc/key.pem" }
"#;

const ROUTE: &str = r#"
[[routes]]
name = "orders"
match = { path = "/orders" }
upstream = "orders"
"#;

const UPSTREAM: &str = r#"
[upstreams.orders]
endpoints = ["http://127.0.0.1:9001"]
"#;

#[test]
fn included_files_are_read_in_the_order_of_patterns_and_names() {
    let folder = Folder::with(&[
        ("gateway.toml", MAIN),
        ("conf.d/b.toml", ROUTE),
        ("conf.d/a.toml", UPSTREAM),
        ("conf.d/.a.toml.swp.toml", "not TOML"),
        ("conf.d/a.toml.bak", "not TOML"),
        ("conf.d/deeper/c.toml", "not TOML"),
        ("extra.toml", "[outputs.access]\nfile = 'access.log'"),
    ]);
    let loaded = folder.load().unwrap();
    assert_eq!(
        folder.relative(loaded.sources.paths()),
        ["gateway.toml", "conf.d/a.toml", "conf.d/b.toml", "extra.toml"]
    );
    assert_eq!(
        folder.relative(loaded.sources.watched().patterns.iter().map(Path::new)),
        ["conf.d/*.toml", "extra.toml", "none/*.toml"]
    );
    assert_eq!(loaded.config.routes[0].name, "orders");
    assert_eq!(loaded.config.upstreams[0].name, "orders");
    assert_eq!(loaded.warnings, []);
}

#[test]
fn paths_are_relative_to_the_folder_of_the_main_file() {
    let folder = Folder::with(&[
        ("gateway.toml", MAIN),
        ("conf.d/a.toml", "[outputs.access]\nfile = 'logs/access.log'"),
        ("extra.toml", "[plugins.own]\ncomponent = 'own.wasm'"),
    ]);
    let config = folder.load().unwrap().config;
    let tls = config.listeners[0].tls.clone().unwrap();
    assert_eq!(tls.certificates[0].certificate, folder.path().join("cert.pem"));
    assert_eq!(tls.certificates[0].key, Path::new("/etc/key.pem"));
    assert_eq!(config.outputs[0].file, folder.path().join("logs/access.log"));
    assert_eq!(config.gateway.plugins_dir, folder.path().join("plugins"));
    assert_eq!(config.plugins[0].component, Component::File(folder.path().join("own.wasm")));
}

#[test]
fn findings_are_shown_in_the_file_where_they_are() {
    Folder::with(&[
        ("gateway.toml", MAIN),
        ("conf.d/a.toml", UPSTREAM),
        ("conf.d/b.toml", "\n[upstreams.orders]\nendpoints = []\n\n[gateway]\nworkers = 2"),
        ("extra.toml", "include = ['more.toml']"),
    ])
    .check(
        r#"
error: two upstreams are called `orders`
 --> conf.d/b.toml:1:12
  |
1 | [upstreams.orders]
  |            ^^^^^^ the second
  = hint: the first is at conf.d/a.toml:1

error: `gateway` does not belong in an included file
 --> conf.d/b.toml:4:2
  |
4 | [gateway]
  |  ^^^^^^^
  = hint: move it to gateway.toml

error: `include` does not belong in an included file
 --> extra.toml:1:1
  |
1 | include = ['more.toml']
  | ^^^^^^^
  = hint: includes do not nest; list the files in gateway.toml

3 errors in conf.d/b.toml and extra.toml
"#,
    );
}

#[test]
fn a_broken_file_does_not_make_the_names_of_others_unknown() {
    let folder = Folder::with(&[
        ("gateway.toml", MAIN),
        ("conf.d/a.toml", "[upstreams.orders\n"),
        ("conf.d/b.toml", ROUTE),
        ("extra.toml", "[upstreams.Orders]\nendpoints = ['http://a']"),
    ]);
    folder.check(
        r#"
error: unclosed table, expected `]`
 --> conf.d/a.toml:1:18
  |
1 | [upstreams.orders
  |                  ^ not TOML

error: `Orders` cannot be the name of an upstream
 --> extra.toml:1:12
  |
1 | [upstreams.Orders]
  |            ^^^^^^
  = hint: a name has at most 64 of `a-z`, `0-9`, `-`, `_` and `.`, beginning with a letter or digit

2 errors in conf.d/a.toml and extra.toml
"#,
    );
    let findings = folder.load().unwrap_err();
    assert_eq!(
        folder.relative(findings.watched().files.iter().map(PathBuf::as_path)),
        ["gateway.toml", "conf.d/a.toml", "conf.d/b.toml", "extra.toml"]
    );
}

#[test]
fn an_included_file_that_is_named_must_exist() {
    Folder::with(&[("gateway.toml", MAIN), ("conf.d/b.toml", ROUTE)]).check(
        r#"
error: the included file does not exist
 --> gateway.toml:1:29
  |
1 | include = ["conf.d/*.toml", "extra.toml", "none/*.toml"]
  |                             ^^^^^^^^^^^^ not found

1 error in gateway.toml
"#,
    );
}

#[test]
fn an_include_is_a_list_of_patterns() {
    let folder = Folder::with(&[("gateway.toml", "include = ['a***b', 5, '*.toml']\n")]);
    folder.check(
        r#"
error: there is no listener
 --> gateway.toml
  = hint: add `[[listeners]]` with `address = "127.0.0.1:8080"`

error: not a pattern for files: wildcards are either regular `*` or recursive `**`
 --> gateway.toml:1:12
  |
1 | include = ['a***b', 5, '*.toml']
  |            ^^^^^^^

error: `include[1]` must be a string, but is an integer
 --> gateway.toml:1:21
  |
1 | include = ['a***b', 5, '*.toml']
  |                     ^

3 errors in gateway.toml
"#,
    );
}

#[test]
fn a_file_must_be_text_that_can_be_read() {
    let folder = Folder::with(&[]);
    folder.check(
        r#"
error: cannot be read: No such file or directory (os error 2)
 --> gateway.toml

1 error in gateway.toml
"#,
    );
    folder.write("gateway.toml", b"[gateway]\nname = \"\xff\"\n");
    folder.check(
        r#"
error: the file is not in UTF-8
 --> gateway.toml:2:9
  |
2 | name = "�"
  |         ^ the first byte that is not

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_text_without_a_file_includes_nothing() {
    super::check(
        "include = []\n",
        r#"
error: `include` works only in a file on disk
 --> gateway.toml:1:1
  |
1 | include = []
  | ^^^^^^^

1 error in gateway.toml
"#,
    );
}

//! The tables `consumers`.

use super::super::Loaded;
use super::{check, loaded};

#[test]
fn a_credential_belongs_to_one_consumer_and_is_not_shown() {
    check(
        r#"
[consumers.alice]
credentials = [{ kind = "key", id = "hunter2" }, { kind = "basic", id = "hunter2" }]
[consumers.bob]
credentials = [{ kind = "key", id = "hunter2" }]
"#,
        r#"
error: two credentials of kind `key` have the same id
 --> gateway.toml:4:37
  = hint: the first is at gateway.toml:2

1 error in gateway.toml
"#,
    );
}

#[test]
fn what_a_consumer_is_made_of_is_checked() {
    check(
        r#"
[consumers.alice]
groups = ["a,b", "staff", "staff"]
credentials = [{ kind = "Key", id = "1" }, { kind = "key", id = "" }, { kind = "key" }]
attributes = { Plan = "gold", area = 1 }
"#,
        r#"
error: `a,b` cannot be the name of a group
 --> gateway.toml:2:11
  |
2 | groups = ["a,b", "staff", "staff"]
  |           ^^^^^
  = hint: a name has at most 64 of `a-z`, `0-9`, `-`, `_` and `.`, beginning with a letter or digit

error: two groups are called `staff`
 --> gateway.toml:2:27
  |
2 | groups = ["a,b", "staff", "staff"]
  |                           ^^^^^^^ the second
  = hint: the first is at gateway.toml:2

error: `Key` cannot be a kind of credentials
 --> gateway.toml:3:25
  |
3 | credentials = [{ kind = "Key", id = "1" }, { kind = "key", id = "" }, { kind = "key" }]
  |                         ^^^^^
  = hint: a kind is a word such as `key` or `basic`: at most 64 of `a-z`, `0-9` and `-`, beginning with a letter

error: `id` must have from 1 to 1024 bytes
 --> gateway.toml:3:65
  |
3 | credentials = [{ kind = "Key", id = "1" }, { kind = "key", id = "" }, { kind = "key" }]
  |                                                                 ^^

error: the key `id` is missing in `credentials`
 --> gateway.toml:3:71
  |
3 | credentials = [{ kind = "Key", id = "1" }, { kind = "key", id = "" }, { kind = "key" }]
  |                                                                       ^^^^^^^^^^^^^^^^
  = hint: add `id = "${ALICES_KEY}"`

error: `Plan` cannot be the name of an attribute
 --> gateway.toml:4:16
  |
4 | attributes = { Plan = "gold", area = 1 }
  |                ^^^^
  = hint: a name has at most 64 of `a-z`, `0-9`, `-`, `_` and `.`, beginning with a letter or digit

error: `attributes.area` must be a string, but is an integer
 --> gateway.toml:4:38
  |
4 | attributes = { Plan = "gold", area = 1 }
  |                                      ^

7 errors in gateway.toml
"#,
    );
}

#[test]
fn credentials_are_not_part_of_a_debug_text() {
    let Loaded { config, .. } = loaded(
        r#"
[consumers.alice]
credentials = [{ kind = "basic", id = "hunter1", secret = "hunter2" }]
"#,
    );
    let shown = format!("{config:?}");
    assert!(shown.contains("alice") && !shown.contains("hunter"), "{shown}");
}

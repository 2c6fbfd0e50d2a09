//! `tidegate plugin new`: a crate to begin with, that builds, is tested and has fixtures.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::AuthorError;
use crate::config::fixture::literal;

/// Languages that there is a template for.
pub const LANGUAGES: [&str; 1] = ["rust"];

/// In bytes; a plugin's name is a label on metrics.
const NAME_BYTES_MAX: usize = 64;

/// Names that no library of Rust can have, or that would hide one.
const TAKEN: [&str; 54] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "tidegate-plugin",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "use",
    "while",
    "yield",
];

/// Where each file goes, and its template.
const RUST: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("create/rust/Cargo.toml.in")),
    ("src/lib.rs", include_str!("create/rust/lib.rs.in")),
    ("fixtures/basic.toml", include_str!("create/rust/basic.toml.in")),
    ("README.md", include_str!("create/rust/README.md.in")),
    (".gitignore", "/target\n/*.wasm\n"),
];

/// What to make.
#[derive(Debug, Clone)]
pub struct Options {
    /// The plugin's name, which is the crate's.
    pub name: String,
    /// One of [`LANGUAGES`].
    pub language: String,
    /// Where the crate is put; a folder of its name if left out.
    pub folder: Option<PathBuf>,
    /// Where the SDK is; that of the checkout that this program was built in if left out.
    pub sdk: Option<PathBuf>,
}

/// Makes a crate; gives its files, in the order in which they were written.
///
/// # Errors
///
/// The name cannot be one, there is no template or no SDK, or something is there already. Nothing has
/// been written then, unless the file system fails half-way.
pub fn create(options: &Options) -> Result<Vec<PathBuf>, AuthorError> {
    check_name(&options.name)?;
    if !LANGUAGES.contains(&options.language.as_str()) {
        return Err(AuthorError::Usage(format!(
            "there is no template for `{}`; there is one for {}. Any language whose tools make \
             components can be used: the contract is in the folder `wit`",
            options.language,
            LANGUAGES.join(", ")
        )));
    }
    let folder = options.folder.clone().unwrap_or_else(|| PathBuf::from(&options.name));
    let is_empty = |folder: &Path| fs::read_dir(folder).is_ok_and(|mut all| all.next().is_none());
    if folder.exists() && !is_empty(&folder) {
        let folder = folder.display();
        return Err(AuthorError::Usage(format!("`{folder}` is there already, and not empty")));
    }
    let sdk = sdk(options.sdk.as_deref())?;
    let mut written = Vec::new();
    for (name, template) in RUST {
        let file = folder.join(name);
        let text = template
            .replace("{{name}}", &options.name)
            .replace("{{Type}}", &type_name(&options.name))
            .replace("{{sdk}}", &literal(&sdk.display().to_string()));
        write_new(&file, &text)
            .map_err(AuthorError::system(format!("`{}` cannot be written", file.display())))?;
        written.push(file);
    }
    Ok(written)
}

fn check_name(name: &str) -> Result<(), AuthorError> {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_good = name.len() <= NAME_BYTES_MAX
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
        && name.split('-').all(|part| !part.is_empty() && part.bytes().all(word));
    let quoted = name.escape_debug();
    if !is_good {
        return Err(AuthorError::Usage(format!(
            "`{quoted}` cannot be the name of a plugin: at most {NAME_BYTES_MAX} of `a-z`, `0-9` \
             and single `-` between them, beginning with a letter, such as `api-key`"
        )));
    }
    if TAKEN.contains(&name) {
        return Err(AuthorError::Usage(format!(
            "`{quoted}` cannot be the name of a crate, because Rust has a meaning for it"
        )));
    }
    Ok(())
}

/// `ApiKey` for `api-key`.
fn type_name(name: &str) -> String {
    let capital = |part: &str| {
        let mut letters = part.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
    };
    let name: String = name.split('-').map(capital).collect::<Vec<String>>().concat();
    // What the template has names for already.
    let is_taken = ["Answer", "Config", "ConfigError", "Deserialize", "JsonSchema", "OnRequest"]
        .contains(&name.as_str())
        || ["Plugin", "RequestAction", "Result", "Self", "String", "Vec", "Ok", "Err"]
            .contains(&name.as_str());
    if is_taken { format!("{name}Plugin") } else { name }
}

/// The folder of the SDK.
fn sdk(given: Option<&Path>) -> Result<PathBuf, AuthorError> {
    let is_sdk = |folder: &Path| {
        let manifest = fs::read_to_string(folder.join("Cargo.toml"));
        manifest.is_ok_and(|text| text.contains("name = \"tidegate-plugin\""))
    };
    if let Some(given) = given {
        let found = given.canonicalize().ok().filter(|folder| is_sdk(folder));
        return found.ok_or_else(|| {
            let given = given.display();
            AuthorError::Usage(format!(
                "`{given}` is not the SDK; `--sdk` takes the folder `plugin-sdk` of a checkout"
            ))
        });
    }
    let program = std::env::current_exe().and_then(|program| program.canonicalize()).ok();
    let beside = program.iter().flat_map(|program| program.ancestors());
    beside.map(|folder| folder.join("plugin-sdk")).find(|folder| is_sdk(folder)).ok_or_else(|| {
        AuthorError::Usage(
            "the SDK is on no registry yet, and this program does not lie in a checkout that has \
             it: pass `--sdk <checkout>/plugin-sdk`"
                .to_owned(),
        )
    })
}

fn write_new(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut open = fs::OpenOptions::new();
    open.write(true).create_new(true).open(file)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, language: &str, folder: &Path) -> String {
        let options = Options {
            name: name.to_owned(),
            language: language.to_owned(),
            folder: Some(folder.to_owned()),
            sdk: Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-sdk")),
        };
        create(&options).expect_err("it is refused").to_string()
    }

    #[test]
    fn names_become_types() {
        assert_eq!(type_name("api-key2"), "ApiKey2");
        assert_eq!(type_name("plugin"), "PluginPlugin");
    }

    #[test]
    fn what_cannot_be_made_is_refused_and_nothing_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("new");
        for name in ["", "Api", "a--b", "-a", "a-", "1a", "a_b", "../a", "a\u{1b}"] {
            assert!(refused(name, "rust", &target).contains("cannot be the name of a plugin"));
        }
        assert!(refused("test", "rust", &target).contains("Rust has a meaning"));
        assert!(refused("a", "c", &target).contains("no template for `c`; there is one for rust"));
        assert!(!target.exists());
        fs::write(folder.path().join("a.txt"), "").expect("written");
        assert!(refused("a", "rust", folder.path()).contains("is there already, and not empty"));
        let options = Options {
            name: "a".to_owned(),
            language: "rust".to_owned(),
            folder: Some(target.clone()),
            sdk: Some(folder.path().to_owned()),
        };
        assert!(create(&options).expect_err("no SDK").to_string().contains("is not the SDK"));
        assert!(!target.exists());
    }
}

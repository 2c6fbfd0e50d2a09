//! `${NAME}` and `${file:path}` in strings: values that come from the environment or from a file.

use std::borrow::Cow;

/// Bytes of a file that a reference puts into a string; keys and certificates are far smaller.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where references lead.
pub(super) struct References<'a> {
    /// The value of a variable.
    pub(super) environment: &'a dyn Fn(&str) -> Option<String>,
    /// The text of a file, or why it cannot be had.
    pub(super) file: &'a dyn Fn(&str) -> Result<String, String>,
}

/// Why the references of a string cannot be replaced.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The variable is not set and there is no default.
    Unset(String),
    /// The file cannot be read.
    File {
        /// As written.
        path: String,
        /// In words.
        why: String,
    },
    /// `${` without `}`.
    Unclosed,
    /// What stands in the braces is not a name.
    NotAName,
}

/// Replaces `${NAME}`, `${NAME:-default}` and `${file:path}`; `$${` stands for a literal `${`.
///
/// As in a shell, the default is used if the variable is unset or empty. A file's last line end is
/// left out. Any other dollar stays what it is. What is put in is not looked at again.
pub(super) fn substitute<'a>(
    written: &'a str,
    references: &References<'_>,
) -> Result<Cow<'a, str>, Fault> {
    if !written.contains("${") {
        return Ok(Cow::Borrowed(written));
    }
    let mut replaced = String::with_capacity(written.len());
    let mut rest = written;
    while let Some(dollar) = rest.find('$') {
        let (before, from) = rest.split_at(dollar);
        replaced.push_str(before);
        if let Some(after) = from.strip_prefix("$${") {
            replaced.push_str("${");
            rest = after;
        } else if let Some(after) = from.strip_prefix("${") {
            let (reference, after) = after.split_once('}').ok_or(Fault::Unclosed)?;
            replaced.push_str(&look_up(reference, references)?);
            rest = after;
        } else {
            replaced.push('$');
            rest = from.strip_prefix('$').unwrap_or_default();
        }
    }
    replaced.push_str(rest);
    Ok(Cow::Owned(replaced))
}

fn look_up(reference: &str, references: &References<'_>) -> Result<String, Fault> {
    if let Some(path) = reference.strip_prefix("file:") {
        let mut text =
            (references.file)(path).map_err(|why| Fault::File { path: path.to_owned(), why })?;
        let kept = text.strip_suffix('\n').map_or(text.len(), str::len);
        text.truncate(kept);
        let kept = text.strip_suffix('\r').map_or(text.len(), str::len);
        text.truncate(kept);
        return Ok(text);
    }
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(word) || name.starts_with(|c: char| c.is_ascii_digit())
    {
        return Err(Fault::NotAName);
    }
    match ((references.environment)(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(Fault::Unset(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, References, substitute};

    fn replaced(written: &str) -> Result<String, Fault> {
        let environment = |name: &str| match name {
            "USER" => Some("ada".to_owned()),
            "DOLLARS" => Some("${USER}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let file = |path: &str| match path {
            "keys/a.pem" => Ok("a key of\ntwo lines\r\n".to_owned()),
            _ => Err("there is no such file".to_owned()),
        };
        let references = References { environment: &environment, file: &file };
        substitute(written, &references).map(std::borrow::Cow::into_owned)
    }

    #[test]
    fn a_file_is_put_in_without_its_last_line_end() {
        assert_eq!(replaced("<${file:keys/a.pem}>").as_deref(), Ok("<a key of\ntwo lines>"));
        let (path, why) = ("b.pem".to_owned(), "there is no such file".to_owned());
        assert_eq!(replaced("${file:b.pem}"), Err(Fault::File { path, why }));
    }

    #[test]
    fn references_are_replaced_once() {
        assert_eq!(replaced("${USER}").as_deref(), Ok("ada"));
        assert_eq!(replaced("<${USER}-${USER}>").as_deref(), Ok("<ada-ada>"));
        assert_eq!(replaced("${DOLLARS}").as_deref(), Ok("${USER}"));
    }

    #[test]
    fn a_default_stands_in_for_what_is_unset_or_empty() {
        assert_eq!(replaced("${NOBODY:-eve}").as_deref(), Ok("eve"));
        assert_eq!(replaced("${EMPTY:-eve}").as_deref(), Ok("eve"));
        assert_eq!(replaced("${USER:-eve}").as_deref(), Ok("ada"));
        assert_eq!(replaced("${NOBODY:-}").as_deref(), Ok(""));
        assert_eq!(replaced("${EMPTY}").as_deref(), Ok(""));
        assert_eq!(replaced("${NOBODY:-http://a:-b}").as_deref(), Ok("http://a:-b"));
    }

    #[test]
    fn other_dollars_stay() {
        assert_eq!(replaced("^/a$").as_deref(), Ok("^/a$"));
        assert_eq!(replaced("$USER ${USER} 5$").as_deref(), Ok("$USER ada 5$"));
        assert_eq!(replaced("$${USER}").as_deref(), Ok("${USER}"));
        assert_eq!(replaced("$$ ${USER}").as_deref(), Ok("$$ ada"));
        assert_eq!(replaced("$$$${USER}").as_deref(), Ok("$$${USER}"));
    }

    #[test]
    fn what_cannot_be_replaced_is_refused() {
        assert_eq!(replaced("${NOBODY}"), Err(Fault::Unset("NOBODY".to_owned())));
        assert_eq!(replaced("${USER"), Err(Fault::Unclosed));
        assert_eq!(replaced("${}"), Err(Fault::NotAName));
        assert_eq!(replaced("${1A}"), Err(Fault::NotAName));
        assert_eq!(replaced("${A-B}"), Err(Fault::NotAName));
    }
}

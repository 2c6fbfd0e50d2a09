//! `${NAME}` in strings: values that come from the environment.

use std::borrow::Cow;

/// Why the references of a string cannot be replaced.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The variable is not set and there is no default.
    Unset(String),
    /// `${` without `}`.
    Unclosed,
    /// What stands in the braces is not a name.
    NotAName,
}

/// Replaces `${NAME}` and `${NAME:-default}`; `$${` stands for a literal `${`.
///
/// As in a shell, the default is used if the variable is unset or empty. Any other dollar stays
/// what it is. What is put in is not looked at again.
pub(super) fn substitute<'a>(
    written: &'a str,
    environment: &dyn Fn(&str) -> Option<String>,
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
            replaced.push_str(&look_up(reference, environment)?);
            rest = after;
        } else {
            replaced.push('$');
            rest = from.strip_prefix('$').unwrap_or_default();
        }
    }
    replaced.push_str(rest);
    Ok(Cow::Owned(replaced))
}

fn look_up(reference: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<String, Fault> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(word) || name.starts_with(|c: char| c.is_ascii_digit())
    {
        return Err(Fault::NotAName);
    }
    match (environment(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(Fault::Unset(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, substitute};

    fn replaced(written: &str) -> Result<String, Fault> {
        let environment = |name: &str| match name {
            "USER" => Some("ada".to_owned()),
            "DOLLARS" => Some("${USER}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        substitute(written, &environment).map(std::borrow::Cow::into_owned)
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

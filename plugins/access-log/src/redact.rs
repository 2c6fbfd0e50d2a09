//! Keeping credentials out of lines.

/// What stands in place of a credential.
pub(crate) const REDACTED: &str = "REDACTED";

/// Headers, query parameters and attributes that carry credentials wherever they are used.
pub(crate) const BUILT_IN: [&str; 42] = [
    "access_token",
    "api-key",
    "api_key",
    "apikey",
    "assertion",
    "auth",
    "authorization",
    "client_assertion",
    "client_secret",
    "code",
    "code_verifier",
    "cookie",
    "id_token",
    "jwt",
    "key",
    "otp",
    "passwd",
    "password",
    "proxy-authorization",
    "pwd",
    "refresh_token",
    "secret",
    "session",
    "session_id",
    "sessionid",
    "set-cookie",
    "sid",
    "sig",
    "signature",
    "subscription-key",
    "ticket",
    "token",
    "x-access-token",
    "x-amz-credential",
    "x-amz-security-token",
    "x-amz-signature",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
    "x-goog-signature",
    "x-xsrf-token",
    "xsrf-token",
];

/// Headers whose value is a URL, which may have a query of its own.
const URLS: [&str; 3] = ["content-location", "location", "referer"];

/// The names whose values are never shown.
#[derive(Debug)]
pub(crate) struct Redaction {
    /// Lower-case; sorted.
    names: Vec<String>,
}

/// How a header may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    AsItIs,
    /// Without the credentials in its query.
    AsUrl,
    Never,
}

impl Redaction {
    pub(crate) fn new(redact: Option<Vec<String>>, also: Vec<String>) -> Self {
        let base = redact.unwrap_or_else(|| BUILT_IN.map(str::to_owned).to_vec());
        let mut names: Vec<_> =
            base.into_iter().chain(also).map(|name| name.to_ascii_lowercase()).collect();
        names.sort_unstable();
        names.dedup();
        Self { names }
    }

    pub(crate) fn hides(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.names.binary_search(&name).is_ok()
    }

    pub(crate) fn header(&self, name: &str) -> Shown {
        if self.hides(name) {
            Shown::Never
        } else if URLS.contains(&name.to_ascii_lowercase().as_str()) {
            Shown::AsUrl
        } else {
            Shown::AsItIs
        }
    }

    /// The query with the values of credentials replaced and their names kept.
    pub(crate) fn query(&self, query: String) -> String {
        let Some(redacted) = self.pairs(query.as_bytes()) else { return query };
        // Only whole values between ASCII signs were replaced, so it is still UTF-8.
        String::from_utf8(redacted).unwrap_or_default()
    }

    /// The URL with the same done to its query and fragment, where some flows put tokens.
    pub(crate) fn url(&self, url: Vec<u8>) -> Vec<u8> {
        let Some(start) = url.iter().position(|byte| matches!(byte, b'?' | b'#')) else {
            return url;
        };
        let (before, after) = url.split_at(start);
        match self.pairs(after) {
            Some(redacted) => [before, &redacted].concat(),
            None => url,
        }
    }

    /// The pairs with credentials replaced; nothing if there are none.
    fn pairs(&self, text: &[u8]) -> Option<Vec<u8>> {
        let separates = |byte: &u8| matches!(byte, b'&' | b';' | b'?' | b'#');
        if self.names.is_empty() || !text.contains(&b'=') {
            return None;
        }
        let mut redacted = Vec::with_capacity(text.len());
        let mut changed = false;
        for pair in text.split_inclusive(separates) {
            let (pair, end) = match pair.split_last() {
                Some((last, pair)) if separates(last) => (pair, std::slice::from_ref(last)),
                _ => (pair, [].as_slice()),
            };
            let equals = pair.iter().position(|byte| *byte == b'=');
            match equals.and_then(|equals| pair.split_at_checked(equals + 1)) {
                Some((name, value)) if !value.is_empty() && self.hides_encoded(name) => {
                    redacted.extend_from_slice(name);
                    redacted.extend_from_slice(REDACTED.as_bytes());
                    changed = true;
                }
                _ => redacted.extend_from_slice(pair),
            }
            redacted.extend_from_slice(end);
        }
        changed.then_some(redacted)
    }

    /// The same for a parameter's name as sent, with its equals sign: another spelling of a name
    /// is the same name to the upstream.
    fn hides_encoded(&self, name: &[u8]) -> bool {
        let mut decoded = Vec::with_capacity(name.len());
        let mut rest = name.strip_suffix(b"=").unwrap_or(name);
        while let [first, after @ ..] = rest {
            rest = after;
            decoded.push(match (first, after) {
                (b'%', [high, low, tail @ ..]) => match (digit(*high), digit(*low)) {
                    (Some(high), Some(low)) => {
                        rest = tail;
                        high << 4 | low
                    }
                    _ => b'%',
                },
                _ => *first,
            });
        }
        std::str::from_utf8(&decoded).is_ok_and(|name| self.hides(name))
    }
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{BUILT_IN, Redaction, Shown};

    fn default() -> Redaction {
        Redaction::new(None, Vec::new())
    }

    #[test]
    fn a_credential_in_the_query_keeps_its_name_only() {
        let check = |query: &str, expected: &str| {
            assert_eq!(default().query(query.to_owned()), expected);
        };
        check("a=1&token=s3cret&b=2", "a=1&token=REDACTED&b=2");
        check("token=s3cret", "token=REDACTED");
        check("a=1;api_key=x;b", "a=1;api_key=REDACTED;b");
        check("access_token=a=b&x", "access_token=REDACTED&x");
        check("token=&token", "token=&token");
        check("tokens=2&mytoken=3", "tokens=2&mytoken=3");
        check("", "");
    }

    #[test]
    fn another_spelling_of_a_name_does_not_show_its_value() {
        let check = |query: &str, expected: &str| {
            assert_eq!(default().query(query.to_owned()), expected);
        };
        check("Access%5Ftoken=x", "Access%5Ftoken=REDACTED");
        check("%74OKEN=x", "%74OKEN=REDACTED");
        check("%7=x&%zz=y", "%7=x&%zz=y");
    }

    #[test]
    fn credentials_in_the_query_and_fragment_of_a_url_are_not_shown() {
        let check = |url: &str, expected: &str| {
            let shown = default().url(url.as_bytes().to_vec());
            assert_eq!(String::from_utf8(shown).unwrap(), expected);
        };
        check("https://a/cb?code=x&state=y", "https://a/cb?code=REDACTED&state=y");
        check("https://a/cb#access_token=x", "https://a/cb#access_token=REDACTED");
        check("/x?a=b#id_token=c&d=e", "/x?a=b#id_token=REDACTED&d=e");
        check("https://a/token=x", "https://a/token=x");
    }

    #[test]
    fn the_operator_adds_names_or_replaces_them() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let more = Redaction::new(None, names(&["X-Tenant"]));
        assert_eq!(more.header("x-tenant"), Shown::Never);
        assert_eq!(more.header("Authorization"), Shown::Never);
        let other = Redaction::new(Some(names(&["x-tenant"])), Vec::new());
        assert_eq!(other.header("X-Tenant"), Shown::Never);
        assert_eq!(other.header("authorization"), Shown::AsItIs);
        let all = Redaction::new(Some(Vec::new()), Vec::new());
        assert_eq!(all.query("token=x".to_owned()), "token=x");
        assert_eq!(all.header("cookie"), Shown::AsItIs);
        assert_eq!(all.header("Referer"), Shown::AsUrl);
    }

    #[test]
    fn the_built_in_names_are_lower_case_and_sorted() {
        assert!(BUILT_IN.is_sorted());
        assert!(BUILT_IN.iter().all(|name| *name == name.to_ascii_lowercase()));
    }
}

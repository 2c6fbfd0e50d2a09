//! Lines written by the operator, with variables.

use crate::field::Field;
use crate::redact::Redaction;
use crate::variable::Variable;

/// nginx's `combined`. Kong and Apache write the same.
pub(crate) const COMBINED: &str = "$client - $consumer [$time_local] \"$request\" $status \
                                   $response_bytes \"$referer\" \"$user_agent\"";

/// A part of a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Literal(String),
    Variable(Variable),
}

/// What nginx calls the variables, for those who bring a format along.
const NGINX: [(&str, &str); 14] = [
    ("args", "query"),
    ("body_bytes_sent", "response_bytes"),
    ("http_host", "host"),
    ("http_referer", "referer"),
    ("http_user_agent", "user_agent"),
    ("query_string", "query"),
    ("remote_addr", "client"),
    ("remote_user", "consumer"),
    ("request_method", "method"),
    ("request_time", "duration_ms"),
    ("server_protocol", "version"),
    ("upstream_addr", "endpoint"),
    ("upstream_response_time", "upstream_ms"),
    ("uri", "path"),
];

/// Reads a template.
pub(crate) fn parse(template: &str, redaction: &Redaction) -> Result<Vec<Piece>, String> {
    if template.is_empty() {
        return Err("an empty template writes empty lines".to_owned());
    }
    if template.contains(['\n', '\r']) {
        return Err("a line break; an exchange has one line".to_owned());
    }
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        literal.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            literal.push('$');
            rest = after;
            continue;
        }
        let (name, after) = name(after)?;
        rest = after;
        let variable = variable(name, redaction)?;
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(Piece::Variable(variable));
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

/// The name after a dollar sign, and what follows it.
fn name(text: &str) -> Result<(&str, &str), String> {
    if let Some(braced) = text.strip_prefix('{') {
        return braced.split_once('}').ok_or_else(|| "`${` without `}`".to_owned());
    }
    let open = ["header_", "response_header_", "attribute_"];
    let prefix = open.iter().find(|prefix| text.starts_with(**prefix));
    let belongs = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || byte == b'_'
            || match prefix {
                Some(&"attribute_") => matches!(byte, b'-' | b'.'),
                Some(_) => byte == b'-',
                None => false,
            }
    };
    let length = text.bytes().take_while(|byte| belongs(*byte)).count();
    let (name, after) = text.split_at(length);
    if name.is_empty() {
        return Err("`$` without a name; `$$` is a dollar sign".to_owned());
    }
    Ok((name, after))
}

fn variable(name: &str, redaction: &Redaction) -> Result<Variable, String> {
    let named = [
        ("header_", Variable::request_header as fn(&str, &Redaction) -> Variable),
        ("response_header_", Variable::response_header),
        ("attribute_", Variable::attribute),
    ];
    if let Some(field) = Field::ALL.into_iter().find(|field| field.name() == name) {
        return Ok(Variable::Field(field));
    }
    for (prefix, make) in named {
        match name.strip_prefix(prefix) {
            Some("") => return Err(format!("`${name}` lacks a name")),
            Some(name) => return Ok(make(name, redaction)),
            None => {}
        }
    }
    Err(unknown(name))
}

fn unknown(name: &str) -> String {
    let renamed = NGINX.iter().find(|(nginx, _)| *nginx == name);
    let header = |prefix: &str, ours: &str| {
        let header = name.strip_prefix(prefix)?.replace('_', "-");
        Some(format!("${{{ours}{header}}}"))
    };
    if let Some((_, ours)) = renamed {
        return format!("nginx's `${name}` is `${ours}` here");
    }
    let header = header("http_", "header_").or_else(|| header("sent_http_", "response_header_"));
    if let Some(ours) = header {
        return format!("nginx's `${name}` is `{ours}` here");
    }
    let nearest = Field::ALL
        .into_iter()
        .map(|field| (strsim::levenshtein(field.name(), name), field.name()))
        .min()
        .filter(|(distance, _)| *distance <= 2);
    match nearest {
        Some((_, nearest)) => {
            format!("there is no variable `${name}`; did you mean `${nearest}`?")
        }
        None => {
            let names: Vec<_> = Field::ALL.into_iter().map(Field::name).collect();
            format!(
                "there is no variable `${name}`; there are {}, header_<name>, \
                 response_header_<name> and attribute_<name>",
                names.join(", ")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{COMBINED, Piece, parse};
    use crate::field::Field;
    use crate::redact::{Redaction, Shown};
    use crate::variable::Variable;

    fn pieces(template: &str) -> Result<Vec<Piece>, String> {
        parse(template, &Redaction::new(None, Vec::new()))
    }

    fn literal(text: &str) -> Piece {
        Piece::Literal(text.to_owned())
    }

    #[test]
    fn a_template_is_literals_and_variables() {
        let field = |field| Piece::Variable(Variable::Field(field));
        assert_eq!(
            pieces("$client-${route}s $$5.$status").unwrap(),
            [
                field(Field::Client),
                literal("-"),
                field(Field::Route),
                literal("s $5."),
                field(Field::Status)
            ]
        );
        assert_eq!(pieces("plain").unwrap(), [literal("plain")]);
        assert!(pieces(COMBINED).is_ok());
    }

    #[test]
    fn names_of_headers_and_attributes_may_hold_their_signs() {
        let header = |name: &str, shown| {
            Piece::Variable(Variable::RequestHeader { name: name.to_owned(), shown })
        };
        assert_eq!(
            pieces("$header_X-Tenant;${header_authorization}").unwrap(),
            [
                header("x-tenant", Shown::AsItIs),
                literal(";"),
                header("authorization", Shown::Never)
            ]
        );
        assert_eq!(
            pieces("$response_header_location").unwrap(),
            [Piece::Variable(Variable::ResponseHeader {
                name: "location".to_owned(),
                shown: Shown::AsUrl
            })]
        );
        assert_eq!(
            pieces("$attribute_auth.subject").unwrap(),
            [Piece::Variable(Variable::Attribute {
                name: "auth.subject".to_owned(),
                hidden: false
            })]
        );
    }

    #[test]
    fn an_unknown_variable_is_refused_with_the_way_out() {
        let check = |template: &str, expected: &str| {
            assert_eq!(pieces(template).unwrap_err(), expected);
        };
        check("$staus", "there is no variable `$staus`; did you mean `$status`?");
        check("$remote_addr", "nginx's `$remote_addr` is `$client` here");
        check("$http_x_tenant", "nginx's `$http_x_tenant` is `${header_x-tenant}` here");
        check("$sent_http_etag", "nginx's `$sent_http_etag` is `${response_header_etag}` here");
        check("$header_", "`$header_` lacks a name");
        check("5 $ a line", "`$` without a name; `$$` is a dollar sign");
        check("${status", "`${` without `}`");
        check("a\nb", "a line break; an exchange has one line");
        assert!(pieces("$nothing_like_it").unwrap_err().contains("there are time, time_local,"));
    }
}

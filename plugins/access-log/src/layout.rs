//! How a line looks.

use tidegate_plugin::{ConfigError, Summary};

use crate::config::{Config, FormatName};
use crate::encode::{self, Cut};
use crate::field::Field;
use crate::redact::Redaction;
use crate::template::{self, COMBINED, Piece};
use crate::value::Value;
use crate::variable::Variable;

/// A format with everything about it that no exchange changes.
#[derive(Debug)]
pub(crate) enum Layout {
    Json { members: Vec<Member>, groups: Vec<Group> },
    Text(Vec<Piece>),
}

/// A member of a JSON object. Left out of a line if it has no value.
#[derive(Debug)]
pub(crate) struct Member {
    /// The name as JSON, and a colon.
    start: Vec<u8>,
    variable: Variable,
}

/// A JSON object within the line's. Left out if it has no member.
#[derive(Debug)]
pub(crate) struct Group {
    /// The name as JSON, a colon, and the brace.
    start: Vec<u8>,
    members: Vec<Member>,
}

/// Makes a variable of a header's or attribute's name.
type Make = fn(&str, &Redaction) -> Variable;

impl Layout {
    pub(crate) fn check(config: &Config, redaction: &Redaction) -> Result<Self, ConfigError> {
        let format = format(config)?;
        if format != FormatName::Json {
            let of_json = [
                ("/fields", config.fields.is_some()),
                ("/request_headers", !config.request_headers.is_empty()),
                ("/response_headers", !config.response_headers.is_empty()),
                ("/attributes", !config.attributes.is_empty()),
            ];
            if let Some((pointer, _)) = of_json.iter().find(|(_, there)| *there) {
                let message = "belongs to the format `json`; a template has variables for it";
                return Err(ConfigError::at(*pointer, message));
            }
        }
        match format {
            FormatName::Json => Self::json(config, redaction),
            FormatName::Combined => Self::text(COMBINED, redaction),
            FormatName::Template => {
                Self::text(config.template.as_deref().unwrap_or_default(), redaction)
            }
        }
    }

    fn text(template: &str, redaction: &Redaction) -> Result<Self, ConfigError> {
        let pieces = template::parse(template, redaction);
        pieces.map(Self::Text).map_err(|message| ConfigError::at("/template", message))
    }

    fn json(config: &Config, redaction: &Redaction) -> Result<Self, ConfigError> {
        let fields = config.fields.clone().unwrap_or_else(Field::default_list);
        let mut members: Vec<Member> = Vec::with_capacity(fields.len());
        for (index, field) in fields.into_iter().enumerate() {
            let variable = Variable::Field(field);
            if members.iter().any(|member| member.variable == variable) {
                let message = format!("`{}` is there already", field.name());
                return Err(ConfigError::at(format!("/fields/{index}"), message));
            }
            members.push(Member { start: start(field.name()), variable });
        }
        let kinds: [(&str, &[String], Make); 3] = [
            ("request_headers", &config.request_headers, Variable::request_header),
            ("response_headers", &config.response_headers, Variable::response_header),
            ("attributes", &config.attributes, Variable::attribute),
        ];
        let mut groups = Vec::new();
        for (name, names, make) in kinds {
            if !names.is_empty() {
                groups.push(Group::check(name, names, make, redaction)?);
            }
        }
        if members.is_empty() && groups.is_empty() {
            return Err(ConfigError::at("/fields", "an empty list writes empty objects"));
        }
        Ok(Self::Json { members, groups })
    }

    /// Appends the line of an exchange.
    pub(crate) fn write(
        &self,
        line: &mut Vec<u8>,
        summary: &Summary,
        redaction: &Redaction,
        cut: Cut,
    ) {
        match self {
            Self::Text(pieces) => {
                for piece in pieces {
                    match piece {
                        Piece::Literal(text) => line.extend_from_slice(text.as_bytes()),
                        Piece::Variable(variable) => {
                            encode::text(line, &variable.value(summary, redaction), cut);
                        }
                    }
                }
            }
            Self::Json { members, groups } => {
                line.push(b'{');
                let mut object = Object { line, first: true };
                for member in members {
                    object.write(b"", member, &member.variable.value(summary, redaction), cut);
                }
                for group in groups {
                    group.write(&mut object, summary, redaction, cut);
                }
                object.line.push(b'}');
            }
        }
    }
}

/// The format that was chosen, or that the template implies.
fn format(config: &Config) -> Result<FormatName, ConfigError> {
    match (config.format, &config.template) {
        (None, None) => Ok(FormatName::Json),
        (None | Some(FormatName::Template), Some(_)) => Ok(FormatName::Template),
        (Some(FormatName::Template), None) => {
            Err(ConfigError::at("/format", "the format `template` needs a `template`"))
        }
        (Some(FormatName::Json | FormatName::Combined), Some(_)) => {
            Err(ConfigError::at("/template", "belongs to the format `template`"))
        }
        (Some(format), None) => Ok(format),
    }
}

/// A member's name as JSON, and a colon.
fn start(name: &str) -> Vec<u8> {
    let mut start = Vec::with_capacity(name.len() + 3);
    encode::json_string(&mut start, name.as_bytes(), Cut(usize::MAX));
    start.push(b':');
    start
}

impl Group {
    fn check(
        name: &str,
        names: &[String],
        make: Make,
        redaction: &Redaction,
    ) -> Result<Self, ConfigError> {
        let mut members: Vec<Member> = Vec::with_capacity(names.len());
        for (index, inner) in names.iter().enumerate() {
            let variable = make(inner, redaction);
            let refuse =
                |message: String| Err(ConfigError::at(format!("/{name}/{index}"), message));
            if inner.is_empty() {
                return refuse("an empty name".to_owned());
            }
            if members.iter().any(|member| member.variable == variable) {
                return refuse(format!("`{inner}` is there already"));
            }
            let shown = match &variable {
                Variable::RequestHeader { name, .. } | Variable::ResponseHeader { name, .. } => {
                    name
                }
                Variable::Attribute { .. } | Variable::Field(_) => inner,
            };
            members.push(Member { start: start(shown), variable });
        }
        let mut start = start(name);
        start.push(b'{');
        Ok(Self { start, members })
    }

    fn write(&self, outer: &mut Object<'_>, summary: &Summary, redaction: &Redaction, cut: Cut) {
        let mut opened = false;
        for member in &self.members {
            let value = member.variable.value(summary, redaction);
            let start: &[u8] = if opened { b"" } else { &self.start };
            opened |= outer.write(start, member, &value, cut);
        }
        if opened {
            outer.line.push(b'}');
        }
    }
}

/// A JSON object that is being written.
struct Object<'a> {
    line: &'a mut Vec<u8>,
    /// Whether the next member is the first.
    first: bool,
}

impl Object<'_> {
    /// Appends a member after `before`, unless it has no value; whether it did.
    fn write(&mut self, before: &[u8], member: &Member, value: &Value<'_>, cut: Cut) -> bool {
        if *value == Value::Absent {
            return false;
        }
        if !self.first {
            self.line.push(b',');
        }
        self.first = false;
        self.line.extend_from_slice(before);
        self.line.extend_from_slice(&member.start);
        encode::json(self.line, value, cut);
        true
    }
}

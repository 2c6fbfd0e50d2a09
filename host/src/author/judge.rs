//! What came of a request, against what its case expects.

use http::HeaderMap;

use super::trial::Outcome;
use crate::config::fixture::{Case, Expect, Expectation, Scalar, Wanted, literal};
use crate::config::{Finding, Location, Sources};

/// Characters of a value that a message quotes.
const QUOTE_CHARACTERS_MAX: usize = 200;

/// Something is not as the case expects.
#[derive(Debug)]
pub(super) struct Mismatch {
    /// Where that is expected.
    pub(super) at: Location,
    /// What came and what was expected.
    pub(super) message: String,
    /// What would have to stand in the file; absent where that is not one value.
    pub(super) update: Option<String>,
    /// What else helps.
    hint: Option<String>,
}

impl Mismatch {
    fn new(at: &Location, message: String) -> Self {
        Self { at: at.clone(), message, update: None, hint: None }
    }

    /// Shows it in the fixture.
    pub(super) fn finding(&self, sources: &Sources, case: &Case) -> Finding {
        let message = format!("case `{}`: {}", case.name, self.message);
        let finding = sources.finding(&self.at, message);
        match &self.hint {
            Some(hint) => finding.hint(hint.clone()),
            None => finding,
        }
    }
}

/// Everything that is not as expected; empty if all is.
pub(super) fn judge(case: &Case, outcome: &Outcome) -> Vec<Mismatch> {
    let expected = case.expect.as_deref().unwrap_or_default();
    let mut all: Vec<Mismatch> =
        expected.iter().filter_map(|expectation| check(expectation, outcome)).collect();
    if let Err(why) = &outcome.response {
        all.push(Mismatch::new(&case.name_at, format!("there is no whole response: {why}")));
    }
    let is_expected = |word: &str| {
        expected.iter().any(|expectation| matches!(expectation.what, Expect::Fault(w) if w == word))
    };
    for fault in outcome.faults.iter().filter(|fault| !is_expected(&fault.word)) {
        let message = format!("the plugin failed in its {} phase: {}", fault.phase, fault.text);
        let last =
            outcome.logs.last().map(|last| format!("its last message was {}; ", literal(last)));
        let last = short(&last.unwrap_or_default());
        let hint =
            format!("{last}if that is right, write `expect = {{ fault = \"{}\" }}`", fault.word);
        all.push(Mismatch { hint: Some(hint), ..Mismatch::new(&case.name_at, message) });
    }
    if case.expect.is_none() {
        let mismatch = Mismatch::new(&case.name_at, "nothing is expected".to_owned());
        let hint = format!("write `{}`, or let `--update` do it", observed(outcome));
        all.push(Mismatch { hint: Some(hint), ..mismatch });
    }
    all
}

/// The line that expects what came.
pub(super) fn observed(outcome: &Outcome) -> String {
    let mut keys = Vec::new();
    if let Ok(response) = &outcome.response {
        keys.push(format!("status = {}", response.status().as_u16()));
    }
    if let Some(source) = outcome.source {
        keys.push(format!("answered_by = \"{}\"", source.as_str()));
    }
    if let Some(fault) = outcome.faults.first() {
        keys.push(format!("fault = \"{}\"", fault.word));
    }
    format!("expect = {{ {} }}", keys.join(", "))
}

fn check(expectation: &Expectation, outcome: &Outcome) -> Option<Mismatch> {
    let Expectation { what, at } = expectation;
    let response = outcome.response.as_ref().ok();
    let sent = outcome.sent.as_ref();
    // Without a whole response there is one message about that, not one for each expectation.
    match what {
        Expect::Status(status) => {
            let came = response?.status().as_u16();
            differs(at, "the status", came == *status, &came.to_string(), &status.to_string())
        }
        Expect::AnsweredBy(source) => {
            let came = outcome.source.map_or("nobody", |source| source.as_str());
            differs(at, "the answer's source", came == *source, &literal(came), &literal(source))
        }
        Expect::Header(name, wanted) => {
            of_lines(at, &format!("the header `{name}`"), &lines(response?.headers(), name), wanted)
        }
        Expect::Body(wanted) => {
            of_text(at, "the body", Some(&String::from_utf8_lossy(response?.body())), wanted)
        }
        Expect::Forwarded(forwarded) => {
            let came = sent.is_some();
            let (came_text, text) = (came.to_string(), forwarded.to_string());
            differs(at, "`forwarded`", came == *forwarded, &came_text, &text)
        }
        Expect::Method(wanted) => {
            of_text(at, "the method upstream", sent.map(|sent| sent.method.as_str()), wanted)
        }
        Expect::Path(wanted) => {
            of_text(at, "the path upstream", sent.map(|sent| sent.uri.path()), wanted)
        }
        Expect::Query(wanted) => {
            of_text(at, "the query upstream", sent.and_then(|sent| sent.uri.query()), wanted)
        }
        Expect::UpstreamHeader(name, wanted) => {
            let what = format!("the header `{name}` upstream");
            match sent {
                Some(sent) => of_lines(at, &what, &lines(&sent.headers, name), wanted),
                None => Some(Mismatch::new(at, "nothing was sent upstream".to_owned())),
            }
        }
        Expect::UpstreamBody(wanted) => {
            let body = sent.map(|sent| String::from_utf8_lossy(&sent.body));
            of_text(at, "the body upstream", body.as_deref(), wanted)
        }
        Expect::Attribute(name, wanted) => of_attribute(at, name, wanted, outcome),
        Expect::Log(part) => of_parts(at, "message was logged", part, outcome.logs.iter()),
        Expect::Line(output, part) => {
            let lines = outcome.lines.iter().filter(|(name, _)| **name == **output);
            let what = format!("line was written to `{output}`");
            of_parts(at, &what, part, lines.map(|(_, line)| line))
        }
        Expect::Fault(word) => {
            let came = outcome.faults.first().map_or("no fault", |fault| fault.word.as_str());
            let is_so = outcome.faults.iter().any(|fault| fault.word == *word);
            differs(at, "the fault", is_so, &literal(came), &literal(word))
        }
    }
}

fn differs(at: &Location, what: &str, is_so: bool, came: &str, wanted: &str) -> Option<Mismatch> {
    if is_so {
        return None;
    }
    let mismatch = Mismatch::new(at, format!("{what} is {}, not {wanted}", short(came)));
    Some(Mismatch { update: Some(came.to_owned()), ..mismatch })
}

/// The values of all lines of this name.
fn lines(headers: &HeaderMap, name: &str) -> Vec<String> {
    let values = headers.get_all(name).iter();
    values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
}

fn of_lines(at: &Location, what: &str, came: &[String], wanted: &Wanted) -> Option<Mismatch> {
    match (came, wanted) {
        (_, Wanted::All(all)) => {
            differs(at, what, came == all.as_slice(), &array(came), &array(all))
        }
        ([], wanted) => of_text(at, what, None, wanted),
        ([one], wanted) => of_text(at, what, Some(one), wanted),
        (many, Wanted::Is(wanted)) => differs(at, what, false, &array(many), &wanted.to_string()),
        (many, Wanted::Absent) => {
            Some(Mismatch::new(at, format!("{what} is there: {}", short(&array(many)))))
        }
        (many, Wanted::Matches(_)) => {
            let message = format!("{what} is there {} times: {}", many.len(), short(&array(many)));
            Some(Mismatch::new(at, message))
        }
    }
}

fn of_text(at: &Location, what: &str, came: Option<&str>, wanted: &Wanted) -> Option<Mismatch> {
    match (came, wanted) {
        (None, Wanted::Absent) => None,
        (None, _) => Some(Mismatch::new(at, format!("{what} is absent"))),
        (Some(came), Wanted::Absent) => {
            Some(Mismatch::new(at, format!("{what} is there: {}", short(&literal(came)))))
        }
        (Some(came), Wanted::Is(wanted)) => {
            let is_so = match wanted {
                Scalar::Text(wanted) => wanted == came,
                other => other.to_string() == came,
            };
            differs(at, what, is_so, &literal(came), &wanted.to_string())
        }
        (Some(came), Wanted::Matches(pattern)) => (!pattern.is_match(came)).then(|| {
            let came = short(&literal(came));
            Mismatch::new(at, format!("{what} is {came}, which does not match `{pattern}`"))
        }),
        (Some(came), Wanted::All(all)) => {
            let came = [came.to_owned()];
            differs(at, what, came.as_slice() == all.as_slice(), &array(&came), &array(all))
        }
    }
}

fn of_attribute(at: &Location, name: &str, wanted: &Wanted, outcome: &Outcome) -> Option<Mismatch> {
    let what = format!("the attribute `{name}`");
    let came = outcome.attributes.iter().find(|(known, _)| **known == *name);
    match (came.map(|(_, value)| value), wanted) {
        (Some(came), Wanted::Is(wanted)) => {
            differs(at, &what, came == wanted, &came.to_string(), &wanted.to_string())
        }
        (Some(Scalar::Text(came)), wanted) => of_text(at, &what, Some(came), wanted),
        (Some(came), wanted) => of_text(at, &what, Some(&came.to_string()), wanted),
        (None, wanted) => of_text(at, &what, None, wanted),
    }
}

fn of_parts<'a>(
    at: &Location,
    what: &str,
    part: &str,
    texts: impl Iterator<Item = &'a String> + Clone,
) -> Option<Mismatch> {
    if texts.clone().any(|text| text.contains(part)) {
        return None;
    }
    let all: Vec<String> = texts.map(|text| short(&literal(text))).collect();
    let hint = match all.as_slice() {
        [] => "there is none at all".to_owned(),
        all => format!("there are {}", all.join(", ")),
    };
    let mismatch = Mismatch::new(at, format!("no {what} with {}", literal(part)));
    Some(Mismatch { hint: Some(hint), ..mismatch })
}

fn array(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| literal(text)).collect::<Vec<_>>().join(", "))
}

/// Not too long for a message.
fn short(text: &str) -> String {
    let mut short: String = text.chars().take(QUOTE_CHARACTERS_MAX).collect();
    if text.chars().count() > QUOTE_CHARACTERS_MAX {
        short.push('…');
    }
    short.replace('\n', "\\n")
}

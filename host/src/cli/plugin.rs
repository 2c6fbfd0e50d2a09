//! `tidegate plugin …`: the tools of those who write plugins, and of those who run them.

mod arguments;
mod rollback;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Problem;
use crate::author::{AuthorError, Subject, bench, build, create, inspect, test};
use crate::telemetry::logging;
pub(super) use arguments::Command;
use arguments::{Bench, Build, Inspect, Isolation, New, Test};

impl From<AuthorError> for Problem {
    fn from(error: AuthorError) -> Self {
        match error {
            AuthorError::Usage(what) => Self::Usage(what),
            other => Self::Failed(other.to_string()),
        }
    }
}

pub(super) fn run(
    command: &Command,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Problem> {
    match command {
        Command::Inspect(arguments) => show(arguments, out, err),
        Command::Test(arguments) => test_all(arguments, out, err),
        Command::New(arguments) => create_one(arguments, out),
        Command::Build(arguments) => build_one(arguments, out, err),
        Command::Bench(arguments) => measure(arguments, out),
        Command::Rollback(arguments) => rollback::run(arguments, out),
    }
}

/// Shows what goes wrong within the gateway, unless a test has a log already.
fn log_warnings() {
    let _taken = logging::init(logging::Format::Text, "warn");
}

fn show(arguments: &Inspect, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), Problem> {
    log_warnings();
    let report = inspect::inspect(&Subject::of(&arguments.subject)?.component()?)?;
    if arguments.json {
        writeln!(out, "{:#}", report.json())?;
    } else if arguments.schema {
        if let Some(schema) = report.schema() {
            writeln!(out, "{schema:#}")?;
        }
    } else {
        write!(out, "{}", report.text())?;
    }
    if report.is_fit() {
        return Ok(());
    }
    if !arguments.json {
        for finding in report.findings() {
            writeln!(err, "{finding}\n")?;
        }
    }
    Err(Problem::Said)
}

fn test_all(arguments: &Test, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), Problem> {
    let is_fixture = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "toml");
    let mut files = arguments.fixtures.clone();
    let subject = match &arguments.subject {
        Some(fixture) if is_fixture(fixture) => {
            files.insert(0, fixture.clone());
            None
        }
        Some(subject) => Some(Subject::of(subject)?),
        None => Some(Subject::of(Path::new("."))?),
    };
    let files = test::fixtures(subject.as_ref(), &files)?;
    let options = test::Options { filter: arguments.filter.clone(), update: arguments.update };
    let mut reports = Vec::new();
    let mut broken = 0_usize;
    for file in files {
        match test::run(subject.as_ref(), file, &options) {
            Ok(report) => {
                if !arguments.json {
                    write!(out, "{}", report.text())?;
                }
                reports.push(report);
            }
            Err(error @ AuthorError::Usage(_)) => return Err(error.into()),
            Err(error) => {
                writeln!(err, "{error}\n")?;
                broken += 1;
            }
        }
    }
    let failed: usize = reports.iter().map(test::Report::failed).sum();
    let cases: usize = reports.iter().map(|report| report.cases.len()).sum();
    let passed = cases - failed;
    if arguments.json {
        let files: Vec<_> = reports.iter().map(test::Report::json).collect();
        let summary = serde_json::json!({ "files": files, "passed": passed, "failed": failed });
        writeln!(out, "{summary:#}")?;
    } else {
        let untried = match broken {
            0 => String::new(),
            1 => ", 1 fixture could not be tried".to_owned(),
            many => format!(", {many} fixtures could not be tried"),
        };
        writeln!(out, "\n{passed} passed, {failed} failed{untried}")?;
    }
    match (failed, broken, cases) {
        (0, 0, 0) => Err(Problem::Failed("error: no case was tried".to_owned())),
        (0, 0, _) => Ok(()),
        _ => Err(Problem::Said),
    }
}

fn create_one(arguments: &New, out: &mut dyn Write) -> Result<(), Problem> {
    let New { name, lang, dir, sdk } = arguments;
    let options = create::Options {
        name: name.clone(),
        language: lang.clone(),
        folder: dir.clone(),
        sdk: sdk.clone(),
    };
    for file in create::create(&options)? {
        writeln!(out, "{}", file.display())?;
    }
    let folder = dir.as_deref().unwrap_or_else(|| Path::new(name)).display();
    writeln!(out, "\nnext: tidegate plugin build {folder} && tidegate plugin test {folder}")?;
    Ok(())
}

fn build_one(arguments: &Build, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), Problem> {
    log_warnings();
    let options = build::Options { out: arguments.out.clone(), debug: arguments.debug };
    let report = build::build(&arguments.dir, &options)?;
    if report.is_fit() {
        writeln!(out, "{}", report.line())?;
        return Ok(());
    }
    for finding in report.findings() {
        writeln!(err, "{finding}\n")?;
    }
    Err(Problem::Said)
}

fn measure(arguments: &Bench, out: &mut dyn Write) -> Result<(), Problem> {
    log_warnings();
    let config = match (&arguments.config, &arguments.config_json) {
        (Some(file), _) => {
            let text = std::fs::read_to_string(file).map_err(|error| {
                Problem::Usage(format!("`{}` cannot be read: {error}", file.display()))
            })?;
            Some(json(&text)?)
        }
        (None, Some(text)) => Some(json(text)?),
        (None, None) => None,
    };
    let isolations = match arguments.isolation {
        Isolation::Request => vec!["request"],
        Isolation::Pooled => vec!["pooled"],
        Isolation::Both => vec!["request", "pooled"],
    };
    let options = bench::Options {
        fixture: arguments.request.clone(),
        config,
        isolations,
        time: Duration::from_secs(arguments.seconds.into()),
    };
    let measured = bench::bench(&Subject::of(&arguments.subject)?, &options)?;
    let against = match &arguments.against {
        Some(other) => Some(bench::bench(&Subject::of(other)?, &options)?),
        None => None,
    };
    if arguments.json {
        writeln!(out, "{:#}", bench::json(&measured, against.as_ref()))?;
        return Ok(());
    }
    write!(out, "{}", bench::table(&measured, against.as_ref()))?;
    if cfg!(debug_assertions) {
        writeln!(out, "\nthis gateway is a debug build; a release build is faster")?;
    }
    Ok(())
}

fn json(text: &str) -> Result<serde_json::Value, Problem> {
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| Problem::Usage(format!("the configuration is not JSON: {error}")))?;
    if value.is_object() {
        return Ok(value);
    }
    Err(Problem::Usage("the configuration is not a JSON object".to_owned()))
}

#[cfg(test)]
mod tests;

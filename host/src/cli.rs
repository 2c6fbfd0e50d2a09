//! The command line.
//!
//! | exit code | means |
//! |---|---|
//! | 0 | done |
//! | 1 | the configuration cannot be used, or nothing matches |
//! | 2 | the command line is not understood |

mod plugin;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use crate::config::{self, Loaded, PluginId};
use crate::demo;
use crate::explain::{self, Asked};
use crate::plugin::Trace;
use crate::server::{self, Inherited, Options, StartError};
use crate::snapshot::{Purpose, Snapshot};
use crate::telemetry::logging;

/// A programmable API gateway: every policy is a WebAssembly component.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT; SIGHUP reads the configuration again, SIGUSR2 has the program
    /// that is at the same path now take over.
    Run(Run),
    /// Do all that a start does without listening, and show every mistake.
    Check(Check),
    /// Show which route a request would take, why, and what would happen to it.
    Explain(Explain),
    /// Write, test, look at and put back plugins.
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Try it out: a gateway and an upstream on this machine, and what to type.
    Demo(Demo),
}

#[derive(Debug, Args)]
struct Run {
    /// The configuration.
    #[arg(default_value = "gateway.toml")]
    file: PathBuf,
    #[command(flatten)]
    log: Log,
    #[command(flatten)]
    trace: TraceOptions,
}

#[derive(Debug, Args)]
struct TraceOptions {
    /// Show every call of this plugin on standard error, with arguments and results; may be
    /// repeated, and `*` is every plugin.
    #[arg(long = "trace-plugin", value_name = "NAME")]
    plugins: Vec<String>,
    /// Do not leave out credentials from that.
    #[arg(long = "trace-secrets", requires = "plugins")]
    secrets: bool,
}

#[derive(Debug, Args)]
struct Log {
    /// How log lines look: text on a terminal and JSON elsewhere, if left out.
    #[arg(long = "log", alias = "log-format", value_name = "FORMAT")]
    format: Option<Format>,
    /// From which level on: error, warn, info, debug or trace, also for a part, such as
    /// `info,tidegate::plugin=debug`.
    #[arg(long = "log-level", value_name = "LEVEL", default_value = "info")]
    level: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// One object a line.
    Json,
    /// For people.
    Text,
}

#[derive(Debug, Args)]
struct Check {
    /// The configuration.
    #[arg(default_value = "gateway.toml")]
    file: PathBuf,
}

#[derive(Debug, Args)]
struct Explain {
    /// The configuration.
    file: PathBuf,
    /// A method, GET if left out, and a URL or path.
    #[arg(num_args = 1..=2, required = true, value_name = "[METHOD] URL")]
    request: Vec<String>,
    /// A header of the request; may be repeated.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The other end of the client's connection.
    #[arg(long, value_name = "IP")]
    client_ip: Option<IpAddr>,
}

#[derive(Debug, Args)]
struct Demo {
    /// Where the configuration is put, unless it is there.
    #[arg(long, default_value = "tidegate-demo")]
    dir: PathBuf,
    /// Where the gateway listens; another one if it is taken.
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

/// Why a command did not do what it should.
#[derive(Debug)]
enum Problem {
    /// The command line is not understood.
    Usage(String),
    /// Something else, which was not said yet.
    Failed(String),
    /// All was said.
    Said,
    /// What is said cannot be written.
    Output(io::Error),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        Self::Failed(match error {
            StartError::Config(findings) => findings.to_string(),
            other @ (StartError::Untraceable { .. } | StartError::System { .. }) => {
                format!("error: {other}")
            }
        })
    }
}

impl From<config::Findings> for Problem {
    fn from(findings: config::Findings) -> Self {
        Self::Failed(findings.to_string())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) => write!(f, "error: {what}\n\nfor more, try `tidegate --help`"),
            Self::Failed(what) => f.write_str(what),
            Self::Said => Ok(()),
            Self::Output(error) => write!(f, "error: output cannot be written: {error}"),
        }
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    run(std::env::args_os(), &mut io::stdout(), &mut io::stderr()).into()
}

/// Runs a command line, its program's name first; gives the exit code.
///
/// What is asked for goes to `out`, what is wrong to `err`.
pub fn run(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let asked_for = error.exit_code() == 0;
            let text = error.render();
            // Where it cannot be written, nobody reads it.
            let _unread = if asked_for { write!(out, "{text}") } else { write!(err, "{text}") };
            return if asked_for { 0 } else { 2 };
        }
    };
    let outcome = match cli.command {
        Command::Run(arguments) => serve(arguments),
        Command::Check(arguments) => check(&arguments, out, err),
        Command::Explain(arguments) => explain(&arguments, out),
        Command::Plugin(command) => plugin::run(&command, out, err),
        Command::Demo(arguments) => demo(&arguments, out),
    };
    match outcome {
        Ok(()) => 0,
        Err(problem) => {
            if !matches!(problem, Problem::Said) {
                let _unread = writeln!(err, "{problem}");
            }
            if matches!(problem, Problem::Usage(_)) { 2 } else { 1 }
        }
    }
}

fn serve(arguments: Run) -> Result<(), Problem> {
    let inherited = Inherited::take()
        .map_err(|error| Problem::Failed(format!("error: sockets cannot be taken: {error}")))?;
    let format = match arguments.log.format {
        Some(Format::Json) => logging::Format::Json,
        Some(Format::Text) => logging::Format::Text,
        None if io::stderr().is_terminal() => logging::Format::Text,
        None => logging::Format::Json,
    };
    logging::init(format, &arguments.log.level)
        .map_err(|error| Problem::Usage(error.to_string()))?;
    // A connection is an open file. Many systems give programs that ask for no more a thousand.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    let TraceOptions { plugins, secrets } = arguments.trace;
    let trace = Trace::to_stderr(plugins, secrets);
    let options = Options { signals: true, trace, ..Options::new(arguments.file) };
    server::start_with(options, inherited)?.wait();
    Ok(())
}

fn check(arguments: &Check, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), Problem> {
    let (Loaded { config, warnings, .. }, snapshot) = build(&arguments.file)?;
    for warning in warnings.iter().chain(&snapshot.warnings) {
        writeln!(err, "{warning}\n")?;
    }
    let routes = counted(config.routes.len(), "route");
    let plugins = counted(snapshot.plugins.len(), "plugin");
    let upstreams = counted(config.upstreams.len(), "upstream");
    let file = arguments.file.display();
    writeln!(out, "{file}: ok ({routes}, {plugins}, {upstreams})")?;
    Ok(())
}

/// All that start-up does before it listens.
fn build(file: &Path) -> Result<(Loaded, Snapshot), Problem> {
    // Only here nobody has asked for a log; a test may have one already.
    let _taken = logging::init(logging::Format::Text, "warn");
    let loaded = config::load(file, &|name| std::env::var(name).ok())?;
    let (builder, _services) = server::builder(&loaded.config, Trace::default())?;
    let snapshot = builder.build(&loaded, None, Purpose::Check)?;
    Ok((loaded, snapshot))
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn explain(arguments: &Explain, out: &mut dyn Write) -> Result<(), Problem> {
    let asked = asked(arguments)?;
    let (loaded, snapshot) = build(&arguments.file)?;
    let phases =
        |id: PluginId| snapshot.plugins.get(id.0).map(|plugin| plugin.phases()).unwrap_or_default();
    let explained = explain::explain(&loaded.config, &phases, &asked);
    write!(out, "{}", explained.text)?;
    if explained.is_routed { Ok(()) } else { Err(Problem::Said) }
}

fn asked(arguments: &Explain) -> Result<Asked, Problem> {
    let usage = |what: String| Problem::Usage(what);
    let (method, url) = match arguments.request.as_slice() {
        [method, url] => (method.as_str(), url),
        [url] => ("GET", url),
        _ => return Err(usage("a URL is missing".to_owned())),
    };
    let url: Uri = url.parse().map_err(|error| usage(format!("`{url}` is no URL: {error}")))?;
    if url.path().is_empty() {
        return Err(usage(format!("`{url}` is no URL: begin with `http://`, `https://` or `/`")));
    }
    let mut headers = HeaderMap::new();
    for header in &arguments.headers {
        let parts = header.split_once(':').and_then(|(name, value)| {
            let name: HeaderName = name.trim().parse().ok()?;
            let value: HeaderValue = value.trim().parse().ok()?;
            Some((name, value))
        });
        let (name, value) =
            parts.ok_or_else(|| usage(format!("`{header}` is no header: write `name: value`")))?;
        headers.append(name, value);
    }
    let method: Method =
        method.parse().map_err(|_error| usage(format!("`{method}` is no method")))?;
    Ok(Asked { method, url, headers, client: arguments.client_ip })
}

fn demo(arguments: &Demo, out: &mut dyn Write) -> Result<(), Problem> {
    logging::init(logging::Format::Text, "info")
        .map_err(|error| Problem::Usage(error.to_string()))?;
    demo::run(&arguments.dir, arguments.port, out).map_err(|error| match error {
        demo::DemoError::Start(error) => error.into(),
        other @ demo::DemoError::System { .. } => Problem::Failed(format!("error: {other}")),
    })
}

#[cfg(test)]
mod tests;

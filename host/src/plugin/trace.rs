//! What a plugin does, call by call, for whoever looks for its mistake: `tidegate run
//! --trace-plugin NAME`.
//!
//! Each host call is one line with its arguments, its result and what it took, as `strace` shows
//! the calls of a process. A plugin that is not traced pays one branch for each call.

mod call;
mod show;

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::clock;
use show::Show;

/// Stands for every plugin.
const ALL: &str = "*";

/// Which plugins are traced; none by default.
#[derive(Clone, Default)]
pub struct Trace(Option<Arc<Wanted>>);

struct Wanted {
    plugins: Vec<String>,
    /// Whether credentials are shown as well.
    secrets: bool,
    sink: Box<dyn Fn(&str) + Send + Sync>,
}

impl Trace {
    /// Traces the plugins of these names, `*` being every one; `sink` gets each line with its
    /// line feed. Credentials are left out unless `secrets`.
    #[must_use]
    pub fn new(
        plugins: Vec<String>,
        secrets: bool,
        sink: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        if plugins.is_empty() {
            return Self::default();
        }
        Self(Some(Arc::new(Wanted { plugins, secrets, sink: Box::new(sink) })))
    }

    /// Traces to standard error.
    #[must_use]
    pub fn to_stderr(plugins: Vec<String>, secrets: bool) -> Self {
        Self::new(plugins, secrets, |line| {
            // Where it cannot be written, nobody reads it.
            let _unread = std::io::stderr().write_all(line.as_bytes());
        })
    }

    /// The names as they were given, without `*`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.0.iter().flat_map(|wanted| &wanted.plugins);
        names.map(String::as_str).filter(|name| *name != ALL)
    }

    /// The tracer of a plugin, if it is traced.
    pub(super) fn of(&self, plugin: &str) -> Option<Arc<Tracer>> {
        let wanted = self.0.as_ref()?;
        wanted
            .plugins
            .iter()
            .any(|name| name == plugin || name == ALL)
            .then(|| Arc::new(Tracer { plugin: plugin.into(), wanted: Arc::clone(wanted) }))
    }
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Trace").field(&self.names().collect::<Vec<_>>()).finish()
    }
}

/// Shows what one plugin does.
pub(super) struct Tracer {
    plugin: Box<str>,
    wanted: Arc<Wanted>,
}

impl Tracer {
    /// Shows how a call of a phase ended.
    pub(super) fn phase<T: Serialize, E: std::fmt::Display>(
        &self,
        request_id: &str,
        phase: &str,
        result: &Result<T, E>,
        took: Duration,
    ) {
        let mut line = self.lead(request_id, phase, clock::unix());
        line.push_str("→ ");
        match result {
            Ok(value) => Show::new(&mut line, self.wanted.secrets).value(value),
            Err(error) => write_all(&mut line, format_args!("! {error}")),
        }
        self.end(line, took);
    }

    /// What each line begins with: the time of day (UTC), the request id, the plugin, the phase.
    fn lead(&self, request_id: &str, phase: &str, unix: Duration) -> String {
        let (seconds, micros) = (unix.as_secs() % 86_400, unix.subsec_micros());
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let plugin = &self.plugin;
        format!("{hour:02}:{minute:02}:{second:02}.{micros:06} {request_id} {plugin} {phase}  ")
    }

    fn end(&self, mut line: String, took: Duration) {
        write_all(&mut line, format_args!(" <{}>\n", Took(took)));
        (self.wanted.sink)(&line);
    }
}

/// What a phase wants to happen, without the rest of its result; `ok` if it cannot want anything.
pub(super) fn word<T: Serialize>(result: &T) -> String {
    let mut text = String::new();
    Show::new(&mut text, false).value(result);
    text.truncate(text.find('(').unwrap_or(text.len()));
    if text.is_empty() { "ok".to_owned() } else { text }
}

/// Writing to a `String` does not fail.
fn write_all(line: &mut String, text: std::fmt::Arguments<'_>) {
    let _infallible = line.write_fmt(text);
}

/// A duration with one decimal, in the unit that leaves the fewest digits.
struct Took(Duration);

impl std::fmt::Display for Took {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds < 1e-3 {
            write!(f, "{:.1}µs", seconds * 1e6)
        } else if seconds < 1.0 {
            write!(f, "{:.1}ms", seconds * 1e3)
        } else {
            write!(f, "{seconds:.1}s")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_line_has_time_request_plugin_and_phase_then_the_result_and_what_it_took() {
        let lines = Arc::new(Mutex::new(String::new()));
        let page = Arc::clone(&lines);
        let trace = Trace::new(vec!["auth".to_owned()], false, move |line| {
            page.lock().unwrap().push_str(line);
        });
        assert!(trace.of("limit").is_none());
        let tracer = trace.of("auth").expect("it is traced");
        let unix = Duration::from_micros(1_700_049_601_000_042);
        assert_eq!(tracer.lead("r-1", "request", unix), "12:00:01.000042 r-1 auth request  ");

        tracer.phase("r-1", "log", &Ok::<_, String>(()), Duration::from_nanos(800));
        tracer.phase("r-1", "log", &Err::<(), _>("it ran for too long"), Duration::from_millis(51));
        let lines = lines.lock().unwrap();
        let ends: Vec<&str> = lines.lines().filter_map(|line| line.get(16..)).collect();
        assert_eq!(
            ends,
            ["r-1 auth log  → () <0.8µs>", "r-1 auth log  → ! it ran for too long <51.0ms>"]
        );
    }

    #[test]
    fn a_result_is_told_in_one_word() {
        #[derive(Serialize)]
        enum Action {
            GoOn,
            Respond(u16),
        }
        let words = [word(&Action::GoOn), word(&Action::Respond(200)), word(&())];
        assert_eq!(words, ["go-on", "respond", "ok"]);
    }

    #[test]
    fn a_star_traces_every_plugin() {
        let trace = Trace::new(vec![ALL.to_owned(), "auth".to_owned()], false, |_| ());
        assert!(trace.of("anything").is_some());
        assert_eq!(trace.names().collect::<Vec<_>>(), ["auth"]);
        assert!(Trace::default().of("anything").is_none());
    }
}

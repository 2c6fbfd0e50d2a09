//! What to type, and what to expect.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

/// What the guide speaks of.
pub(super) struct Guide<'a> {
    /// With real ports.
    pub(super) gateway: Option<SocketAddr>,
    pub(super) admin: Option<SocketAddr>,
    /// The port that was asked for and could not be had.
    pub(super) taken: Option<u16>,
    pub(super) file: &'a Path,
    /// Whether it was just written.
    pub(super) is_new: bool,
    pub(super) token: &'a str,
}

impl fmt::Display for Guide<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = std::env::current_exe().unwrap_or_else(|_error| "tidegate".into());
        let (program, file) = (program.display(), self.file.display());
        let origin = if self.is_new { "just written" } else { "as it was found" };
        writeln!(f, "\nconfiguration   {file} ({origin})")?;
        if let Some(gateway) = self.gateway {
            write!(f, "gateway         http://{gateway}")?;
            if let Some(taken) = self.taken {
                write!(f, " (port {taken} is taken)")?;
            }
            writeln!(f)?;
        }
        if let Some(admin) = self.admin {
            writeln!(f, "admin           http://{admin}")?;
        }
        writeln!(f, "\nIn another terminal:")?;
        if let Some(gateway) = self.gateway {
            self.requests(f, gateway)?;
        }
        if let Some(admin) = self.admin {
            step(
                f,
                "What it is doing, and what it has counted",
                &[
                    &format!("curl -s http://{admin}/status"),
                    &format!("curl -s http://{admin}/metrics"),
                ],
            )?;
        }
        step(
            f,
            "Is the configuration right? Which way would a request go?",
            &[
                &format!("{program} check {file}"),
                &format!("{program} explain {file} GET http://localhost/api/hello"),
            ],
        )?;
        writeln!(
            f,
            "\n  # Edit {file} and save it: live within a second, without losing a request."
        )?;
        writeln!(f, "\nBelow: one JSON line a request, and the gateway's log. Ctrl-C ends it.\n")
    }
}

impl Guide<'_> {
    fn requests(&self, f: &mut fmt::Formatter<'_>, gateway: SocketAddr) -> fmt::Result {
        let token = self.token;
        let url = format!("http://{gateway}/api/hello");
        step(f, "Without a token: 401", &[&format!("curl -i {url}")])?;
        step(
            f,
            "With a token, good for a day: 200, and what the upstream saw",
            &[
                &format!("TOKEN={token}"),
                &format!("curl -i -H \"Authorization: Bearer $TOKEN\" {url}"),
            ],
        )?;
        step(
            f,
            "Past the limit of ten a minute: 200, and then 429",
            &[&format!(
                "for i in $(seq 12); do curl -s -o /dev/null -w '%{{http_code}}\\n' \
             -H \"Authorization: Bearer $TOKEN\" {url}; done"
            )],
        )
    }
}

fn step(f: &mut fmt::Formatter<'_>, what: &str, lines: &[&str]) -> fmt::Result {
    writeln!(f, "\n  # {what}")?;
    for line in lines {
        writeln!(f, "  {line}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_says_what_to_type_and_what_to_expect() {
        let guide = Guide {
            gateway: "127.0.0.1:8081".parse().ok(),
            admin: "127.0.0.1:9901".parse().ok(),
            taken: Some(8080),
            file: Path::new("tidegate-demo/gateway.toml"),
            is_new: true,
            token: "a.b.c",
        };
        let shown = guide.to_string();
        for line in [
            "configuration   tidegate-demo/gateway.toml (just written)",
            "gateway         http://127.0.0.1:8081 (port 8080 is taken)",
            "  # Without a token: 401",
            "  curl -i http://127.0.0.1:8081/api/hello",
            "  TOKEN=a.b.c",
            "  curl -s http://127.0.0.1:9901/status",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
        }
    }
}

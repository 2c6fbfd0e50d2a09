//! A gateway that runs within the test, and the file that it is started from.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::Value;
use tempfile::TempDir;
use tidegate::server::{self, Options, Running};

use crate::client::{self, Client, Raw, Reply};
use crate::guest::Plugin;
use crate::origin::Origin;
use crate::{soon, until};

/// A gateway.toml in the making.
#[derive(Debug, Default)]
pub struct Builder {
    tables: BTreeMap<&'static str, Vec<String>>,
    plugins: BTreeMap<String, Plugin>,
    routes: String,
    text: String,
    folder: Option<TempDir>,
    whole: Option<String>,
}

/// A gateway in front of this origin, which is its upstream `origin`.
#[must_use]
pub fn before(origin: &Origin) -> Builder {
    at(&[&origin.url()])
}

/// A gateway whose upstream `origin` has these endpoints.
#[must_use]
pub fn at(endpoints: &[&str]) -> Builder {
    Builder::default().upstream(&format!("endpoints = {endpoints:?}"))
}

/// A gateway without an upstream.
#[must_use]
pub fn alone() -> Builder {
    Builder::default()
}

impl Builder {
    /// Adds a route for a path and all below it to the upstream, with this pipeline. Its name is
    /// the path with `-` for `/`, and `root` for `/` itself.
    #[must_use]
    pub fn route<const N: usize>(self, path: &str, pipeline: [Plugin; N]) -> Self {
        self.route_with(path, pipeline, "upstream = \"origin\"")
    }

    /// Adds a route with these lines in its table.
    #[must_use]
    pub fn route_with<const N: usize>(
        mut self,
        path: &str,
        pipeline: [Plugin; N],
        lines: &str,
    ) -> Self {
        let names: Vec<&str> = pipeline.iter().map(|plugin| plugin.name.as_str()).collect();
        let name = match path.trim_matches('/') {
            "" => "root".to_owned(),
            path => path.replace('/', "-"),
        };
        write!(
            self.routes,
            "[[routes]]\nname = {name:?}\nmatch = {{ path = {path:?} }}\npipeline = {names:?}\n\
             {lines}\n\n"
        )
        .expect("a text takes all");
        for plugin in pipeline {
            self.plugins.insert(plugin.name.clone(), plugin);
        }
        self
    }

    /// Adds a plugin that no route of [`Builder::route`] names.
    #[must_use]
    pub fn plugin(mut self, plugin: Plugin) -> Self {
        self.plugins.insert(plugin.name.clone(), plugin);
        self
    }

    /// Adds a route that ends at `handler`.
    #[must_use]
    pub fn handled<const N: usize>(
        mut self,
        path: &str,
        pipeline: [Plugin; N],
        handler: Plugin,
    ) -> Self {
        let line = format!("handler = {:?}", handler.name);
        self.plugins.insert(handler.name.clone(), handler);
        self.route_with(path, pipeline, &line)
    }

    /// Adds a line to the table `limits`.
    #[must_use]
    pub fn limit(self, line: &str) -> Self {
        self.line("limits", line)
    }

    /// Adds a line to the table `gateway`.
    #[must_use]
    pub fn setting(self, line: &str) -> Self {
        self.line("gateway", line)
    }

    /// Adds a line to the upstream.
    #[must_use]
    pub fn upstream(self, line: &str) -> Self {
        self.line("upstreams.origin", line)
    }

    /// Adds an output with this name, a file of the same name in the gateway's folder.
    #[must_use]
    pub fn output(self, name: &str) -> Self {
        self.toml(&format!("[outputs.{name}]\nfile = \"{name}\"\n"))
    }

    /// Adds tables as they are.
    #[must_use]
    pub fn toml(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self.text.push('\n');
        self
    }

    /// Makes this the whole file, whatever else was said.
    #[must_use]
    pub fn only(mut self, text: &str) -> Self {
        self.whole = Some(text.to_owned());
        self
    }

    fn line(mut self, table: &'static str, line: &str) -> Self {
        self.tables.entry(table).or_default().push(line.to_owned());
        self
    }

    /// The file's text.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn text(&self) -> String {
        if let Some(whole) = &self.whole {
            return whole.clone();
        }
        let mut tables: BTreeMap<&str, Vec<String>> = self.tables.clone();
        // One place for all gateways of a test run, so that each component is compiled once.
        let cache = concat!(env!("OUT_DIR"), "/cache");
        let defaults = [
            ("admin", "address", "\"127.0.0.1:0\"".to_owned()),
            ("gateway", "workers", "2".to_owned()),
            ("gateway", "cache_dir", format!("{cache:?}")),
            // Each gateway reserves address space for as many, and many run at once.
            ("limits", "instances", "100".to_owned()),
        ];
        for (table, key, value) in defaults {
            let lines = tables.entry(table).or_default();
            if !lines.iter().any(|line| line.starts_with(&format!("{key} ="))) {
                lines.push(format!("{key} = {value}"));
            }
        }
        let mut text = String::new();
        if !self.text.contains("[[listeners]]") {
            text.push_str("[[listeners]]\naddress = \"127.0.0.1:0\"\n\n");
        }
        for (table, lines) in tables {
            writeln!(text, "[{table}]\n{}\n", lines.join("\n")).expect("a text takes all");
        }
        for (name, plugin) in &self.plugins {
            writeln!(text, "[plugins.{name}]\n{}\n", plugin.keys.join("\n"))
                .expect("a text takes all");
        }
        text + &self.routes + &self.text
    }

    /// Puts a file beside gateway.toml.
    ///
    /// # Panics
    /// The file cannot be written.
    #[must_use]
    pub fn file(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let folder = self.folder.get_or_insert_with(folder);
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is ours");
        fs::write(path, content).expect("the folder is ours");
        self
    }

    /// Writes the file into a folder of its own.
    ///
    /// # Panics
    /// The file cannot be written.
    pub fn write(mut self) -> (TempDir, PathBuf) {
        let folder = self.folder.take().unwrap_or_else(folder);
        let file = folder.path().join("gateway.toml");
        fs::write(&file, self.text()).expect("the folder is ours");
        (folder, file)
    }

    /// Starts a gateway from the file.
    ///
    /// # Panics
    /// The file is refused.
    pub async fn start(self) -> Gateway {
        let text = self.text();
        match self.try_start().await {
            Ok(gateway) => gateway,
            Err(findings) => panic!("{findings}\n{text}"),
        }
    }

    /// Starts a gateway that must not start; its findings, as an operator sees them.
    ///
    /// # Panics
    /// The file is taken.
    pub async fn refusal(self) -> String {
        self.try_start().await.expect_err("the file should be refused")
    }

    async fn try_start(self) -> Result<Gateway, String> {
        let (folder, file) = self.write();
        let options = Options::new(file.clone());
        let started = tokio::task::spawn_blocking(move || server::start(options)).await;
        let running =
            started.expect("a start does not panic").map_err(|error| error.to_string())?;
        let addresses = running.addresses();
        let admin = running.admin();
        Ok(Gateway { running, addresses, admin, file, folder })
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("there is room for a folder")
}

/// A running gateway; a drop ends it.
#[derive(Debug)]
pub struct Gateway {
    running: Running,
    addresses: Vec<SocketAddr>,
    admin: Option<SocketAddr>,
    file: PathBuf,
    folder: TempDir,
}

impl Gateway {
    /// Where its first listener is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Where its listeners are.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The gateway itself.
    #[must_use]
    pub const fn running(&self) -> &Running {
        &self.running
    }

    /// A file in its folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// gateway.toml.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Asks for a path, on a connection of its own.
    pub async fn get(&self, path: &str) -> Reply {
        self.http1().await.get(path).await
    }

    /// Asks for a path with these headers, on a connection of its own.
    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send(client::request("GET", path, headers, "")).await
    }

    /// Sends a request, on a connection of its own.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Reply {
        self.http1().await.send(request).await
    }

    /// Connects for HTTP/1.1.
    pub async fn http1(&self) -> Client {
        client::http1(self.address()).await
    }

    /// Connects for HTTP/2 with prior knowledge.
    pub async fn http2(&self) -> Client {
        client::http2(self.address()).await
    }

    /// Connects for bytes.
    pub async fn raw(&self) -> Raw {
        client::raw(self.address()).await
    }

    /// Asks the admin listener.
    ///
    /// # Panics
    /// There is none.
    pub async fn admin(&self, path: &str) -> Reply {
        client::http1(self.admin.expect("an admin listener")).await.get(path).await
    }

    /// What `/status` says.
    pub async fn status(&self) -> Value {
        self.admin("/status").await.json()
    }

    /// The value of one series at `/metrics`, named as it is written there; 0 if there is none.
    pub async fn metric(&self, series: &str) -> f64 {
        let reply = self.admin("/metrics").await;
        let value =
            reply.text().lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// Waits until a series has this value.
    pub async fn metric_becomes(&self, series: &str, value: f64) {
        let there = async || (self.metric(series).await >= value).then_some(());
        until(there).await;
        let now = self.metric(series).await;
        assert!((now - value).abs() < f64::EPSILON, "{series} is {now}, not {value}");
    }

    /// The lines of an output, once there are so many.
    pub async fn lines(&self, output: &str, count: usize) -> Vec<String> {
        let path = self.path(output);
        until(async || {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            (lines.len() >= count && text.ends_with('\n')).then_some(lines)
        })
        .await
    }

    /// Changes gateway.toml in place, and waits until the gateway serves it.
    ///
    /// # Panics
    /// The file cannot be written.
    pub async fn change(&self, edit: impl FnOnce(String) -> String) {
        let next = self.running.snapshot_id() + 1;
        self.overwrite(edit);
        self.serves(next).await;
    }

    /// Waits until a snapshot of this id serves.
    pub async fn serves(&self, snapshot: u64) {
        soon(self.running.wait_for_snapshot(snapshot)).await;
    }

    /// Changes gateway.toml in place, and waits until the gateway has refused it. Returns what
    /// `/status` says of it.
    ///
    /// # Panics
    /// The file cannot be written.
    pub async fn change_badly(&self, edit: impl FnOnce(String) -> String) -> Value {
        let next = self.running.refused_count() + 1;
        self.overwrite(edit);
        soon(self.running.wait_for_refused(next)).await;
        self.status().await
    }

    /// Changes gateway.toml in place.
    ///
    /// # Panics
    /// The file cannot be written.
    pub fn overwrite(&self, edit: impl FnOnce(String) -> String) {
        let text = fs::read_to_string(&self.file).expect("the file is ours");
        fs::write(&self.file, edit(text)).expect("the file is ours");
    }

    /// Ends the gateway in good order.
    pub async fn stop(self) {
        soon(self.running.stop()).await;
    }
}

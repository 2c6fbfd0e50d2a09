//! What would happen to a request, told without a server.

mod pipeline;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;

use http::uri::{Authority, Scheme};
use http::{HeaderMap, Method, Uri, header};

use crate::config::{
    BalancePolicy, Captured, Config, Destination, FieldText, HeaderEdits, HostPolicy, HostRewrite,
    PluginId, Redirect, Rewrite, Route, Split, UpstreamId,
};
use crate::route::host::{self, Host};
use crate::route::path::{self, Canonical};
use crate::route::redirect::{self, Origin};
use crate::route::split::Chooser;
use crate::route::{Head, Router, rewrite};
use crate::telemetry::metrics::endpoint_label;

/// A request that nobody has sent.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// With scheme and host, or a path alone, which is asked for by HTTP/1.0 clients.
    pub(crate) url: Uri,
    /// `host` takes precedence over the URL's.
    pub(crate) headers: HeaderMap,
    /// Of the connection.
    pub(crate) client: Option<IpAddr>,
}

/// What would happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Explained {
    /// For people; ends in a line feed.
    pub(crate) text: String,
    /// Whether a route takes the request.
    pub(crate) is_routed: bool,
}

/// Tells what would happen to a request; `phases` are those that a plugin's component exports.
pub(crate) fn explain(
    config: &Config,
    phases: &dyn Fn(PluginId) -> Vec<&'static str>,
    asked: &Asked,
) -> Explained {
    let mut text = String::new();
    let story = Story { config, phases, asked };
    let is_routed = match story.tell(&mut text) {
        Ok(is_routed) => is_routed,
        Err(reason) => {
            line(&mut text, "answer", &format!("400, {reason}"));
            false
        }
    };
    Explained { text, is_routed }
}

struct Story<'a> {
    config: &'a Config,
    phases: &'a dyn Fn(PluginId) -> Vec<&'static str>,
    asked: &'a Asked,
}

/// The request as the router sees it.
struct Seen<'a> {
    host: Option<Host<'a>>,
    path: Canonical<'a>,
    query: Option<&'a str>,
}

impl Story<'_> {
    /// Whether a route takes the request; the error is the reason of a 400.
    fn tell(&self, text: &mut String) -> Result<bool, &'static str> {
        let Asked { method, url, headers, client } = self.asked;
        line(text, "request", &format!("{method} {url}"));
        if let Some(client) = client {
            line(text, "client", &self.standing(*client));
        }
        let path = path::canonical(url.path()).map_err(path::PathError::reason)?;
        let named = headers.get(header::HOST).map_or(Ok(None), |host| host.to_str().map(Some));
        let named = named.map_err(|_error| "the host is neither a name nor an address")?;
        let host = named.or_else(|| url.authority().map(Authority::as_str));
        let host = host.map(host::parse).transpose().map_err(host::HostError::reason)?;
        let seen = Seen { host, path, query: url.query() };
        if seen.path.path != url.path() {
            line(text, "path", &seen.path.path);
        }

        let head = Head {
            host: seen.host.as_ref().map_or("", |host| &host.name),
            path: &seen.path.path,
            method,
            headers,
            query: seen.query,
            client: self
                .asked
                .client
                .filter(|client| !self.is_trusted(*client))
                .map(|ip| ip.to_canonical()),
            server_name: self.server_name(),
        };
        let explanation = Router::build(&self.config.routes).explain(&head);
        if !explanation.candidates.is_empty() {
            text.push_str("\nroutes considered\n");
            for considered in explanation.to_string().lines() {
                let _infallible = writeln!(text, "  {considered}");
            }
        }
        text.push('\n');
        let Some(route) = explanation.chosen.and_then(|index| self.config.routes.get(index)) else {
            line(text, "route", "none");
            text.push_str("no route matches\n");
            return Ok(false);
        };
        line(text, "route", &route.name);
        seen.path.check(route.allow_encoded_slash).map_err(path::PathError::reason)?;
        let scene = pipeline::Scene {
            config: self.config,
            phases: self.phases,
            head: &head,
            client: self.client(),
        };
        scene.tell(text, &route.pipeline);
        self.tell_destination(text, route, &seen)?;
        Ok(true)
    }

    /// What a client of the URL tells by SNI: its host, unless that is an address.
    fn server_name(&self) -> Option<&str> {
        let url = &self.asked.url;
        let host = url.host().filter(|_| url.scheme() == Some(&Scheme::HTTPS))?;
        (!host.starts_with('[') && host.parse::<IpAddr>().is_err()).then_some(host)
    }

    fn client(&self) -> pipeline::Client {
        match self.asked.client {
            None => pipeline::Client::Unknown,
            Some(client) if self.is_trusted(client) => pipeline::Client::Proxy,
            Some(client) => pipeline::Client::Known(client),
        }
    }

    fn is_trusted(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        self.config.gateway.trusted_proxies.iter().any(|network| network.contains(&client))
    }

    fn standing(&self, client: IpAddr) -> String {
        let client = client.to_canonical();
        if self.is_trusted(client) {
            format!("{client}, a trusted proxy: its forwarded fields are believed")
        } else {
            format!("{client}, not a trusted proxy: its forwarded fields are replaced")
        }
    }

    /// The error is the reason of a 400.
    fn tell_destination(
        &self,
        text: &mut String,
        route: &Route,
        seen: &Seen<'_>,
    ) -> Result<(), &'static str> {
        if route.matcher.path.bare() == Some(&*seen.path.path) {
            let redirect = redirect::to_slash(&seen.path.path);
            line(text, "answer", &redirect.status.to_string());
            line(text, "  location", &self.location(&redirect, seen)?);
            tell_edits(text, "response", &route.response_headers, seen);
            return Ok(());
        }
        match &route.destination {
            Destination::Upstream(id) => self.tell_upstream(text, route, (*id, ""), seen)?,
            Destination::Split(split) => self.tell_split(text, route, split, seen)?,
            Destination::Handler(id) => self.tell_handler(text, route, *id, seen)?,
            Destination::Fixed(response) => {
                line(text, "answer", &response.status.to_string());
                for (name, value) in &response.headers {
                    let value = String::from_utf8_lossy(value.as_bytes());
                    line(text, "  header", &format!("{name}: {value}"));
                }
                if !response.body.is_empty() {
                    line(text, "  body", &format!("{} bytes", response.body.len()));
                }
            }
            Destination::Redirect(redirect) => {
                line(text, "answer", &redirect.status.to_string());
                line(text, "  location", &self.location(redirect, seen)?);
            }
        }
        tell_edits(text, "response", &route.response_headers, seen);
        if let Some(mirror) = &route.mirror
            && let Some(upstream) = self.config.upstreams.get(mirror.upstream.0)
        {
            line(text, "mirror", &format!("{} ({} %)", upstream.name, mirror.share));
        }
        Ok(())
    }

    fn tell_handler(
        &self,
        text: &mut String,
        route: &Route,
        id: PluginId,
        seen: &Seen<'_>,
    ) -> Result<(), &'static str> {
        let plugin = self.config.plugins.get(id.0);
        line(text, "handler", plugin.map_or("", |plugin| &plugin.name));
        line(text, "  request", &self.request(route, seen)?);
        tell_edits(text, "  header", &route.request_headers, seen);
        Ok(())
    }

    /// What an upstream or a handler is asked.
    fn request(&self, route: &Route, seen: &Seen<'_>) -> Result<String, &'static str> {
        let path = match &route.rewrite {
            Some(Rewrite::Raw) => self.asked.url.path().into(),
            Some(rewrite) => {
                rewrite::apply(rewrite, &seen.path.path).map_err(path::PathError::reason)?
            }
            None => (&*seen.path.path).into(),
        };
        let query = seen.query.map(|query| format!("?{query}")).unwrap_or_default();
        Ok(format!("{} {path}{query}", self.asked.method))
    }

    fn location(&self, redirect: &Redirect, seen: &Seen<'_>) -> Result<String, &'static str> {
        let origin = Origin {
            scheme: self.asked.url.scheme().unwrap_or(&Scheme::HTTP).as_str(),
            host: seen.host.as_ref().map_or("", |host| &host.name),
            port: seen.host.as_ref().and_then(|host| host.port),
            path: &seen.path.path,
            query: seen.query,
        };
        redirect::location(redirect, &origin).map_err(path::PathError::reason)
    }

    /// All upstreams that the request may go to, or the one that it is forced to.
    fn tell_split(
        &self,
        text: &mut String,
        route: &Route,
        split: &Split,
        seen: &Seen<'_>,
    ) -> Result<(), &'static str> {
        let names = split.targets.iter().map(|target| {
            let upstream = self.config.upstreams.get(target.upstream.0);
            upstream.map_or("", |upstream| upstream.name.as_str())
        });
        let chooser = Chooser::new(&route.name, split, names);
        let headers = &self.asked.headers;
        let picked =
            split.targets.get(chooser.preview(headers, self.asked.client).unwrap_or(usize::MAX));
        let forced = split.force_header.as_ref();
        let forced = forced.map(|name| format!(", forced by header `{name}`")).unwrap_or_default();
        line(text, "split", &format!("by {}{forced}", split.by));
        for target in picked.map_or(split.targets.as_slice(), std::slice::from_ref) {
            let weight = format!(" (weight {})", target.weight);
            self.tell_upstream(text, route, (target.upstream, &weight), seen)?;
        }
        Ok(())
    }

    /// The text stands behind the upstream's name.
    fn tell_upstream(
        &self,
        text: &mut String,
        route: &Route,
        (id, behind): (UpstreamId, &str),
        seen: &Seen<'_>,
    ) -> Result<(), &'static str> {
        let Some(upstream) = self.config.upstreams.get(id.0) else { return Ok(()) };
        line(text, "upstream", &format!("{}{behind}", upstream.name));
        line(text, "  request", &self.request(route, seen)?);
        line(text, "  host", &route_host(route.host.as_ref(), &upstream.host, seen));
        tell_edits(text, "  header", &route.request_headers, seen);
        if upstream.balancing.policy != BalancePolicy::RoundRobin {
            line(text, "  balance", upstream.balancing.policy.as_str());
        }
        for endpoint in &upstream.endpoints {
            let weight = endpoint.weight;
            let label = endpoint_label(endpoint);
            let scheme = if endpoint.is_https { "https" } else { "http" };
            let backup = match endpoint.priority {
                0 => String::new(),
                priority => format!(", priority {priority}"),
            };
            line(text, "  endpoint", &format!("{scheme}://{label} (weight {weight}{backup})"));
        }
        Ok(())
    }
}

/// The changes to field lines, one on a line.
fn tell_edits(text: &mut String, name: &str, edits: &HeaderEdits, seen: &Seen<'_>) {
    let shown = |field: &FieldText| {
        let value = field.value(|| captured(seen));
        value.map_or_else(String::new, |it| String::from_utf8_lossy(it.as_bytes()).into_owned())
    };
    for field in &edits.remove {
        line(text, name, &format!("remove {field}"));
    }
    for (field, value) in &edits.set {
        line(text, name, &format!("set {field}: {}", shown(value)));
    }
    for (field, value) in &edits.add {
        line(text, name, &format!("add {field}: {}", shown(value)));
    }
}

fn captured<'s>(seen: &'s Seen<'_>) -> Captured<'s> {
    let host = seen.host.as_ref().map_or("", |host| &*host.name);
    Captured { path: Cow::Borrowed(&*seen.path.path), host }
}

/// What the upstream sees as `Host`, by the route or else by its own policy.
fn route_host(host: Option<&HostRewrite>, own: &HostPolicy, seen: &Seen<'_>) -> String {
    match host {
        None => host_for(own, seen),
        Some(HostRewrite::Policy(policy)) => host_for(policy, seen),
        Some(HostRewrite::Made(template)) => template.fill_from(&captured(seen)),
    }
}

/// What the upstream sees as `Host`.
fn host_for(policy: &HostPolicy, seen: &Seen<'_>) -> String {
    match (policy, &seen.host) {
        (HostPolicy::Fixed(host), _) => String::from_utf8_lossy(host.as_bytes()).into_owned(),
        (HostPolicy::Client, Some(Host { name, port: Some(port) })) => format!("{name}:{port}"),
        (HostPolicy::Client, Some(Host { name, port: None })) => name.clone().into_owned(),
        (HostPolicy::Endpoint, _) | (HostPolicy::Client, None) => "the endpoint's".to_owned(),
    }
}

/// A name, and what it is, in columns.
fn line(text: &mut String, name: &str, value: &str) {
    // Writing to a String does not fail.
    let _infallible = writeln!(text, "{name:10} {value}");
}

#[cfg(test)]
mod tests;

//! The components that tests load, each as a plugin that can be shaped further.

include!(concat!(env!("OUT_DIR"), "/guests.rs"));

/// A table of `plugins` in gateway.toml.
#[derive(Debug, Clone)]
pub struct Plugin {
    pub(crate) name: String,
    pub(crate) keys: Vec<String>,
    component: String,
}

/// A plugin of a component that `component` names, with nothing else set.
///
/// ```
/// use tidegate_tests::guest;
///
/// let plugin = guest::component("jwt").named("auth").grants("crypto");
/// # drop(plugin);
/// ```
#[must_use]
pub fn component(component: &str) -> Plugin {
    let file = component.rsplit('/').next().unwrap_or(component);
    let name = file.trim_end_matches(".wasm").trim_start_matches("guest_").replace('_', "-");
    let keys = vec![format!("component = {component:?}")];
    Plugin { name, keys, component: component.to_owned() }
}

impl Plugin {
    /// The component's name or file.
    #[must_use]
    pub fn component(&self) -> &str {
        &self.component
    }

    /// Gives it a name of its own, so that one component may be several plugins.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Sets `config` to this inline table.
    #[must_use]
    pub fn config(self, table: &str) -> Self {
        self.key(&format!("config = {table}"))
    }

    /// Grants these capabilities, separated by spaces.
    #[must_use]
    pub fn grants(self, capabilities: &str) -> Self {
        let list: Vec<&str> = capabilities.split_whitespace().collect();
        self.key(&format!("grants = {list:?}"))
    }

    /// Grants requests to these upstreams and origins, and these capabilities as a whole.
    #[must_use]
    pub fn sends(self, upstreams: &[&str], hosts: &[&str], others: &str) -> Self {
        let others: String =
            others.split_whitespace().map(|name| format!(", {name} = true")).collect();
        self.key(&format!(
            "grants = {{ http-client = {{ upstreams = {upstreams:?}, hosts = {hosts:?} }}{others} }}"
        ))
    }

    /// Sets `limits` to this inline table.
    #[must_use]
    pub fn limits(self, table: &str) -> Self {
        self.key(&format!("limits = {table}"))
    }

    /// Goes on without the plugin when it fails.
    #[must_use]
    pub fn skipped_on_error(self) -> Self {
        self.key("on_error = \"skip\"")
    }

    /// Uses instances again.
    #[must_use]
    pub fn pooled(self) -> Self {
        self.key("isolation = \"pooled\"")
    }

    /// Uses instances again for so many calls.
    #[must_use]
    pub fn pooled_for(self, calls: u32) -> Self {
        self.key(&format!("isolation = {{ pooled = {{ calls = {calls} }} }}"))
    }

    /// Adds one line to the table.
    #[must_use]
    pub fn key(mut self, line: &str) -> Self {
        self.keys.push(line.to_owned());
        self
    }
}

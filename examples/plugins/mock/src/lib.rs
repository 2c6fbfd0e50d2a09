//! Answers requests from a table, in place of an API that is not there yet.

use tidegate_plugin::schemars::{self, JsonSchema};
use tidegate_plugin::serde::Deserialize;
use tidegate_plugin::serde_json::{Value, json};
use tidegate_plugin::{Answer, ConfigError, Handled, Handler, Plugin, request};

/// The `config` table of `gateway.toml`.
#[derive(Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", deny_unknown_fields)]
struct Config {
    /// The first that fits is given.
    answers: Vec<Row>,
}

/// One answer, and the requests that it is for.
#[derive(Deserialize, JsonSchema)]
#[serde(crate = "tidegate_plugin::serde", deny_unknown_fields)]
struct Row {
    /// The method; GET if it is left out.
    #[serde(default = "get")]
    method: String,
    /// The path. A segment `*` stands for any one segment.
    path: String,
    /// The status.
    #[serde(default = "ok")]
    status: u16,
    /// The body.
    #[serde(default)]
    json: Value,
}

fn get() -> String {
    "GET".to_owned()
}

const fn ok() -> u16 {
    200
}

/// The table, checked.
struct Mock {
    answers: Vec<Row>,
}

impl Plugin for Mock {
    type Config = Config;

    const SUMMARY: &'static str = "answers requests from a table";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        for (index, row) in config.answers.iter().enumerate() {
            if !row.path.starts_with('/') {
                return Err(ConfigError::at(
                    format!("/answers/{index}/path"),
                    "a path begins with `/`",
                ));
            }
            if !(200..600).contains(&row.status) {
                let message = "a status is from 200 to 599";
                return Err(ConfigError::at(format!("/answers/{index}/status"), message));
            }
        }
        Ok(Self { answers: config.answers })
    }
}

impl Handler for Mock {
    fn handle(&self) -> Handled {
        let (method, path) = (request::method(), request::path());
        let mut fitting = self.answers.iter().filter(|row| fits(&row.path, &path)).peekable();
        if fitting.peek().is_none() {
            return Answer::json(404, &json!({ "message": "nothing is mocked here" })).into();
        }
        match fitting.find(|row| row.method == method) {
            Some(row) => Answer::json(row.status, &row.json).into(),
            None => Answer::json(405, &json!({ "message": "not with this method" })).into(),
        }
    }
}

/// Whether `path` is `pattern`, segment by segment.
fn fits(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let mut wanted = pattern.split('/');
    loop {
        match (wanted.next(), segments.next()) {
            (None, None) => return true,
            (Some(wanted), Some(segment)) if wanted == "*" || wanted == segment => {}
            _ => return false,
        }
    }
}

tidegate_plugin::export!(Mock: Handler);

#[cfg(test)]
mod tests {
    use tidegate_plugin::fake;

    use super::*;

    fn answered(method: &str, path: &str) -> (u16, String) {
        let plugin: Mock = fake::configure(
            r#"{"answers": [
                {"path": "/users/*", "json": {"name": "alice"}},
                {"method": "POST", "path": "/users", "status": 201, "json": {"id": 7}}
            ]}"#,
        )
        .unwrap();
        let outcome = fake::run_handler(&plugin, fake::Exchange::new(method, path));
        let answer = outcome.answer().unwrap();
        (answer.status, answer.body_text())
    }

    #[test]
    fn the_first_row_that_fits_is_the_answer() {
        assert_eq!(answered("GET", "/users/1"), (200, r#"{"name":"alice"}"#.to_owned()));
        assert_eq!(answered("POST", "/users"), (201, r#"{"id":7}"#.to_owned()));
    }

    #[test]
    fn what_is_not_in_the_table_is_told_apart() {
        assert_eq!(answered("GET", "/users/1/orders").0, 404);
        assert_eq!(answered("DELETE", "/users/1").0, 405);
    }

    #[test]
    fn a_mistake_in_the_table_is_shown_where_it_is() {
        let refusal = |config: &str| fake::configure::<Mock>(config).err().unwrap().to_string();
        assert_eq!(
            refusal(r#"{"answers": [{"path": "/a"}, {"path": "b"}]}"#),
            "/answers/1/path: a path begins with `/`"
        );
        assert_eq!(
            refusal(r#"{"answers": [{"path": "/a", "status": 100}]}"#),
            "/answers/0/status: a status is from 200 to 599"
        );
    }
}

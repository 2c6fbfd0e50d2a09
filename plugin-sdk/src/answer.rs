//! What a phase decides.

use std::time::Duration;

use serde::Serialize;

pub use crate::bindings::plugin::tidegate::plugin::types::{
    Answer, BodyAction, Header, HeaderError, RequestAction, ResponseAction,
};

/// Built up from a status:
///
/// ```
/// # use tidegate_plugin::Answer;
/// let answer = Answer::new(403).header("x-reason", "blocked").text("not here\n");
/// assert_eq!(answer.body, b"not here\n");
/// ```
impl Answer {
    /// An answer without headers and body. `status` is from 200 to 599.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// An answer with a JSON body and its `content-type`.
    ///
    /// # Panics
    /// If the value has no JSON form, such as a map with keys that are not text.
    #[must_use]
    pub fn json(status: u16, value: &(impl Serialize + ?Sized)) -> Self {
        let body = serde_json::to_vec(value).expect("the value should have a JSON form");
        Self::new(status).header("content-type", "application/json").body(body)
    }

    /// Adds a header line.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push(Header { name: name.into(), value: value.into() });
        self
    }

    /// Sets the body as it is; a `content-type` is the caller's business.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a body of plain text, with its `content-type`.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.header("content-type", "text/plain; charset=utf-8").body(text.into())
    }
}

impl RequestAction {
    /// Go on, but only after this time, rounded up to a millisecond; at most a minute.
    #[must_use]
    pub fn delay(time: Duration) -> Self {
        let ms = time.as_micros().div_ceil(1000);
        Self::Delay(u32::try_from(ms).unwrap_or(u32::MAX))
    }
}

impl From<Answer> for RequestAction {
    fn from(answer: Answer) -> Self {
        Self::Respond(answer)
    }
}

impl From<Answer> for ResponseAction {
    fn from(answer: Answer) -> Self {
        Self::Respond(answer)
    }
}

impl From<Answer> for BodyAction {
    fn from(answer: Answer) -> Self {
        Self::Respond(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_answer_says_what_it_is() {
        let answer = Answer::json(429, &serde_json::json!({"message": "slow down"}));
        assert_eq!(answer.status, 429);
        assert_eq!(answer.header_text("content-type").as_deref(), Some("application/json"));
        assert_eq!(answer.body_text(), r#"{"message":"slow down"}"#);
    }

    #[test]
    fn a_delay_is_rounded_up_to_a_millisecond() {
        assert_eq!(RequestAction::delay(Duration::from_micros(1)), RequestAction::Delay(1));
        assert_eq!(RequestAction::delay(Duration::from_micros(2000)), RequestAction::Delay(2));
        assert_eq!(RequestAction::delay(Duration::MAX), RequestAction::Delay(u32::MAX));
    }
}

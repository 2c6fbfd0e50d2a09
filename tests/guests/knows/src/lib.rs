//! Looks its caller up by the headers `x-kind` and `x-id`, or `x-name`, and answers with who it is.

use tidegate_plugin::consumers::Consumer;
use tidegate_plugin::serde_json::{Value, json};
use tidegate_plugin::{
    Answer, ConfigError, NoConfig, OnRequest, Plugin, RequestAction, consumers, exchange, request,
};

struct Knows;

impl Plugin for Knows {
    type Config = NoConfig;

    const SUMMARY: &'static str = "answers with who calls";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl OnRequest for Knows {
    fn on_request(&self) -> RequestAction {
        let header = |name: &str| request::header(name).unwrap_or_default();
        if let Some(name) = request::header("x-name") {
            return answer(consumers::by_name(&name).map(|consumer| shown(&consumer)));
        }
        let found = consumers::by_credential(&header("x-kind"), &header("x-id"));
        answer(found.map(|found| {
            let mut who = shown(&found.consumer);
            let secret = found.secret.map(|secret| String::from_utf8_lossy(&secret).into_owned());
            let set = exchange::set_consumer(&found.consumer).is_ok().then(|| {
                (exchange::text_attribute("consumer"), exchange::text_attribute("consumer.groups"))
            });
            if let Some(who) = who.as_object_mut() {
                who.insert("secret".to_owned(), json!(secret));
                who.insert("set".to_owned(), json!(set));
            }
            who
        }))
    }
}

fn answer(who: Option<Value>) -> RequestAction {
    match who {
        Some(who) => Answer::json(200, &who).into(),
        None => Answer::new(401).into(),
    }
}

fn shown(consumer: &Consumer) -> Value {
    json!({
        "name": consumer.name,
        "groups": consumer.groups,
        "attributes": consumer.attributes,
    })
}

tidegate_plugin::export!(Knows: OnRequest);

//! Which exchanges leave a line.

use serde_json::{Value, json};
use tidegate_plugin::Summary;
use tidegate_plugin::fake::{self, Exchange};

use super::{plugin, summary};

/// How many of a thousand exchanges like this one leave a line, and how many are counted as left
/// out.
fn logged(config: &Value, like: &Summary) -> (usize, String) {
    let plugin = plugin(config);
    for number in 0..1_000 {
        let exchange = Exchange::get("/").id(&format!("request-{number}")).summary(like.clone());
        assert_eq!(fake::run_log(&plugin, exchange).messages, []);
    }
    let left_out = fake::metrics::counter("access_log_sampled_out", &[]);
    (fake::output::take("stdout").len(), left_out.to_string())
}

#[test]
fn a_sample_is_a_share_that_the_request_ids_decide() {
    let config = json!({ "sample": 0.1, "template": "$request_id" });
    let (first, left_out) = logged(&config, &summary());
    assert_eq!(first + left_out.parse::<usize>().unwrap(), 1_000);
    assert!((70..=130).contains(&first), "{first}");
    assert_eq!(logged(&config, &summary()).0, first);
    assert_eq!(logged(&json!({ "sample": 0.0 }), &summary()), (0, "1000".to_owned()));
    assert_eq!(logged(&json!({ "sample": 1.0 }), &summary()), (1_000, "0".to_owned()));
    assert_eq!(logged(&json!({}), &summary()), (1_000, "0".to_owned()));
}

#[test]
fn what_went_wrong_is_logged_whatever_the_share() {
    let all = |config: Value, like: Summary| {
        assert_eq!(logged(&config, &like), (1_000, "0".to_owned()), "{config}");
    };
    let none = |config: Value, like: Summary| {
        assert_eq!(logged(&config, &like), (0, "1000".to_owned()), "{config}");
    };
    let status = |status| Summary { status, ..summary() };
    let failed = Summary { failure: Some("connection_reset".to_owned()), ..summary() };
    let incomplete = Summary { complete: false, ..summary() };
    all(json!({ "sample": 0.0 }), status(503));
    all(json!({ "sample": 0.0 }), failed.clone());
    none(json!({ "sample": 0.0 }), status(404));
    none(json!({ "sample": 0.0 }), incomplete.clone());
    all(json!({ "sample": 0.0, "always": ["4xx", "incomplete"] }), status(404));
    all(json!({ "sample": 0.0, "always": ["404"] }), status(404));
    none(json!({ "sample": 0.0, "always": ["404"] }), status(403));
    all(json!({ "sample": 0.0, "always": ["incomplete"] }), incomplete);
    none(json!({ "sample": 0.0, "always": [] }), failed);
    all(json!({ "sample": 0.0, "slow": "12ms" }), summary());
    none(json!({ "sample": 0.0, "slow": "13ms" }), summary());
}

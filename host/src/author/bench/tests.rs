use super::*;

fn quick(isolations: Vec<&'static str>) -> Options {
    let config = json!({ "limit": 1_000_000_000, "per": "hour", "by": "ip" });
    let time = Duration::from_millis(40);
    Options { fixture: None, config: Some(config), isolations, time }
}

#[test]
fn every_cost_has_its_row_and_a_ratio() {
    let subject = Subject::Component(Component::Named("rate-limit".to_owned()));
    let bench = bench(&subject, &quick(vec!["request", "pooled"])).expect("figures");
    let names: Vec<&str> = bench.rows.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "component",
            "load, cold",
            "compile, cold",
            "load, cached",
            "compile, cached",
            "configure",
            "instance memory",
            "instantiate",
            "request, fresh",
            "request, pooled",
        ]
    );
    let json = json(&bench, Some(&bench));
    assert_eq!(json["ratios"]["component"], json!(1.0));
    assert!(json["rows"]["request, pooled"]["median_us"].as_f64().is_some_and(|us| us > 0.0));
    assert!(json["host_calls"]["request"]["counter"].as_u64().is_some_and(|calls| calls == 1));
    let memory = json["rows"]["instance memory"]["bytes"].as_u64().expect("bytes");
    assert!(memory > 1 << 20, "{memory} bytes, with tables");
    let table = table(&bench, Some(&bench));
    assert!(table.contains("request, pooled"), "{table}");
    assert!(table.lines().nth(1).is_some_and(|line| line.ends_with("  1.00")), "{table}");
}

#[test]
fn figures_are_the_median_and_where_eight_of_ten_are() {
    let figure = Figure::of((0..=10).map(Duration::from_micros).collect());
    assert_eq!(figure.to_string(), "      5.00 µs  (1.00 to 9.00)");
    let slow = Figure::of(vec![Duration::from_micros(12_345)]);
    assert_eq!(slow.to_string(), "     12.34 ms");
    assert_eq!(Figure::exact(Unit::Bytes, 1536).to_string(), "       1.5 KiB");
    assert_eq!(figure.ratio(&Figure::of(vec![Duration::from_micros(4)])), Some(1.25));
    assert_eq!(figure.ratio(&Figure::exact(Unit::Time, 0)), None);
}

#[test]
fn a_plugin_that_wants_a_configuration_says_how_to_give_one() {
    let options = Options { config: None, ..quick(vec!["pooled"]) };
    let subject = Subject::Component(Component::Named("rate-limit".to_owned()));
    let error = bench(&subject, &options).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("`--request FIXTURE.toml`"), "{error}");
}

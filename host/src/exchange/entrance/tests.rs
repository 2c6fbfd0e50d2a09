use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};

use super::{Challenges, Early, Failure, RequestHead, Rules, Scheme, early, mark};
use crate::listener::Challenge;

fn request(method: Method, host: &str, target: &str) -> RequestHead {
    RequestHead {
        method,
        scheme: Scheme::Http,
        version: Version::HTTP_11,
        host: host.into(),
        port: Some(8080),
        uri: target.parse().unwrap(),
        path: None,
        path_is_final: false,
        query: None,
        headers: HeaderMap::new(),
    }
}

fn rules(port: u16) -> Rules {
    Rules { redirect_https: Some(port), hsts: None, alt_svc: None }
}

fn elsewhere(
    rules: Option<&Rules>,
    request: &RequestHead,
) -> Result<Option<(StatusCode, String)>, Failure> {
    let found = early(rules, &Challenges::default(), request)?;
    Ok(found.map(|early| match early {
        Early::Elsewhere { status, location } => (status, location),
        Early::Authorization(text) => panic!("{text}"),
    }))
}

fn location(port: u16, request: &RequestHead) -> Option<String> {
    elsewhere(Some(&rules(port)), request).unwrap().map(|(_, location)| location)
}

#[test]
fn a_request_is_sent_to_the_same_place_over_tls() {
    let asked = request(Method::GET, "a.example", "/x/../y?q=1");
    assert_eq!(location(443, &asked).as_deref(), Some("https://a.example/x/../y?q=1"));
    assert_eq!(location(8443, &asked).as_deref(), Some("https://a.example:8443/x/../y?q=1"));
    let address = request(Method::GET, "[::1]", "//b.example/");
    assert_eq!(location(443, &address).as_deref(), Some("https://[::1]//b.example/"));
    assert_eq!(elsewhere(None, &asked), Ok(None));
}

#[test]
fn only_get_and_head_may_become_another_method_on_the_way() {
    let status = |method: Method| {
        let asked = request(method, "a.example", "/");
        elsewhere(Some(&rules(443)), &asked).unwrap().map(|(status, _)| status)
    };
    for method in [Method::GET, Method::HEAD] {
        assert_eq!(status(method), Some(StatusCode::MOVED_PERMANENTLY));
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        assert_eq!(status(method), Some(StatusCode::PERMANENT_REDIRECT));
    }
}

#[test]
fn answers_to_challenges_are_asked_for_without_tls_and_nothing_else() {
    for (path, stays) in [
        ("/.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA", true),
        ("/.well-known/acme-challenge/", false),
        ("/.well-known/acme-challenge/a/../../../users", false),
        ("/.well-known/acme-challenge/a%2Fb", false),
        ("/.well-known/other", false),
    ] {
        let asked = request(Method::GET, "a.example", path);
        assert_eq!(location(443, &asked).is_none(), stays, "{path}");
    }
}

#[test]
fn a_challenge_of_ours_is_answered_with_and_without_rules() {
    let challenges = Arc::<Challenges>::default();
    let _shown = challenges.show(Challenge::Http {
        token: "token".to_owned(),
        authorization: "token.thumbprint".to_owned(),
    });
    let answer = Some(Early::Authorization("token.thumbprint".to_owned()));
    let asked = request(Method::GET, "a.example", "/.well-known/acme-challenge/token");
    assert_eq!(early(None, &challenges, &asked), Ok(answer));
    assert!(early(Some(&rules(443)), &challenges, &asked).is_ok_and(|early| early.is_some()));
    let other = request(Method::GET, "a.example", "/.well-known/acme-challenge/other");
    assert_eq!(early(Some(&rules(443)), &challenges, &other), Ok(None));
}

#[test]
fn who_came_over_tls_stays_and_who_names_no_host_is_refused() {
    let behind_a_proxy =
        RequestHead { scheme: Scheme::Https, ..request(Method::GET, "a.example", "/") };
    assert_eq!(location(443, &behind_a_proxy), None);
    assert_eq!(location(443, &request(Method::OPTIONS, "a.example", "*")), None);
    let nameless = request(Method::GET, "", "/");
    assert!(matches!(
        elsewhere(Some(&rules(443)), &nameless),
        Err(Failure::RequestMalformed("no host to be sent to"))
    ));
}

fn saying(hsts: Option<&'static str>, alt_svc: Option<&'static str>) -> Rules {
    let value = |text: Option<&'static str>| text.map(HeaderValue::from_static);
    Rules { redirect_https: None, hsts: value(hsts), alt_svc: value(alt_svc) }
}

#[test]
fn what_a_response_says_of_its_security_and_of_http3_is_left_alone() {
    let mut headers = HeaderMap::new();
    mark(&saying(None, None), &mut headers);
    assert!(headers.is_empty());
    mark(&saying(Some("max-age=10"), Some("h3=\":443\"")), &mut headers);
    mark(&saying(Some("max-age=0"), Some("clear")), &mut headers);
    let said = |name: &str| headers.get_all(name).iter().cloned().collect::<Vec<_>>();
    assert_eq!(said("strict-transport-security"), ["max-age=10"]);
    assert_eq!(said("alt-svc"), ["h3=\":443\""]);
}

//! Paths as Kong joins them, for those who come from there (`path_handling = "v0"`, its default).

/// Puts `base`, the path of a service, before what a route leaves of a canonical path.
///
/// `prefix` is what the route matched, to the character; all begin with `/`. Exactly one slash stands
/// where the parts meet, and a final slash of the path stays.
pub(super) fn join(base: &str, prefix: &str, strip: bool, path: &str) -> String {
    let open = base.strip_suffix('/');
    if !strip {
        return match (open, path) {
            (Some(open), path) => [open, path].concat(),
            (None, "/") => base.to_owned(),
            (None, path) => [base, path].concat(),
        };
    }
    let rest = without_dots(path.strip_prefix(prefix).unwrap_or(path));
    let has_final_slash = path.len() > 1 && path.ends_with('/');
    match (open, rest) {
        (Some(""), "") => "/".to_owned(),
        (Some(_), "") if has_final_slash => base.to_owned(),
        (Some(open), "") => open.to_owned(),
        (None, "") if has_final_slash => [base, "/"].concat(),
        (None, "") => base.to_owned(),
        (open, rest) if rest.starts_with('/') => [open.unwrap_or(base), rest].concat(),
        (open, rest) => [open.unwrap_or(base), "/", rest].concat(),
    }
}

/// A prefix that ends within a segment may leave dots of it, which Kong swallows.
fn without_dots(rest: &str) -> &str {
    match rest {
        "." | ".." => "",
        _ => rest.strip_prefix("./").or_else(|| rest.strip_prefix("../")).unwrap_or(rest),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::model::{PathMatcher, Rewrite};
    use crate::route::condition::path_holds;
    use crate::route::{path, rewrite};

    /// What the upstream sees; `None` if the route does not match.
    fn upstream(service: &str, route: &str, strip: bool, request: &str) -> Option<String> {
        let canonical = path::canonical(request).expect(request);
        let matcher = PathMatcher::Start { text: route.to_owned(), bare: false };
        let rewrite = Rewrite::Kong { prefix: route.to_owned(), strip, base: service.to_owned() };
        path_holds(&matcher, &canonical.path)
            .then(|| rewrite::apply(&rewrite, &canonical.path).expect(request).into_owned())
    }

    /// The service's path, the route's, whether it is stripped, the request's path, and the upstream's.
    const CELLS: [(&str, &str, bool, &str, &str); 19] = [
        ("/", "/route", true, "/route", "/"),
        ("/", "/route", true, "/route/", "/"),
        ("/", "/route", true, "/routereq", "/req"),
        ("/srv", "/rou", false, "/roureq", "/srv/roureq"),
        ("/srv", "/rou", true, "/roureq", "/srv/req"),
        ("/srv/", "/rou", true, "/rou", "/srv"),
        ("/service", "/", true, "/", "/service"),
        ("/service", "/", false, "/", "/service"),
        ("/service", "/route", true, "/route", "/service"),
        ("/service", "/route", true, "/route/", "/service/"),
        ("/service/", "/route", true, "/route", "/service"),
        ("/service/", "/route/", true, "/route/req", "/service/req"),
        ("/service", "/route", true, "/route../req", "/service/req"),
        ("/service", "/route", true, "/route%2E%2E/req", "/service/req"),
        ("/service", "/route", false, "/route%2E/req", "/service/route./req"),
        // Beyond the table, as Kong's own code has it.
        ("/service/", "/route/", true, "/route/", "/service/"),
        ("/", "/route", false, "/route/x", "/route/x"),
        ("/service/", "/route", false, "/route", "/service/route"),
        ("/service", "/route", true, "/route/req/", "/service/req/"),
    ];

    #[test]
    fn paths_are_joined_as_by_kong() {
        for (service, route, strip, request, expected) in CELLS {
            let got = upstream(service, route, strip, request);
            let cell = format!("{service} {route} {strip} {request}");
            assert_eq!(got.as_deref(), Some(expected), "{cell}");
        }
        assert_eq!(upstream("/", "/route", true, "/rout"), None);
        assert_eq!(upstream("/", "/route/", true, "/route"), None);
    }
}

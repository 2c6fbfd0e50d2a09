//! Paths as Kong joins them, for those who come from there (`path_handling`).

/// As by `v0`, the default: puts `base`, the path of a service, before what a route leaves of a canonical path.
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

/// As by `v1`: nothing is put between the parts, and of two slashes that meet one is left. A path that
/// is not stripped loses its first slash.
pub(super) fn append(base: &str, prefix: &str, strip: bool, path: &str) -> String {
    if !strip {
        return [base, path.strip_prefix('/').unwrap_or(path)].concat();
    }
    let rest = without_dots(path.strip_prefix(prefix).unwrap_or(path));
    match base.strip_suffix('/') {
        Some(open) if rest.starts_with('/') => [open, rest].concat(),
        _ => [base, rest].concat(),
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
    use crate::config::model::{PathHandling, PathMatcher, Rewrite};
    use crate::route::condition::path_holds;
    use crate::route::{path, rewrite};

    /// What the upstream sees; `None` if the route does not match.
    fn upstream(
        handling: PathHandling,
        (service, route, strip, request): (&str, &str, bool, &str),
    ) -> Option<String> {
        let canonical = path::canonical(request).expect(request);
        let matcher = PathMatcher::Start { text: route.to_owned(), bare: false };
        let (prefix, base) = (route.to_owned(), service.to_owned());
        let rewrite = Rewrite::Kong { prefix, strip, base, handling };
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

    /// The same with `path_handling = "v1"`.
    const CELLS_V1: [(&str, &str, bool, &str, &str); 24] = [
        ("/service/", "/route", true, "/route", "/service/"),
        ("/", "/route", true, "/route", "/"),
        ("/", "/route", true, "/route/", "/"),
        ("/", "/route", true, "/routereq", "/req"),
        ("/", "/route/", true, "/route/req", "/req"),
        ("/", "/route", false, "/routereq", "/routereq"),
        ("/srv", "/rou", false, "/roureq", "/srvroureq"),
        ("/srv", "/rou", true, "/roureq", "/srvreq"),
        ("/srv/", "/rou", true, "/rou", "/srv/"),
        ("/srv/", "/rou", false, "/rou", "/srv/rou"),
        ("/service", "/", true, "/", "/service"),
        ("/service", "/", false, "/", "/service"),
        ("/service", "/", true, "/route/req", "/serviceroute/req"),
        ("/service", "/", false, "/route/req", "/serviceroute/req"),
        ("/service", "/route", false, "/route/", "/serviceroute/"),
        ("/service", "/route", true, "/route", "/service"),
        ("/service", "/route", true, "/route/", "/service/"),
        ("/service", "/route/", true, "/route/req", "/servicereq"),
        ("/service", "/route/", true, "/route/", "/service"),
        ("/service/", "/", true, "/", "/service/"),
        ("/service/", "/route", true, "/route/", "/service/"),
        ("/service/", "/route/", true, "/route/", "/service/"),
        ("/service/", "/route/", true, "/route/req", "/service/req"),
        ("/service", "/route", true, "/route../req", "/servicereq"),
    ];

    #[test]
    fn paths_are_joined_as_by_kong() {
        let v0 = CELLS.map(|cell| (PathHandling::V0, cell));
        let v1 = CELLS_V1.map(|cell| (PathHandling::V1, cell));
        for (handling, (service, route, strip, request, expected)) in v0.into_iter().chain(v1) {
            let cell = (service, route, strip, request);
            assert_eq!(
                upstream(handling, cell).as_deref(),
                Some(expected),
                "{handling:?} {cell:?}"
            );
        }
        assert_eq!(upstream(PathHandling::V0, ("/", "/route", true, "/rout")), None);
        assert_eq!(upstream(PathHandling::V0, ("/", "/route/", true, "/route")), None);
    }
}

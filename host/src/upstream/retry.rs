//! Which requests are sent again, and how many.

use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use http::{Extensions, Method, Request, StatusCode, Uri, Version};

use super::backoff::Backoff;
use super::window::Window;
use crate::body::{Held, Replay, RequestBody};
use crate::clock;
use crate::config::{self, RetryFault};
use crate::failure::Failure;

/// Over which a budget is counted, as Linkerd has it.
const BUDGET_WINDOW: Duration = Duration::from_secs(10);
const BUDGET_WINDOW_S: u64 = 10;

/// Which requests of an upstream are sent again, and how many.
#[derive(Debug)]
pub(super) struct Retry {
    policy: config::Retry,
    /// Shared with the next snapshot.
    budget: Arc<Budget>,
}

/// How many requests were sent of late, and how many of them again; over all workers.
///
/// Workers that ask at the same moment may each take the last that is left.
#[derive(Debug)]
struct Budget {
    requests: Window,
    retries: Window,
}

/// What a further try may make good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The connection ended before the response's head.
    Reset,
    /// The head did not come in time.
    Timeout,
    /// The response has one of the statuses that are listed.
    Status,
}

impl Cause {
    /// The metric label.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Status => "status",
        }
    }
}

/// One request that may be sent again.
pub(super) struct Retries<'a> {
    retry: &'a Retry,
    /// As it was before a try changed it.
    head: Head,
    /// Absent if there is no body.
    body: Option<Replay>,
    left: u32,
    backoff: Backoff,
    has_retried: bool,
}

/// A request's head, kept for a further try.
///
/// As a list: most requests are sent once, and a map costs twice as much to copy and to drop.
struct Head {
    method: Method,
    uri: Uri,
    version: Version,
    fields: Vec<(HeaderName, HeaderValue)>,
    extensions: Extensions,
}

impl Head {
    fn of<B>(request: &Request<B>) -> Self {
        let mut fields = Vec::with_capacity(request.headers().len());
        fields.extend(request.headers().iter().map(|(name, value)| (name.clone(), value.clone())));
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            fields,
            extensions: request.extensions().clone(),
        }
    }

    /// The request with this head; lines of one name are in their order.
    fn request<B>(&self, body: B) -> Request<B> {
        let mut request = Request::new(body);
        request.method_mut().clone_from(&self.method);
        request.uri_mut().clone_from(&self.uri);
        *request.version_mut() = self.version;
        request.extensions_mut().clone_from(&self.extensions);
        let headers = request.headers_mut();
        headers.reserve(self.fields.len());
        for (name, value) in &self.fields {
            headers.append(name, value.clone());
        }
        request
    }
}

impl Retry {
    pub(super) fn build(policy: config::Retry, previous: Option<&Self>) -> Self {
        let budget = match previous {
            Some(previous) => Arc::clone(&previous.budget),
            None => Arc::new(Budget::new()),
        };
        Self { policy, budget }
    }

    /// Whether another endpoint is asked if one cannot be connected to.
    pub(super) fn passes_over(&self) -> bool {
        self.covers(RetryFault::Connect)
    }

    fn covers(&self, fault: RetryFault) -> bool {
        self.policy.on.faults.contains(&fault)
    }

    /// From the start of a try to the head of its response.
    pub(super) const fn per_try_timeout(&self) -> Option<Duration> {
        self.policy.per_try_timeout
    }

    /// The longest that is waited because an endpoint asks for it.
    pub(super) const fn max_retry_after(&self) -> Duration {
        self.policy.max_retry_after
    }

    /// Why a request that ended so may be worth a further try.
    pub(super) fn cause_of(&self, failure: &Failure) -> Option<Cause> {
        match failure {
            Failure::ConnectionTerminated | Failure::ConnectionError => {
                self.covers(RetryFault::Reset).then_some(Cause::Reset)
            }
            Failure::ResponseTimeout => self.covers(RetryFault::Timeout).then_some(Cause::Timeout),
            _ => None,
        }
    }

    /// The same of a response.
    pub(super) fn cause_of_status(&self, status: StatusCode) -> Option<Cause> {
        self.policy.on.statuses.contains(&status).then_some(Cause::Status)
    }

    /// Counts a request, and keeps of it what a further try would need; `None` if there may be none.
    ///
    /// What is kept of its body counts on `held`, if that is given.
    pub(super) fn follow(
        &self,
        request: &mut Request<RequestBody>,
        held: Option<&Arc<Held>>,
    ) -> Option<Retries<'_>> {
        let config::Retry { attempts, on, methods, body_bytes, .. } = &self.policy;
        if *attempts == 0 {
            return None;
        }
        self.budget.requests.add(clock::monotonic_us());
        let after_sent = on.faults.iter().any(|fault| *fault != RetryFault::Connect);
        let may_be_sent_again = after_sent || !on.statuses.is_empty();
        if !may_be_sent_again || !methods.contains(request.method()) {
            return None;
        }
        let head = Head::of(request);
        let has_body = request.body().progress().is_some();
        let body = has_body.then(|| {
            let body = Replay::new(std::mem::take(request.body_mut()), *body_bytes, held);
            *request.body_mut() = body.body().unwrap_or_default();
            body
        });
        let backoff = Backoff::new(self.policy.backoff);
        Some(Retries { retry: self, head, body, left: *attempts, backoff, has_retried: false })
    }
}

impl Budget {
    fn new() -> Self {
        Self { requests: Window::of(BUDGET_WINDOW), retries: Window::of(BUDGET_WINDOW) }
    }

    /// Takes one, if there is one left.
    fn take(&self, policy: config::RetryBudget, now_us: u64) -> bool {
        let config::RetryBudget { percent, min_per_second } = policy;
        let share = self.requests.count(now_us).saturating_mul(percent.into()) / 100;
        let most = share.saturating_add(u64::from(min_per_second) * BUDGET_WINDOW_S);
        let is_left = self.retries.count(now_us) < most;
        if is_left {
            self.retries.add(now_us);
        }
        is_left
    }
}

impl Retries<'_> {
    /// Whether there is a try left.
    pub(super) const fn is_left(&self) -> bool {
        self.left > 0
    }

    /// How long to wait before an endpoint is asked again that was asked already.
    ///
    /// Not at all after the first lost connection: most likely it was an idle one that closed in the
    /// moment in which it was used.
    pub(super) fn pause(&mut self, cause: Cause) -> Duration {
        if cause == Cause::Reset && !self.has_retried {
            return Duration::ZERO;
        }
        self.backoff.next()
    }

    /// The request once more, on the budget.
    ///
    /// # Errors
    ///
    /// Why it cannot be had: the metric label.
    pub(super) fn next(&mut self) -> Result<Request<RequestBody>, &'static str> {
        let body = match &self.body {
            None => RequestBody::empty(),
            Some(replay) => replay.body().ok_or("body")?,
        };
        if !self.retry.budget.take(self.retry.policy.budget, clock::monotonic_us()) {
            return Err("budget");
        }
        self.left -= 1;
        self.has_retried = true;
        Ok(self.head.request(body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn a_head_is_kept_whole() {
        let mut request = Request::put("/a?b");
        for (name, value) in [("x-many", "1"), ("host", "a.test"), ("x-many", "2"), ("x-many", "1")]
        {
            request = request.header(name, value);
        }
        let request = request.version(Version::HTTP_2).extension(7_u8).body(()).unwrap();
        let again = Head::of(&request).request(());
        assert_eq!(again.headers(), request.headers());
        assert_eq!((again.method(), again.uri()), (request.method(), request.uri()));
        assert_eq!(again.version(), Version::HTTP_2);
        assert_eq!(again.extensions().get::<u8>(), Some(&7));
    }

    /// How many of 1000 wishes to send again are granted at this moment.
    fn granted(budget: &Budget, percent: u32, min_per_second: u32, now_us: u64) -> usize {
        let policy = config::RetryBudget { percent, min_per_second };
        (0..1000).filter(|_| budget.take(policy, now_us)).count()
    }

    #[test]
    fn a_budget_is_a_share_of_the_traffic_of_the_last_ten_seconds() {
        let budget = Budget::new();
        for request in 0..200 {
            budget.requests.add(request * SECOND / 20);
        }
        assert_eq!(granted(&budget, 20, 0, 9 * SECOND), 40);
        assert_eq!(granted(&budget, 20, 0, 9 * SECOND), 0);
        // The first second with its twenty requests is over.
        assert_eq!(granted(&budget, 20, 0, 10 * SECOND), 0);
        // The retries of the ninth second are forgotten, and with them all requests.
        assert_eq!(granted(&budget, 20, 0, 19 * SECOND), 0);
    }

    #[test]
    fn a_budget_has_a_least_size() {
        let budget = Budget::new();
        assert_eq!(granted(&budget, 20, 3, SECOND), 30);
        assert_eq!(granted(&budget, 20, 3, 10 * SECOND), 0);
        assert_eq!(granted(&budget, 20, 3, 11 * SECOND), 30);
        assert_eq!(granted(&budget, 0, 0, 30 * SECOND), 0);
    }
}

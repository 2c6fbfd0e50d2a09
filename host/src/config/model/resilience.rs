//! How an upstream is kept from being asked for too much, and clients from its faults.

use std::time::Duration;

use http::{Method, StatusCode};

/// When a request is sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// How often one request is sent again at most.
    pub attempts: u32,
    /// What is made good.
    pub on: RetryOn,
    /// Requests that may be sent twice. Never empty.
    pub methods: Vec<Method>,
    /// How many requests of all may be sent again.
    pub budget: RetryBudget,
    /// Of a request's body, kept to be sent again, in bytes.
    pub body_bytes: u64,
    /// From the start of a try to the head of its response; `None` sets no limit of its own.
    pub per_try_timeout: Option<Duration>,
    /// The pause before an endpoint is asked again is about this long the first time; 0 is none.
    pub backoff: Duration,
    /// The longest `Retry-After` that is waited for.
    pub max_retry_after: Duration,
}

/// What a further try may make good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetryOn {
    /// Where there is no response.
    pub faults: Vec<RetryFault>,
    /// Responses with one of these, from 400 to 599.
    pub statuses: Vec<StatusCode>,
}

/// Why there is no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryFault {
    /// No connection: another endpoint is asked, whatever the method, because nothing was sent.
    Connect,
    /// The connection ended before the response's head.
    Reset,
    /// The head did not come in time.
    Timeout,
}

/// How many requests of an upstream may be sent again, over ten seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBudget {
    /// Of its requests, 0 to 100.
    pub percent: u32,
    /// And so many each second, whatever the traffic.
    pub min_per_second: u32,
}

/// When an upstream is left alone for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    /// Failed requests out of a hundred that open it, 1 to 100.
    pub errors: u32,
    /// Fewer requests than that within `window` say nothing; at least 1.
    pub min_requests: u32,
    /// Over which requests are counted; at least 1 s.
    pub window: Duration,
    /// What else opens it.
    pub slow: Option<SlowCalls>,
    /// For how long it stays open.
    pub open: Duration,
    /// Requests that are let through to see whether it may close; at least 1.
    pub half_open: u32,
}

/// Responses that take too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlowCalls {
    /// From which on a response is slow.
    pub threshold: Duration,
    /// Slow responses out of a hundred that open the breaker, 1 to 100.
    pub percent: u32,
}

/// How many at once, and who may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// Under way at once; at least 1.
    pub at_once: usize,
    /// Waiting at once.
    pub queue: usize,
    /// How long each of them waits.
    pub queue_timeout: Duration,
}

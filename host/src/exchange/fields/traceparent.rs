//! The trace that an exchange belongs to (W3C Trace Context).

use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Bytes of `traceparent` in version 00; later ones only add behind them.
const LENGTH: usize = 55;

/// The bit of the flags by which a caller says that it may have recorded its part.
const SAMPLED: u8 = 1;

/// Where an exchange stands in its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::exchange) struct Trace {
    /// Never 0.
    pub(in crate::exchange) trace_id: u128,
    /// Of the gateway's own span; never 0.
    pub(in crate::exchange) span_id: u64,
    /// Of the caller's span; absent if the trace begins here.
    pub(in crate::exchange) parent_id: Option<u64>,
    flags: u8,
}

impl Trace {
    /// Goes on with the request's trace, or begins one if it has none that is valid.
    pub(in crate::exchange) fn of(headers: &HeaderMap) -> Self {
        let span_id = fastrand::u64(1..);
        match parent(headers) {
            Some((trace_id, parent_id, flags)) => {
                Self { trace_id, span_id, parent_id: Some(parent_id), flags: flags & SAMPLED }
            }
            // Sampled: whoever is behind would otherwise record none of what begins here.
            None => {
                Self { trace_id: fastrand::u128(1..), span_id, parent_id: None, flags: SAMPLED }
            }
        }
    }

    /// The same, and tells it to whoever gets these fields next.
    pub(in crate::exchange) fn hand_on(headers: &mut HeaderMap) -> Self {
        let trace = Self::of(headers);
        if trace.parent_id.is_none() {
            // It is about another trace (section 3.3.1.3 of the specification).
            headers.remove(TRACESTATE);
        }
        if let Ok(value) = HeaderValue::try_from(trace.to_string()) {
            headers.insert(TRACEPARENT, value);
        }
        trace
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

/// Trace id, span id and flags of the caller, if there is exactly one valid field.
fn parent(headers: &HeaderMap) -> Option<(u128, u64, u8)> {
    let mut fields = headers.get_all(TRACEPARENT).iter();
    let (field, None) = (fields.next()?, fields.next()) else { return None };
    let field = field.to_str().ok()?;
    let (known, more) = field.split_at_checked(LENGTH)?;
    let mut parts = known.split('-');
    let version = number(parts.next()?, 2)?;
    let trace_id = number(parts.next()?, 32)?;
    let span_id = u64::try_from(number(parts.next()?, 16)?).ok()?;
    let flags = u8::try_from(number(parts.next()?, 2)?).ok()?;
    let is_whole = match version {
        0 => more.is_empty(),
        0xff => false,
        _ => more.is_empty() || more.starts_with('-'),
    };
    (is_whole && parts.next().is_none() && trace_id != 0 && span_id != 0)
        .then_some((trace_id, span_id, flags))
}

/// A number of so many lower-case hexadecimal digits.
fn number(digits: &str, count: usize) -> Option<u128> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() != count || !digits.bytes().all(is_digit) {
        return None;
    }
    u128::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN_ID: &str = "b7ad6b7169203331";

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(TRACEPARENT, line.parse().expect("a value"));
        }
        headers.insert(TRACESTATE, HeaderValue::from_static("vendor=1"));
        headers
    }

    fn goes_on(lines: &[&str]) -> bool {
        let trace = Trace::of(&headers(lines));
        let is_same = trace.parent_id.is_some();
        assert_eq!(is_same, format!("{:032x}", trace.trace_id) == TRACE_ID, "{lines:?}");
        is_same
    }

    #[test]
    fn a_valid_field_is_gone_on_with() {
        assert!(goes_on(&[&format!("00-{TRACE_ID}-{SPAN_ID}-01")]));
        assert!(goes_on(&[&format!("00-{TRACE_ID}-{SPAN_ID}-ff")]));
        assert!(goes_on(&[&format!("cc-{TRACE_ID}-{SPAN_ID}-01")]), "a later version");
        assert!(goes_on(&[&format!("cc-{TRACE_ID}-{SPAN_ID}-01-more")]));
    }

    #[test]
    fn any_other_begins_a_trace() {
        let zeros = "0".repeat(32);
        for field in [
            format!("00-{TRACE_ID}-{SPAN_ID}-01-more"),
            format!("cc-{TRACE_ID}-{SPAN_ID}-01.more"),
            format!("ff-{TRACE_ID}-{SPAN_ID}-01"),
            format!("00-{}-{SPAN_ID}-01", TRACE_ID.to_uppercase()),
            format!("00-{zeros}-{SPAN_ID}-01"),
            format!("00-{TRACE_ID}-0000000000000000-01"),
            format!("00-{TRACE_ID}-{SPAN_ID}-1"),
            format!("00-{TRACE_ID}-{SPAN_ID}-0g"),
            format!("00-{SPAN_ID}-{TRACE_ID}-01"),
            format!("00-+{}-{SPAN_ID}-01", &TRACE_ID[1..]),
            String::new(),
        ] {
            assert!(!goes_on(&[&field]), "{field}");
        }
        let good = format!("00-{TRACE_ID}-{SPAN_ID}-01");
        assert!(!goes_on(&[&good, &good]), "it may stand there once");
        assert!(!goes_on(&[]));
    }

    #[test]
    fn whoever_is_next_is_told_of_the_gateways_span() {
        let mut told = headers(&[&format!("00-{TRACE_ID}-{SPAN_ID}-03")]);
        let trace = Trace::hand_on(&mut told);
        let field = told[TRACEPARENT].to_str().expect("visible");
        assert_eq!(field, format!("00-{TRACE_ID}-{:016x}-01", trace.span_id));
        assert_ne!(format!("{:016x}", trace.span_id), SPAN_ID);
        assert_eq!(told[TRACESTATE], "vendor=1");

        let mut told = headers(&["nonsense"]);
        let trace = Trace::hand_on(&mut told);
        assert_eq!(told[TRACEPARENT].to_str().expect("visible"), trace.to_string());
        assert!(trace.to_string().ends_with("-01"), "what begins here is recorded");
        assert!(!told.contains_key(TRACESTATE), "it was about another trace");
    }
}

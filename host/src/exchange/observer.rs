//! Who looks at exchanges from outside, as the author's tools do.

use std::sync::Arc;

use super::finish::Finisher;
use crate::facts::{Exchange, Finish};

/// Sees exchanges begin and end.
pub trait Observer: Send + Sync {
    /// The request has come in; no plugin has seen it.
    fn begins(&self, exchange: &mut Exchange);

    /// The response is over; log phases come after it.
    fn ends(&self, exchange: &Exchange);
}

/// Shows the beginning, and gives what shows the end before it finishes the exchange.
pub(super) fn attend(
    observer: &Arc<dyn Observer>,
    exchange: &mut Exchange,
    finisher: &Arc<Finisher>,
) -> Arc<dyn Finish> {
    observer.begins(exchange);
    Arc::new(Attended { observer: Arc::clone(observer), finisher: Arc::clone(finisher) })
}

struct Attended {
    observer: Arc<dyn Observer>,
    finisher: Arc<Finisher>,
}

impl Finish for Attended {
    fn finish(&self, exchange: Box<Exchange>) {
        self.observer.ends(&exchange);
        self.finisher.finish(exchange);
    }
}

//! What goes to a route's handler, and what comes back.

use std::sync::Arc;

use http_body_util::BodyExt as _;

use super::{Served, fields, forward};
use crate::body::{Content, RequestBody};
use crate::facts::{Open, ResponseHead, Source};
use crate::failure::Failure;
use crate::plugin::{Answering, Handled, Plugin};

/// Asks the handler, which sees the request as an upstream would.
///
/// A drop ends the call.
pub(super) async fn ask(
    served: &Served<'_>,
    open: &Open,
    plugin: &Arc<Plugin>,
    body: RequestBody,
) -> Result<Handled, Failure> {
    let mut aside = Box::new((**open).clone());
    if let Some(rewrite) = &served.route.rewrite {
        let path = forward::path(&open.request, Some(rewrite))?;
        aside.request.path = Some(path.into());
    }
    let stripped = forward::stripped(served, &open.request);
    fields::prefix(&mut aside.request.headers, served.hop.trusted, stripped);
    let edits = &served.route.request_headers;
    edits.apply(&mut aside.request.headers, || forward::captured(&open.request));
    plugin.handle(Open::detached(aside), body.boxed_unsync()).await
}

/// Takes the handler's answer over into the exchange. A call that still writes it goes on beside,
/// until it is done or the body is dropped.
pub(super) fn answer(served: &Served<'_>, open: &mut Open, handled: Handled) -> Content {
    let Handled { head, attributes, answering, rest } = handled;
    let ResponseHead { status, headers } = head;
    open.attributes = attributes;
    open.respond(Source::Handler, ResponseHead { status, headers });
    let call = rest.map(|rest| served.worker.tasks.spawn(rest).abort_handle());
    match answering {
        Answering::Empty => Content::Empty,
        Answering::Whole(bytes) => bytes.into(),
        Answering::Streamed(mut body) => {
            if let Some(call) = call {
                body.end_with(call);
            }
            Content::streamed(body)
        }
    }
}

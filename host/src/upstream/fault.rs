//! What an error on the upstream's connection says about the upstream.

use std::error::Error as _;

use h2::Reason;

use super::tls;
use crate::body::{io_kind, left_by, peer_left};
use crate::failure::Failure;

/// Before the response's head was in.
pub(super) fn of_head(error: &hyper::Error) -> Failure {
    if error.is_parse() {
        return Failure::ResponseMalformed;
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return Failure::ConnectionTerminated;
    }
    if let Some(failure) = of_tls(error) {
        return failure;
    }
    if let Some(failure) = http2(error).and_then(of_http2) {
        return failure;
    }
    match io_kind(error) {
        Some(kind) if left_by(kind) => Failure::ConnectionTerminated,
        Some(_) => Failure::ConnectionError,
        // Bytes where no response was due.
        None => Failure::ResponseMalformed,
    }
}

/// Whether the endpoint has said that it did nothing with the request: its stream was refused, or is
/// beyond the last one of a GOAWAY (RFC 9113 section 8.7).
pub(super) fn is_unprocessed(error: &hyper::Error) -> bool {
    http2(error).is_some_and(|error| {
        error.is_remote() && (error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM))
    })
}

fn http2(error: &hyper::Error) -> Option<&h2::Error> {
    error.source()?.downcast_ref()
}

/// None of what another layer can tell better.
fn of_http2(error: &h2::Error) -> Option<Failure> {
    if let Some(io) = error.get_io() {
        return Some(match tls::failure(io) {
            Some(failure) => failure,
            None if left_by(io.kind()) => Failure::ConnectionTerminated,
            None => Failure::ConnectionError,
        });
    }
    let is_ended = error.is_remote() && (error.is_go_away() || error.is_reset());
    is_ended.then_some(Failure::ConnectionTerminated)
}

/// In the middle of the response's body.
pub(super) fn of_body(error: &hyper::Error) -> Failure {
    if let Some(failure) = of_tls(error) {
        return failure;
    }
    if peer_left(error) { Failure::ConnectionTerminated } else { Failure::ResponseMalformed }
}

/// What the encryption has to say, such as that a client's certificate is wanted.
fn of_tls(error: &hyper::Error) -> Option<Failure> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return tls::failure(io);
        }
        cause = error.source();
    }
    None
}

//! What an error on the upstream's connection says about the upstream.

use std::error::Error as _;

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
    match io_kind(error) {
        Some(kind) if left_by(kind) => Failure::ConnectionTerminated,
        Some(_) => Failure::ConnectionError,
        // Bytes where no response was due.
        None => Failure::ResponseMalformed,
    }
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

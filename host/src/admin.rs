//! The admin listener: is it alive, is it ready, what has it counted, what is it doing.
//!
//! It asks nobody who they are; that is why it is on loopback unless configured otherwise. What it
//! shows holds no secret: neither lines of the configuration nor values that requests must match.

mod status;

use std::net::TcpListener;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::server::gateway::{Gateway, Phase};
use crate::telemetry::metrics;

/// Serves the admin listener until `closing`, and then to the end of open connections.
pub(crate) async fn serve(socket: TcpListener, gateway: Arc<Gateway>, closing: CancellationToken) {
    let socket = match tokio::net::TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(%error, "the admin listener cannot be served");
            return;
        }
    };
    let served = axum::serve(socket, router(gateway))
        .with_graceful_shutdown(closing.cancelled_owned())
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "the admin listener has ended");
    }
}

fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .route("/status", get(status))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .with_state(gateway)
}

/// The process runs.
async fn healthz() -> &'static str {
    "ok\n"
}

/// It takes requests.
async fn readyz(State(gateway): State<Arc<Gateway>>) -> (StatusCode, String) {
    let phase = gateway.phase();
    let status = match phase {
        Phase::Serving => StatusCode::OK,
        Phase::Starting | Phase::Draining => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, format!("{}\n", phase.as_str()))
}

async fn scrape(State(gateway): State<Arc<Gateway>>) -> Response {
    let metrics = &gateway.services.metrics;
    metrics.set_counters(gateway.services.counters.len());
    for (plugin, tally) in gateway.services.cache.tallies() {
        let cache = metrics.cache(&plugin);
        let bounded = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let counted = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        cache.entries.set(bounded(tally.entries));
        cache.bytes.set(bounded(tally.bytes));
        cache.hits.set(counted(tally.hits));
        cache.misses.set(counted(tally.misses));
        cache.evictions.set(counted(tally.evictions));
    }
    let snapshot = gateway.snapshot.load_full();
    for upstream in &snapshot.upstreams {
        upstream.report();
    }
    for output in snapshot.outputs.iter() {
        metrics.set_output_dropped(output.name(), output.dropped());
    }
    let kind = HeaderValue::from_static(metrics::CONTENT_TYPE);
    ([(CONTENT_TYPE, kind)], metrics.encode()).into_response()
}

async fn status(State(gateway): State<Arc<Gateway>>) -> Response {
    let fresh = HeaderValue::from_static("no-store");
    ([(CACHE_CONTROL, fresh)], Json(status::of(&gateway))).into_response()
}

async fn not_found() -> Response {
    let paths = ["/healthz", "/readyz", "/metrics", "/status"];
    let body = json!({ "error": "there is nothing here", "paths": paths });
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}

async fn method_not_allowed() -> Response {
    let body = json!({ "error": "only GET and HEAD are answered here" });
    (StatusCode::METHOD_NOT_ALLOWED, Json(body)).into_response()
}
